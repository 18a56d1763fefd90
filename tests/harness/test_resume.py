"""A run that was killed goes on: nothing that is known is asked, run or paid again, and the outcome is the same."""

from pathlib import Path
from typing import Any

import pytest

from harness.config import TrialLimits
from harness.past import unfinished
from harness.record import Record, Verdict
from harness.same_output import masked
from harness.turns import Turn
from tests.harness.lives import TURNS, Ran, Shop
from tests.harness.play import calls

TIMED = ("_ns", "cpu_s")
"""Ends of names that hold measurements."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One shop for all runs of this file."""
    return Shop(folder=tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def whole(shop: Shop) -> Ran:
    """The run that nothing disturbed."""
    ran = shop.run()
    assert (ran.record.verdict, ran.record.stop, ran.record.turns) == (Verdict.PASS, "finished", 7)
    return ran


def facts(record: Record) -> dict[str, Any]:
    """A record without what was measured, when, on what, and how often it was begun."""
    left_out = {"started_utc", "phases", "sub_phases", "summed", "provenance", "resumed", "lives", "in_doubt", "noise"}
    left_out |= {"wall_ns", "noisy", "cost_is_lower_bound"}
    return {name: untimed(value) for name, value in record.model_dump().items() if name not in left_out}


def untimed(value: Any) -> Any:
    """A value without measured durations and what they cost in memory."""
    if isinstance(value, dict):
        skip = {"peak_memory_bytes", "output_bytes", "kept_bytes"}
        return {k: untimed(v) for k, v in value.items() if not k.endswith(TIMED) and k not in skip}
    return [untimed(one) for one in value] if isinstance(value, list | tuple) else value


def said(ran: Ran) -> list[dict[str, Any]]:
    """The transcript, the name of its workspace and what differs by nature left out."""
    opening = next(row.body for row in ran.rows if row.body.get("note") == "opening")
    return [{**message, "content": masked(message["content"], opening["workspace"])} for message in ran.messages()]


def check(resumed: Ran, whole: Ran, known: int) -> None:
    """Whatever was known before, all is as if nothing had happened, but for what is said to be resumed."""
    record = resumed.record
    assert facts(record) == facts(whole.record)
    assert said(resumed) == said(whole)
    assert resumed.text("difference.patch") == whole.text("difference.patch")
    assert untimed(resumed.text("tests.json")).count("ok") == whole.text("tests.json").count("ok")
    assert sum(record.phases.values()) == record.wall_ns
    answered = [row.body["turn"] for row in resumed.rows[:known] if row.kind == "response"]
    assert answered + resumed.turns_asked == list(range(1, len(whole.record.calls) + 1))
    before = [span for row in resumed.rows[:known] for span in row.body.get("spans", ())]
    spans = resumed.spans()
    assert all(span in spans for span in before)
    assert resumed.kinds().count("tool_end") == whole.kinds().count("tool_end")


@pytest.mark.slow
@pytest.mark.parametrize("share", range(4))
def test_a_run_that_was_killed_after_any_row_comes_to_the_same(shop: Shop, whole: Ran, share: int) -> None:
    """Verdict, calls, costs, files and messages; the model is asked for what is missing, and nothing else."""
    rows = whole.rows
    for known in range(share, len(rows), 4):
        resumed = shop.run(rows[:known], whole.root / "bodies")
        check(resumed, whole, known)
        record, begun = resumed.record, known > 0
        assert (record.resumed, record.lives) == (begun, 1 + begun)
        in_doubt = begun and rows[known - 1].kind == "intent"
        assert record.in_doubt == in_doubt == resumed.kinds().count("in_doubt")
        assert record.cost_is_lower_bound == in_doubt


def test_a_finished_run_needs_nothing(whole: Ran) -> None:
    """Its record is a verdict."""
    assert unfinished([whole.trial.id, "other"], [whole.record]) == ("other",)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_comes_to_the_same(shop: Shop, whole: Ran) -> None:
    """Each life is killed at its second call; what is in doubt adds up."""
    rows, lives = whole.rows[:4], 1
    while True:
        lives += 1
        resumed = shop.run(rows, whole.root / "bodies")
        check(resumed, whole, len(rows))
        assert (resumed.record.lives, resumed.kinds().count("resumed")) == (lives, lives - 1)
        assert resumed.record.in_doubt == resumed.kinds().count("in_doubt") == lives - 1
        calls_made = [row.seq for row in resumed.rows[len(rows) :] if row.kind == "intent"]
        if len(calls_made) < 2:
            break
        rows = resumed.rows[: calls_made[1]]
    assert lives == len(TURNS) + 1


THINK = Turn(content="Hm.")
BROKEN = calls(*[("edit", "{no json")] * 3)
LONG = calls(("shell", {"command": "seq 1 2000; echo double >> calc.txt"}))
ENDINGS: dict[str, tuple[tuple[Turn, ...], dict[str, Any], Verdict]] = {
    "limit:turns": ((LONG, LONG, LONG), {"limits": TrialLimits(turns=2)}, Verdict.PASS),
    "limit:tokens": ((LONG, LONG, LONG), {"limits": TrialLimits(output_tokens=20)}, Verdict.PASS),
    "limit:cost": ((LONG, LONG, LONG), {"limits": TrialLimits(cost_usd=0.001)}, Verdict.PASS),
    "limit:malformed_calls": ((LONG, BROKEN, BROKEN), {}, Verdict.PASS),
    "refused": ((LONG, LONG.model_copy(update={"ending": "refusal"})), {}, Verdict.PASS),
    "context_exhausted": ((LONG, LONG, LONG), {"context_window": 900}, Verdict.PASS),
    "error:provider": ((LONG,), {}, Verdict.ERROR_PROVIDER),
    "finished": ((LONG, THINK, THINK), {}, Verdict.PASS),
}


@pytest.mark.slow
@pytest.mark.parametrize("stop", ENDINGS)
def test_whatever_ends_an_attempt_ends_it_in_its_second_life_too(tmp_path: Path, stop: str) -> None:
    """Limits, counters, shortened outputs: all stand as they would have stood, at whichever turn the kill came."""
    turns, settings, verdict = ENDINGS[stop]
    shop = Shop(folder=tmp_path, turns=turns, **settings)
    whole = shop.run()
    assert (whole.record.stop, whole.record.verdict) == (stop, verdict)
    if stop == "context_exhausted":
        assert whole.record.shortened_outputs
    kinds = whole.kinds()
    for known in (place for place, kind in enumerate(kinds, 1) if kind in {"response", "call_failed", "export"}):
        resumed = shop.run(whole.rows[:known], whole.root / "bodies")
        if stop == "error:provider" and "call_failed" in kinds[:known]:  # what the provider failed is tried again
            assert (resumed.record.verdict, resumed.turns_asked) == (verdict, [2])
            continue
        assert facts(resumed.record) == facts(whole.record)
        assert said(resumed) == said(whole)
