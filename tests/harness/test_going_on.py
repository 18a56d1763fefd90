"""What becomes of each kind of unfinished attempt: it goes on, is graded, starts over, or is left alone."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Self

import pytest

from harness.budget import Budget
from harness.clock import Clock, ManualClock
from harness.config import TrialLimits
from harness.errors import InfraError, ProviderError
from harness.interrupt import Interrupts
from harness.journal import read_rows
from harness.journal_reader import Row, read_attempts
from harness.models.contract import CallFailedError, Message, Reply, ToolSpec
from harness.models.replay import ReplayModel
from harness.open_calls import CameOf
from harness.past import How, OpenCall, Past, Step, past_of, unfinished
from harness.record import Verdict
from harness.run_budget import RunBudget
from harness.tools.registry import TOOLS
from harness.turns import Turn
from sandbox.contract import BoxSpec, CommandResult, Export, Sandbox, SandboxProvider
from sandbox.errors import NothingToReopenError, SandboxError
from tests.harness.lives import Ran, Shop
from tests.harness.play import FINISH, calls
from tests.harness.test_resume import check, facts

DOUBLE = calls(("shell", {"command": "echo double >> calc.txt; echo 'took 0.12s'"}))
SHORT = (DOUBLE, FINISH)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One shop for all runs of this file, with a short script."""
    return Shop(folder=tmp_path_factory.mktemp("shop"), turns=SHORT)


@pytest.fixture(scope="module")
def whole(shop: Shop) -> Ran:
    """The run that nothing disturbed."""
    ran = shop.run()
    assert ran.record.verdict is Verdict.PASS
    return ran


def until(ran: Ran, kind: str, nth: int = 1) -> tuple[Row, ...]:
    """The rows up to and with the nth one of a kind (or note)."""
    places = [place for place, found in enumerate(ran.kinds()) if found == kind]
    return ran.rows[: places[nth - 1] + 1]


def attempts(ran: Ran) -> list[tuple[int, str, str]]:
    """Of each attempt its number, verdict and stop."""
    return [(record.attempt, record.verdict.value, record.stop) for record in read_attempts(ran.root)]


def past(rows: Sequence[Row]) -> Past:
    """What rows say; there are some."""
    found = past_of(rows)
    assert found is not None
    return found


def step_after(ran: Ran, kind: str) -> Step:
    """What is next once that row was written."""
    return past(until(ran, kind)).step


def test_rows_tell_what_comes_next(whole: Ran) -> None:
    """An agent at work goes on; what was handed in is graded; a record that is no verdict is another attempt's turn."""
    assert step_after(whole, "trial_started") is Step.GO_ON
    assert step_after(whole, "export") is Step.GO_ON
    assert step_after(whole, "submission") is Step.GRADE
    assert past_of(()) is None
    *rows, last = whole.rows

    def ending(verdict: str, stop: str, rows: Sequence[Row]) -> Step:
        return past([*rows, replace(last, body={**last.body, "verdict": verdict, "stop": stop})]).step

    early = until(whole, "response")
    assert ending("error:infra", "finished", rows) is Step.GRADE
    assert ending("error:infra", "error:infra", early) is Step.ANEW
    assert ending("error:provider", "error:provider", early) is Step.ANEW
    assert ending("not_run", "interrupted", early) is Step.GO_ON
    assert ending("not_run", "deferred", early) is Step.GO_ON
    assert ending("not_run", "budget", early) is Step.GO_ON
    assert ending("not_run", "diverged", early) is Step.ANEW
    assert ending("not_run", "deferred", ()) is Step.BEGIN


def test_a_call_that_ended_in_a_call_of_no_reply_is_made_again_or_not(whole: Ran) -> None:
    """What we or the provider broke off is asked again; what the model's own doing ended, ends the attempt again."""
    rows = until(whole, "intent", 2)
    failed = replace(rows[-1], kind="note")
    body = {"note": "call_failed", "turn": 2, "at_ns": 10**12, "spans": [], "error": "e", "faults": ["x"]}
    for stop, billable, ends in (
        ("interrupted", True, False),
        ("error:provider", False, False),
        ("refused", True, True),
    ):
        known = past([*rows, replace(failed, body={**body, "stop": stop, "billable": billable})])
        assert known.open_call is None
        assert (2 in known.recorded.failures) == ends
        assert known.recorded.unanswered_calls == billable
        assert known.elapsed_ns == 10**12


