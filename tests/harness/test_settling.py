"""What became of a call that was open when a life ended is found out and paid for once, whatever follows."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.budget import Budget
from harness.clock import Clock
from harness.files import DiskFullError
from harness.interrupt import Interrupts
from harness.journal import read_rows
from harness.journal_reader import Row, read_attempts
from harness.ledger import spent_so_far
from harness.models.contract import CallAttempt, Message, Pause, Reply, ToolSpec, Usage
from harness.models.replay import ReplayModel
from harness.open_calls import CameOf
from harness.past import How
from harness.tools.registry import TOOLS
from tests.harness.lives import Ran, Shop
from tests.harness.test_going_on import SHORT, attempts, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One shop for all runs of this file, with a short script."""
    return Shop(folder=tmp_path_factory.mktemp("shop"), turns=SHORT)


@pytest.fixture(scope="module")
def whole(shop: Shop) -> Ran:
    """The run that nothing disturbed."""
    return shop.run()


@pytest.fixture(scope="module")
def reply(shop: Shop, whole: Ran) -> Reply:
    """What the second call is answered."""
    return ReplayModel(shop.turns, shop.clock).reply(whole.asked[0].sent[1], [tool.spec() for tool in TOOLS.values()])


def lost(whole: Ran) -> list[Row]:
    """The rows of an attempt that failed amid its second call, by nothing that it did."""
    rows = until(whole, "intent", 2)
    last = whole.rows[-1]
    news = {"verdict": "error:infra", "stop": "error:infra", "error": "gone", "calls": last.body["calls"][:1]}
    return [*rows, replace(last, body={**last.body, **news})]


@pytest.mark.parametrize("how", ["restart", "lost"])
def test_a_call_of_an_attempt_that_is_replaced_is_in_doubt(shop: Shop, whole: Ran, how: str) -> None:
    """It may have been paid: its attempt's record says so, though nobody goes on with it."""
    if how == "restart":
        ran = shop.run(until(whole, "intent", 2), how=How.RESTART)
        assert attempts(ran) == [(1, "not_run", "abandoned"), (2, "pass", "finished")]
    else:
        ran = shop.run(lost(whole))
        assert attempts(ran) == [(1, "error:infra", "error:infra"), (2, "pass", "finished")]
    old, new = read_attempts(ran.root)
    assert (ran.kinds().count("in_doubt"), old.in_doubt, old.cost_is_lower_bound) == (1, 1, True)
    assert (new.in_doubt, new.cost_is_lower_bound) == (0, False)
    assert sum(old.phases.values()) == old.wall_ns


@pytest.mark.parametrize("how", ["restart", "lost"])
def test_a_whole_answer_of_an_attempt_that_is_replaced_is_paid(shop: Shop, whole: Ran, reply: Reply, how: str) -> None:
    """It stays in the ledger with its cost."""
    came: dict[str, Any] = {"came_of": lambda *_: CameOf(reply=reply)}
    ran = (
        shop.run(lost(whole), **came) if how == "lost" else shop.run(until(whole, "intent", 2), how=How.RESTART, **came)
    )
    old = read_attempts(ran.root)[0]
    assert [call.turn for call in old.calls] == [1, 2]
    assert old.cost_usd == whole.record.cost_usd
    assert (old.in_doubt, old.cost_is_lower_bound) == (0, False)


def test_finished_only_settles_nothing(shop: Shop, whole: Ran) -> None:
    """What nobody touches is left as it is."""
    ran = shop.run(lost(whole), how=How.FINISHED_ONLY)
    assert "in_doubt" not in ran.kinds()


def test_what_was_written_down_and_cannot_be_read_is_in_doubt(shop: Shop, whole: Ran) -> None:
    """A file that the reader trips over costs the knowledge of one call, not the attempt."""

    def broken(*_: object) -> CameOf:
        raise ZeroDivisionError("a bug in the parser")

    ran = shop.run(until(whole, "intent", 2), came_of=broken)
    assert attempts(ran) == [(1, "pass", "finished")]
    assert ran.record.in_doubt == 1


def without_usage(reply: Reply) -> Reply:
    """The same answer after a failed attempt that may be billed, from a provider that counts nothing."""
    times = reply.attempts[0].times
    before = replace(times, send=times.send - 2000, end=times.send - 1000, deltas=7)
    failed = CallAttempt(times=before, fault="stalled", message="no more came", was_sent=True)
    assert failed.may_be_billed
    return replace(reply, usage=Usage(), attempts=(failed, *reply.attempts))


