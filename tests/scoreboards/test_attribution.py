"""The difference of two models, divided: known answers, and sums to the nanosecond whatever the records hold."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import CallRow, Record
from scoreboards.attribution import Cause, attribution
from scoreboards.erosion import TIMES, erosion
from scoreboards.ledger import ledger, mean_ledger

from .conftest import SECOND, make_call, make_record

Make = Callable[..., Record]
ALONE = dict.fromkeys(Cause, 0)


def trial(*, tokens: int = 200, calls: int = 2, token_s: float = 0.01, first_s: float = 0.5, **phases: float) -> Record:
    """A trial of `calls` calls that decode `tokens` in all, at so many seconds a token; other phases as given."""
    decode, first, connect = tokens * token_s, calls * first_s, calls * 0.1
    subs = {"model.decode": decode, "model.first_token": first, "model.connect": connect, "tool.transport": 0.25}
    return make_record(
        {"model": decode + first + connect, "tool": 4, "setup": 3, "grade": 9, **phases},
        sub_phases={name: round(length * SECOND) for name, length in subs.items()},
        calls=[make_call(turn + 1, decode_tokens=tokens // calls - 1) for turn in range(calls)],
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"token_s": 0.03}, {Cause.DECODE_SPEED: 4 * SECOND}),
        ({"tokens": 600}, {Cause.OUTPUT_TOKENS: 4 * SECOND}),
        ({"first_s": 2.5}, {Cause.FIRST_TOKEN: 4 * SECOND}),
        ({"calls": 4}, {Cause.CALLS: 12 * SECOND // 10}),
        ({"tool": 7}, {Cause.TOOL: 3 * SECOND}),
        ({"wait": 5}, {Cause.WAIT: 5 * SECOND}),
        ({"harness": 1}, {Cause.HARNESS: SECOND}),
        ({"overlap": 2}, {Cause.OVERLAP: 2 * SECOND}),
        ({"setup": 99, "grade": 1}, {}),
    ],
)
def test_what_alone_differs_is_all_of_it(change: dict[str, float], expected: dict[Cause, int]) -> None:
    """Only decode speed differs: all of it in decode; and so on for each cause. Set-up and grading are none."""
    slow, fast = trial(**change), trial()  # type: ignore[arg-type]  # tokens and calls are whole
    assert attribution([(ledger(slow), ledger(fast))]) == ALONE | expected


def test_two_causes_at_once_share_what_both_made() -> None:
    """Twice the tokens at three times the time a token: each is credited with its change at the mean of the other."""
    slow, fast = trial(tokens=400, token_s=0.03), trial(tokens=200, token_s=0.01)
    found = attribution([(ledger(slow), ledger(fast))])
    assert found[Cause.OUTPUT_TOKENS] == 200 * 2 * SECOND // 100
    assert found[Cause.DECODE_SPEED] == 300 * 2 * SECOND // 100
    assert sum(found.values()) == slow.agent_wall_ns - fast.agent_wall_ns


def test_other_way_round_is_the_same_with_the_other_sign() -> None:
    """Whom we call slow decides signs only."""
    a, b = ledger(trial(tokens=400, first_s=1)), ledger(trial(token_s=0.5, calls=8))
    there, back = attribution([(a, b)]), attribution([(b, a)])
    assert {cause: -ns for cause, ns in there.items()} == back


def test_unknown_tokens_leave_all_of_decode_to_the_speed() -> None:
    """A provider that does not count its tokens: nothing is guessed."""
    dumb = trial(tokens=400).model_copy(update={"calls": (make_call(decode_tokens=None, output_tokens=None),)})
    found = attribution([(ledger(dumb), ledger(trial()))])
    assert (found[Cause.OUTPUT_TOKENS], found[Cause.DECODE_SPEED]) == (0, 2 * SECOND)


def test_a_ratio_loses_what_was_not_sped_up() -> None:
    """Ten times the decode speed, the same tools: what is lost of 10x is owed to tools and first tokens."""
    slow, fast = trial(token_s=0.1), trial(token_s=0.01)
    ratio = slow.agent_wall_ns / fast.agent_wall_ns
    found = erosion([(ledger(slow), ledger(fast))], [ratio], 10)
    assert found is not None
    assert sum(found.values()) == pytest.approx(10 - ratio)
    lost = {cause for cause, part in found.items() if abs(part) > 1e-9}
    assert lost == {Cause.TOOL, Cause.TRANSPORT, Cause.FIRST_TOKEN, Cause.CONNECT}
    assert found[Cause.TOOL] / found[Cause.FIRST_TOKEN] == pytest.approx(3.75 / 1)


def test_a_promise_kept_loses_nothing() -> None:
    """Everything ten times as fast: no part; and without a promise or a wall there is none to tell."""
    slow = ledger(trial(token_s=0.1))
    fast = replace(slow, **{name: getattr(slow, name) / 10 for name in TIMES})
    found = erosion([(slow, fast)], [10], 10)
    assert found is not None
    assert max(map(abs, found.values())) < 1e-9
    assert erosion([(slow, fast)], [10], None) is None
    assert erosion([], [], 10) is None


nanoseconds = st.integers(0, 10**13)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record whose sub-phases fit into its phases."""
    model, tool = draw(nanoseconds), draw(nanoseconds)
    first = draw(st.integers(0, model))
    connect = draw(st.integers(0, model - first))
    phases = {name: draw(nanoseconds) for name in ("setup", "overlap", "wait", "grade", "harness")}
    phases |= {"model": model, "tool": tool}
    counts = draw(st.lists(st.none() | st.integers(0, 10**6), max_size=4))
    calls: list[CallRow] = [make_call(decode_tokens=count, output_tokens=None) for count in counts]
    queue = draw(st.integers(0, phases["wait"]))
    subs = {"model.first_token": first, "model.connect": connect, "tool.transport": draw(st.integers(0, tool))}
    subs["wait.tool_slot"] = queue
    made = make_record({}, sub_phases=subs, calls=calls)
    return made.model_copy(update={"phases": phases, "wall_ns": sum(phases.values())})


@given(st.lists(st.tuples(records(), records()), min_size=1, max_size=3), st.floats(0.05, 50))
def test_eroded_parts_lead_from_the_promise_to_the_mean(pairs: list[tuple[Record, Record]], promised: float) -> None:
    """Whatever the records hold, the parts sum to the promise minus the geometric mean of the real ratios."""
    ledgers = [(ledger(a), ledger(b)) for a, b in pairs]
    ratios = [float(a.wall / b.wall) if a.wall and b.wall else 1.0 for a, b in ledgers]
    found = erosion(ledgers, ratios, promised)
    if found is not None:
        real = math.exp(sum(map(math.log, ratios)) / len(ratios))
        assert sum(found.values()) == pytest.approx(promised - real, rel=1e-6, abs=1e-6 * max(map(abs, found.values())))


SIDE = st.lists(records(), min_size=1, max_size=2)


@given(st.lists(st.tuples(SIDE, SIDE), max_size=2))
def test_parts_sum_to_the_difference(pairs: list[tuple[list[Record], list[Record]]]) -> None:
    """To the nanosecond, whatever the records hold; each ledger sums to its wall."""
    ledgers = [(mean_ledger(a), mean_ledger(b)) for a, b in pairs]
    for one in (side for pair in ledgers for side in pair):
        assert one.wall == one.model + one.tool + one.transport + one.overlap + one.wait + one.harness
    assert sum(attribution(ledgers).values()) == round(sum((a.wall - b.wall for a, b in ledgers), start=0))