def test_a_grade_that_was_lost_is_made_again_without_the_agent(shop: Shop, whole: Ran) -> None:
    """In the same process: the journalled submission is graded, no model is opened a second time."""
    provider = Failing(inner=provider_of(shop), role="grade", times=1)
    ran = shop.run(provider=provider)
    assert attempts(ran) == [(1, "pass", "finished")]
    assert len(ran.asked) == 1
    assert facts(ran.record) == facts(whole.record)
    assert ran.kinds().count("record") == 2
    assert ran.messages()[2:] == whole.messages()[2:]
    assert sum(ran.record.phases.values()) == ran.record.wall_ns


def test_a_grade_that_stays_lost_costs_no_second_trial(shop: Shop, whole: Ran) -> None:
    """After two gradings it is an error of infrastructure, which a later process grades."""
    lost = shop.run(provider=Failing(inner=provider_of(shop), role="grade", times=99))
    assert attempts(lost) == [(1, "error:infra", "finished")]
    assert (len(lost.asked), lost.kinds().count("record")) == (1, 2)
    for how in How:
        later = shop.run(lost.rows, lost.root / "bodies", how=how)
        assert not later.asked
        assert attempts(later) == [(1, "pass", "finished")]
        check(later, whole, len(lost.rows))


def test_an_agent_that_lost_its_sandbox_starts_over(shop: Shop) -> None:
    """At most twice."""
    ran = shop.run(provider=Failing(inner=provider_of(shop), role="agent", times=1))
    assert attempts(ran) == [(1, "error:infra", "error:infra"), (2, "pass", "finished")]
    gone = shop.run(provider=Failing(inner=provider_of(shop), role="agent", times=99))
    assert [number for number, _, _ in attempts(gone)] == [1, 2]
    assert attempts(shop.run(gone.rows))[-1] == (3, "pass", "finished")


def test_a_call_that_does_otherwise_the_second_time_is_no_basis(shop: Shop, whole: Ran) -> None:
    """The attempt ends as diverged, its cost kept; a new one begins at once, and its place is told."""
    rows = [altered(row, "double", "tripled") for row in until(whole, "tool_end")]
    ran = shop.run(rows)
    assert attempts(ran) == [(1, "not_run", "diverged"), (2, "pass", "finished")]
    first = read_attempts(ran.root)[0]
    assert (len(first.calls), first.cost_usd) == (1, whole.record.calls[0].cost_usd)
    assert "turn 1, call 1 (shell" in first.error
    (note,) = (row.body for row in ran.rows if row.body.get("note") == "diverged")
    assert (note["turn"], note["index"], note["tool"]) == (1, 0, "shell")
    assert ran.turns_asked == [1, 2]


def test_an_agent_that_had_ended_is_not_paid_again_for_a_lost_export(shop: Shop, whole: Ran) -> None:
    """Its tool calls are run again in another sandbox, and what they made is brought out of that; twice at most."""
    ran = shop.run(provider=Stuck(inner=provider_of(shop), times=1))
    assert attempts(ran) == [(1, "pass", "finished")]
    assert (ran.turns_asked, ran.kinds().count("record")) == ([1, 2], 2)
    check(ran, whole, 0)
    lost = shop.run(provider=Stuck(inner=provider_of(shop), times=99))
    assert (attempts(lost), lost.turns_asked) == ([(1, "error:infra", "finished")], [1, 2])
    later = shop.run(lost.rows)
    assert (attempts(later), later.turns_asked) == ([(1, "pass", "finished")], [])
    again = shop.run(lost.rows, how=How.RESTART)
    assert attempts(again) == [(1, "not_run", "abandoned"), (2, "pass", "finished")]


def test_the_start_of_a_tool_is_on_disk_before_it_runs(shop: Shop) -> None:
    """Where there is no such row nothing ran, and a sandbox that was left may be gone on with."""
    root = shop.next_run
    seen: list[str] = []
    shop.run(provider=Looking(inner=provider_of(shop), look=lambda: seen.append(read_rows(root)[-1].kind)))
    assert seen == ["tool_start"]


def altered(row: Row, old: str, new: str) -> Row:
    """A tool's end that tells of another output."""
    if row.kind != "tool_end":
        return row
    return replace(row, body={**row.body, "content": f"{old} {new}\n{row.body['content']}"})


def test_restarting_takes_a_new_attempt_and_keeps_the_old_ones_cost(shop: Shop, whole: Ran) -> None:
    """The unfinished attempt gets a record of what it cost."""
    ran = shop.run(until(whole, "tool_end"), how=How.RESTART)
    assert attempts(ran) == [(1, "not_run", "abandoned"), (2, "pass", "finished")]
    old = read_attempts(ran.root)[0]
    assert old.cost_usd == whole.record.calls[0].cost_usd
    assert [call.turn for call in old.tool_calls] == [1]
    assert sum(old.phases.values()) == old.wall_ns == past(until(whole, "tool_end")).elapsed_ns