def test_what_a_settled_call_is_charged_is_what_its_row_says(shop: Shop, whole: Ran, reply: Reply) -> None:
    """Deltas of a call in doubt, of its failed attempts, and of an answer without usage: all count, now and later."""
    text = sum(len(call.arguments) for call in reply.message.tool_calls) // 4
    for came, tokens in (
        (CameOf(deltas=5), 5),
        (CameOf(deltas=5, billable=True, lost_deltas=3), 8),
        (CameOf(nothing=True, billable=True, lost_deltas=3), 3),
        (CameOf(reply=without_usage(reply)), text + 7),
    ):
        begun = replace(whole.rows[0], kind="run_started", trial="", attempt=0, body={})
        rows = [begun, *until(whole, "intent", 2)]
        budget = Budget()
        ran = shop.run(rows, came_of=lambda *_, came=came: came, how=How.RESTART, budget=budget)
        (row,) = (row for row in ran.rows if row.attempt == 1 and row.seq > len(rows) and "charged" in row.body)
        assert row.body["charged"]["output_tokens"] == tokens
        assert row.body["charged"]["cost_usd"] == pytest.approx(tokens * 10 / 1e6)
        earlier = whole.record.calls[0]
        spent, later = budget.spent, spent_so_far(ran.root)
        assert later.output_tokens == spent.output_tokens + (earlier.output_tokens or 0)
        assert later.cost_usd == pytest.approx(spent.cost_usd + (earlier.cost_usd or 0))


def test_an_answer_whose_usage_nobody_told_makes_the_cost_a_lower_bound(shop: Shop, whole: Ran, reply: Reply) -> None:
    """Promoted or not."""
    unknown = replace(reply, usage=Usage())
    ran = shop.run(until(whole, "intent", 2), came_of=lambda *_: CameOf(reply=unknown))
    assert attempts(ran) == [(1, "pass", "finished")]
    assert (ran.record.cost_is_lower_bound, ran.record.cost_usd) == (True, whole.record.calls[0].cost_usd)


class Tripping(ReplayModel):
    """A model whose second answer is lost to an error that no provider makes."""

    def __init__(self, error: Exception, clock: Clock) -> None:
        super().__init__(SHORT, clock)
        self._error = error

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The first turn's answer. Raises the error then."""
        reply = super().reply(messages, tools, left_s)
        if any(message.role == "tool" for message in messages):
            raise self._error
        return reply


def test_a_full_disk_amid_a_call_ends_the_run_and_pays_nothing_twice(shop: Shop, whole: Ran, reply: Reply) -> None:
    """The attempt is interrupted, not replaced; the answer that had come is taken by the next life."""
    interrupts, full = Interrupts(), DiskFullError("no space left")
    root = shop.next_run
    with pytest.raises(DiskFullError, match="no space left"):
        shop.run(open_model=lambda clock: Tripping(full, clock), interrupts=interrupts)
    assert interrupts.flag.is_set()
    (record,) = read_attempts(root)
    assert (record.verdict, record.stop, record.error) == ("not_run", "interrupted", "no space left")
    assert (record.unanswered_calls, record.cost_is_lower_bound) == (1, True)
    later = shop.run(read_rows(root), came_of=lambda *_: CameOf(reply=reply))
    assert (attempts(later), later.turns_asked) == ([(1, "pass", "finished")], [])
    assert (later.record.cost_usd, later.record.unanswered_calls) == (whole.record.cost_usd, 0)


def test_an_error_of_ours_amid_a_call_hides_no_payment(shop: Shop, whole: Ran) -> None:
    """Its attempt is replaced, and says that a call more may be billed."""
    failing = [Tripping(RuntimeError("a bug"), shop.clock)]
    ran = shop.run(open_model=lambda clock: failing.pop() if failing else ReplayModel(SHORT, clock))
    old, new = read_attempts(ran.root)
    assert (old.verdict, old.error) == ("error:infra", "RuntimeError: a bug")
    assert (old.in_doubt, old.cost_is_lower_bound) == (1, True)
    assert (new.verdict, new.cost_usd, new.cost_is_lower_bound) == ("pass", whole.record.cost_usd, False)
    first = next(row for row in ran.rows if row.kind == "record")
    assert first.body["unanswered_calls"] == 1


def late(reply: Reply) -> Reply:
    """The same answer, before whose first request the call had waited for ten minutes."""
    send = reply.attempts[0].times.send
    return replace(reply, pauses=(Pause(t0=send - 600 * 10**9, t1=send, reason="rate_limit"),))


def test_an_answer_for_which_the_call_had_waited_is_graded(shop: Shop, whole: Ran, reply: Reply) -> None:
    """It begins with the wait, which lies after all that was before it."""
    rows = until(whole, "intent", 2)
    ran = shop.run(rows, came_of=lambda *_: CameOf(reply=late(reply)))
    assert attempts(ran) == [(1, "pass", "finished")]
    assert ran.record.sub_phases["wait.rate_limit"] == 600 * 10**9
    assert sum(ran.record.phases.values()) == ran.record.wall_ns


def test_an_attempt_whose_spans_do_not_add_up_is_given_up_all_the_same(shop: Shop, whole: Ran) -> None:
    """What an older version wrote down wrong costs its times, not the run."""
    rows = list(until(whole, "tool_end"))
    spans = [{**span, "t0": -(10**9)} for span in rows[-1].body["spans"]]
    rows[-1] = replace(rows[-1], body={**rows[-1].body, "spans": spans})
    ran = shop.run(rows, how=How.RESTART)
    assert attempts(ran) == [(1, "not_run", "abandoned"), (2, "pass", "finished")]