def test_finished_only_asks_nobody(shop: Shop, whole: Ran) -> None:
    """What is not handed in is left as it is; what is, is graded."""
    left = shop.run(until(whole, "export"), how=How.FINISHED_ONLY)
    assert (left.asked, left.kinds()) == ([], whole.kinds()[: len(left.kinds())])
    graded = shop.run(until(whole, "submission"), whole.root / "bodies", how=How.FINISHED_ONLY)
    assert (graded.asked, attempts(graded)) == ([], [(1, "pass", "finished")])


def test_an_attempt_whose_provider_is_lost_can_go_on_later(shop: Shop, whole: Ran) -> None:
    """Its record keeps what was paid; once the provider is back it goes on; what was handed in is graded anyway."""
    rows = until(whole, "tool_end")
    lost = shop.run(rows, unavailable=lambda _trial: ProviderError("the key is wrong"))
    assert attempts(lost) == [(1, "not_run", "interrupted")]
    assert (lost.record.error, len(lost.record.calls)) == ("the key is wrong", 1)
    check(shop.run(lost.rows), whole, len(lost.rows))
    bodies = whole.root / "bodies"
    graded = shop.run(until(whole, "submission"), bodies, unavailable=lambda _trial: InfraError("no"))
    assert attempts(graded) == [(1, "pass", "finished")]


def test_rows_of_an_older_splitclock_are_started_over(shop: Shop, whole: Ran) -> None:
    """Their attempt keeps its cost, and nobody goes on with it."""
    strange = {"at_ns", "spans", "request", "index", "finished"}
    rows = [
        replace(row, body={name: value for name, value in row.body.items() if name not in strange})
        for row in until(whole, "tool_end")
        if row.body.get("note") not in {"opening", "boxed"}
    ]
    ran = shop.run(rows)
    assert attempts(ran) == [(1, "not_run", "abandoned"), (2, "pass", "finished")]
    assert read_attempts(ran.root)[0].cost_usd == whole.record.calls[0].cost_usd


def test_an_answer_that_had_come_whole_is_taken_and_not_asked_again(shop: Shop, whole: Ran) -> None:
    """It takes its own time on the attempt's line, from its intent on; nothing is in doubt."""
    rows = until(whole, "intent", 2)
    sent = shop.run()  # for an answer with moments of another process's clock
    reply = answer(shop, sent)
    ran = shop.run(rows, came_of=lambda _trial, _attempt, call: CameOf(reply=promised(reply, call)))
    assert ran.turns_asked == []
    (row,) = (row for row in ran.rows if row.body.get("promoted"))
    assert (row.kind, row.body["turn"]) == ("response", 2)
    assert row.body["at_ns"] == past(rows).elapsed_ns + reply.times.end - reply.times.send
    assert facts(ran.record)["calls"] == facts(whole.record)["calls"]
    assert (ran.record.verdict, ran.record.in_doubt, ran.record.cost_is_lower_bound) == (Verdict.PASS, 0, False)
    (again,) = (row for row in shop.run(ran.rows[: row.seq]).rows if row.body.get("promoted"))
    assert again.body == row.body


def answer(shop: Shop, ran: Ran) -> Reply:
    """What the script's last turn answers to that run's last request."""
    return ReplayModel(shop.turns, shop.clock).reply(ran.asked[0].sent[1], [tool.spec() for tool in TOOLS.values()])


def promised(reply: Reply, call: OpenCall) -> Reply:
    """The answer, if that is what was asked."""
    assert call.turn == 2
    return reply


def test_a_request_that_never_left_is_not_in_doubt(shop: Shop, whole: Ran) -> None:
    """It is just made."""
    ran = shop.run(until(whole, "intent", 2), came_of=lambda *_: CameOf(nothing=True))
    assert (ran.record.in_doubt, ran.turns_asked) == (0, [2])
    first, second = (row.body["request"] for row in ran.rows if row.kind == "intent" and row.body["turn"] == 2)
    assert first == second


def test_a_doubt_says_how_much_had_come(shop: Shop, whole: Ran) -> None:
    """Its row has what is known."""
    ran = shop.run(until(whole, "intent", 2), came_of=lambda *_: CameOf(received_bytes=7, deltas=2))
    (doubt,) = (row.body for row in ran.rows if row.kind == "in_doubt")
    assert (doubt["turn"], doubt["received_bytes"], doubt["deltas"]) == (2, 7, 2)
    assert ran.record.in_doubt == 1


def test_a_sandbox_that_was_left_is_gone_on_with(shop: Shop) -> None:
    """Nothing is run again in it; only where it is known to stand where the record ends."""
    with ExitStack() as boxes:
        left = Keeping(inner=provider_of(shop), boxes=boxes)
        first = shop.run(provider=left, open_model=lambda clock: Killed(SHORT[:1], clock))
        assert attempts(first)[0][1] == "error:infra"
        ran = shop.run(until(first, "tool_end"), provider=left)
        assert left.reopened == 1
        assert (ran.record.verdict, "setup.replay" in ran.record.sub_phases) == (Verdict.PASS, False)
        assert "\n+double\n" in ran.text("difference.patch")
        assert not past(until(first, "tool_start")).whole_box
        assert not past(until(first, "trial_started")).whole_box


def test_a_sandbox_that_an_ended_life_did_not_remove_is_nobodys(shop: Shop, whole: Ran) -> None:
    """Who wrote a record has removed its own: what is found then is an older one, and goes before a new one is made."""
    rows = until(whole, "tool_end")
    ended = {**whole.rows[-1].body, "verdict": "not_run", "stop": "interrupted"}
    with ExitStack() as boxes:
        left = Keeping(inner=provider_of(shop), boxes=boxes)
        shop.run(provider=left, open_model=lambda clock: Killed(SHORT[:1], clock))
        ran = shop.run([*rows, replace(whole.rows[-1], body=ended)], provider=left)
        assert left.reopened == 1
        assert (ran.record.verdict, "setup.replay" in ran.record.sub_phases) == (Verdict.PASS, True)
        assert "\n+double\n" in ran.text("difference.patch")


def test_a_sandbox_that_is_gone_is_made_anew(shop: Shop, whole: Ran) -> None:
    """Where there is nothing to go on with, the calls are run again."""
    with ExitStack() as boxes:
        ran = shop.run(until(whole, "tool_end"), provider=Keeping(inner=provider_of(shop), boxes=boxes))
    assert (ran.record.verdict, "setup.replay" in ran.record.sub_phases) == (Verdict.PASS, True)


def provider_of(shop: Shop) -> SandboxProvider:
    """The shop's own."""
    assert shop.provider is not None
    return shop.provider


@dataclass(kw_only=True)
class Passing:
    """A provider like another one."""

    inner: SandboxProvider

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(kw_only=True)
class Failing(Passing):
    """One whose first sandboxes for a role cannot be had."""

    role: str
    times: int

    def open(self, spec: BoxSpec) -> Sandbox:
        """The inner one's, or SandboxError."""
        if spec.identity.role == self.role and self.times:
            self.times -= 1
            raise SandboxError("the engine is away")
        return self.inner.open(spec)


@dataclass(kw_only=True)
class Stuck(Passing):
    """One from whose agents' first sandboxes nothing can be brought out."""

    times: int

    def open(self, spec: BoxSpec) -> Any:
        """The inner one's, or one that is stuck."""
        box = self.inner.open(spec)
        if spec.identity.role != "agent" or not self.times:
            return box
        self.times -= 1
        return Held(inner=box)


@dataclass(kw_only=True)
class Looking(Passing):
    """One whose sandboxes for agents have somebody look when a command runs."""

    look: Callable[[], None]

    def open(self, spec: BoxSpec) -> Any:
        """The inner one's."""
        box = self.inner.open(spec)
        return Held(inner=box, look=self.look) if spec.identity.role == "agent" else box


@dataclass(kw_only=True)
class Held:
    """A sandbox like another one, but that nothing comes out of it, or somebody looks on."""

    inner: Sandbox
    look: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __enter__(self) -> Self:
        """Enters the inner one."""
        self.inner.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Leaves it."""
        self.inner.__exit__(*exc_info)

    def run(self, *arguments: Any) -> CommandResult:
        """The inner one's."""
        if self.look is not None:
            self.look()
        return self.inner.run(*arguments)

    def export(self, *arguments: Any) -> Export:
        """The inner one's. Raises SandboxError."""
        if self.look is None:
            raise SandboxError("the engine is away")
        return self.inner.export(*arguments)


@dataclass(kw_only=True)
class Keeping(Passing):
    """One that keeps the agent's latest sandbox for whoever asks for it again, once, and all open to the end."""

    boxes: ExitStack
    reopened: int = 0
    kept: Sandbox | None = None

    def open(self, spec: BoxSpec) -> Sandbox:
        """The inner one's."""
        box = self.inner.open(spec)
        if spec.identity.role != "agent":
            return box
        self.kept = self.boxes.enter_context(box)
        return Lent(box)

    def reopen(self, _spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """The one that was kept."""
        kept, self.kept = self.kept, None
        if kept is None:
            raise NothingToReopenError("none is left")
        self.reopened += 1
        return Lent(kept)


@dataclass
class Lent:
    """A sandbox that is neither entered, nor left, nor killed by who has it: as if its process died."""

    inner: Sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing is removed."""


class Killed(ReplayModel):
    """A model whose script is all there is: then it is as if the machine went."""

    def reply(self, *arguments: Any) -> Reply:
        """The next turn's answer. Raises InfraError."""
        try:
            return super().reply(*arguments)
        except CallFailedError:
            raise InfraError("the lights went out") from None


class Stopping(ReplayModel):
    """A model that is asked when the user stops the run: it is closed amid the call."""

    def __init__(self, turns: Sequence[Turn], clock: Clock, interrupts: Interrupts) -> None:
        super().__init__(turns, clock)
        self._interrupts = interrupts
        self._ended = Event()

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The first turn's answer; the second call is interrupted."""
        if any(message.role == "tool" for message in messages):
            self._interrupts.interrupt()
            self._ended.wait(60)
        return super().reply(messages, tools, left_s)

    def close(self) -> None:
        """The user's stop has come through."""
        super().close()
        self._ended.set()


def test_an_interrupted_attempt_goes_on_as_the_same_attempt(shop: Shop, whole: Ran) -> None:
    """Its record is replaced; the call that was cut off may be billed, which stays in the ledger."""
    interrupts = Interrupts()
    stopped = shop.run(interrupts=interrupts, open_model=lambda clock: Stopping(SHORT, clock, interrupts))
    assert attempts(stopped) == [(1, "not_run", "interrupted")]
    assert unfinished([stopped.trial.id], [stopped.record]) == (stopped.trial.id,)
    resumed = shop.run(stopped.rows)
    assert attempts(resumed) == [(1, "pass", "finished")]
    assert (resumed.record.resumed, resumed.record.lives, resumed.turns_asked) == (True, 2, [2])
    assert (resumed.record.unanswered_calls, resumed.record.cost_is_lower_bound) == (1, True)
    assert (resumed.record.in_doubt, resumed.record.cost_usd) == (0, whole.record.cost_usd)
    assert [one["content"] for one in resumed.messages()[2:]] == [one["content"] for one in whole.messages()[2:]]


def slow(seconds: int) -> Turn:
    """A call that does its work and then takes its time."""
    return calls(("shell", {"command": f"echo double >> calc.txt; sleep {seconds}"}))


def test_a_command_that_the_wall_limit_cut_off_is_cut_off_again(tmp_path: Path) -> None:
    """Run again it has no more time than it had, and so does what it did."""
    shop = Shop(folder=tmp_path, turns=(slow(30), FINISH), limits=TrialLimits(wall_s=2))
    whole = shop.run()
    assert (whole.record.stop, whole.record.tool_calls[0].timed_out) == ("limit:wall", True)
    resumed = shop.run(until(whole, "tool_end"))
    assert attempts(resumed) == [(1, "pass", "limit:wall")]
    assert resumed.messages()[2:] == whole.messages()[2:]


def test_what_the_run_has_left_cuts_no_tool(tmp_path: Path) -> None:
    """Gone on with under a larger budget, it would have come to something else."""
    shop = Shop(folder=tmp_path, turns=(slow(3), FINISH))
    ran = shop.run(budget=Budget(RunBudget(wall_s=2), clock=ManualClock()))
    assert (ran.record.verdict, ran.record.tool_calls[0].timed_out) == (Verdict.PASS, False)


class Busy(ReplayModel):
    """A model whose provider wants to be left alone from the second call on."""

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:
        """The first turn's answer. Raises CallFailedError."""
        if any(message.role == "tool" for message in messages):
            raise CallFailedError("later", fault="deferred", attempts=(), pauses=())
        return super().reply(messages, tools, left_s)


def test_an_attempt_that_was_put_off_goes_on_and_is_not_graded_half_done(shop: Shop, whole: Ran) -> None:
    """What it had handed in by then is no submission."""
    put_off = shop.run(open_model=lambda clock: Busy(SHORT, clock))
    assert attempts(put_off) == [(1, "not_run", "deferred")]
    assert "submission" in put_off.kinds()
    assert past(put_off.rows).step is Step.GO_ON
    check(shop.run(put_off.rows, put_off.root / "bodies"), whole, len(put_off.rows))
    again = shop.run(put_off.rows, put_off.root / "bodies", how=How.FINISHED_ONLY)
    assert attempts(again) == [(1, "not_run", "deferred")]
