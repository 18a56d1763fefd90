"""A provider that fails under an agent: what becomes of its work, and where the time is booked."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Clock
from harness.models.contract import Model
from harness.models.factory import open_model
from harness.models.settings import ModelSettings, RetryPolicy
from harness.simulator.config import Pace
from harness.simulator.process import Simulator
from harness.simulator.stage import SCRIPT_HEADER, TRIAL_HEADER
from harness.turns import ScriptedFault, Turn
from tests.harness.play import FINISH, OpenModel, Play, calls

pytestmark = pytest.mark.slow

READ = calls(("read", {"path": "a.txt"}))


def failing(turn: Turn, *faults: dict[str, Any], **bends: Any) -> Turn:
    """The turn after these faults, bent like this."""
    scripted = tuple(ScriptedFault.model_validate(fault) for fault in faults)
    return turn.model_copy(update={"faults": scripted, **bends})


def status(number: int, retry_after: str = "", code: str = "") -> dict[str, Any]:
    """An error answer."""
    headers = {"retry-after": retry_after} if retry_after else {}
    return {"kind": "status", "status": number, "headers": headers, "code": code, "message": f"scripted {number}"}


SCRIPTS: dict[str, Sequence[Turn]] = {
    "slow_down": (READ, failing(FINISH, status(429, "1"))),
    "come_back_tomorrow": (READ, failing(FINISH, status(429, "86400"))),
    "nonsense": (
        failing(FINISH, status(429, "-7"), status(429, "soon"), status(503, "Thu, 01 Jan 1970 00:00:00 GMT")),
    ),
    "bad_key": (READ, failing(FINISH, *[status(401)] * 9)),
    "no_quota": (failing(FINISH, *[status(429, "1", "insufficient_quota")] * 9),),
    "shaky": (
        READ,
        failing(FINISH, status(500), {"kind": "cut", "after_tokens": 1}, {"kind": "end", "after_tokens": 1}),
    ),
    "down": (READ, failing(FINISH, *[status(503)] * 9)),
    "too_long": (READ, failing(FINISH, *[status(400, code="context_length_exceeded")] * 9)),
    "mute": (failing(FINISH, {"kind": "stall"}),),
    "stuck": (READ, failing(FINISH, {"kind": "stall", "after_tokens": 1})),
    "crowded": (READ, failing(FINISH, status(429, "1"), {"kind": "stall", "after_tokens": 1})),
    "tired": (failing(calls(("shell", {"command": "sleep 0.6"})), status(429, "1")), FINISH),
    "uncounted": (failing(READ, usage="missing"), FINISH),
    "unnamed": (failing(calls(("read", {"path": "a.txt"}), ("read", {"path": "."})), ids="repeated"), FINISH),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulator with all these scripts."""
    with Simulator({"m": Pace()}, SCRIPTS) as running:
        yield running


@pytest.fixture(params=["chat", "responses", "responses-websocket"])
def on(request: pytest.FixtureRequest, simulator: Simulator) -> Callable[[str], OpenModel]:
    """How a model is opened that plays the script of this name to a trial of its own, by each of the APIs."""
    trials = itertools.count()

    def script(name: str) -> OpenModel:
        headers = {SCRIPT_HEADER: name, TRIAL_HEADER: f"{request.node.name} {next(trials)}"}
        settings = ModelSettings(
            model="m",
            base_url=simulator.base_url,
            api=request.param,
            headers=headers,
            retry=RetryPolicy(attempts=4, base_s=0.1, cap_s=0.1),
        )

        def opened(clock: Clock) -> Model:
            return open_model(settings, None, clock)

        return opened

    return script


On = Callable[[str], OpenModel]


def test_a_rate_limit_is_waited_for(tmp_path: Path, on: On) -> None:
    """The second that was asked for is waiting for the provider, not the model's time; the work goes on."""
    play = Play(tmp_path, on("slow_down"))
    assert (play.transcript.stop, play.transcript.turns) == ("finished", 2)
    assert play.sub_phases_s()["wait.rate_limit"] >= 1.0
    assert play.transcript.calls[1].faults == ("rate_limit",)
    (failed,) = play.of_kind("attempt_failed")
    assert (failed["turn"], failed["attempt"], failed["fault"], failed["status"]) == (2, 1, "rate_limit", 429)
    assert 1.0 <= failed["wait_s"] <= 1.05
    assert play.kinds().index("attempt_failed") < play.kinds().index("attempt") < len(play.kinds())


def test_a_long_wait_puts_the_trial_off(tmp_path: Path, on: On) -> None:
    """Nobody sleeps until tomorrow: the trial stops as it is, says until when, and keeps what it has paid for."""
    play = Play(tmp_path, on("come_back_tomorrow"))
    assert (play.transcript.stop, play.transcript.turns) == ("deferred", 1)
    assert play.transcript.error.startswith("the provider wants to be left alone until ")
    assert "scripted 429" in play.transcript.error
    assert play.transcript.calls[0].input_tokens
    assert "wait.rate_limit" not in play.sub_phases_s()
    assert play.sub_phases_s()["wait.failed_call"] > 0


def test_nonsense_is_no_reason_to_hurry(tmp_path: Path, on: On) -> None:
    """Negative, no number, a date in the past: the usual back-off, no more and no less."""
    play = Play(tmp_path, on("nonsense"))
    assert play.transcript.stop == "finished"
    assert play.transcript.calls[0].faults == ("rate_limit", "rate_limit", "server_error")
    assert sum(body["wait_s"] or 0.0 for body in play.of_kind("attempt_failed")) < 0.5


@pytest.mark.parametrize(("script", "turns", "fault"), [("bad_key", 1, "authentication"), ("no_quota", 0, "no_quota")])
def test_a_fatal_fault_takes_one_call(tmp_path: Path, on: On, script: str, turns: int, fault: str) -> None:
    """A key that is refused stays refused, an empty account stays empty, whatever Retry-After says."""
    play = Play(tmp_path, on(script))
    assert (play.transcript.stop, play.transcript.turns) == ("error:provider", turns)
    assert [(body["fault"], body["attempt"]) for body in play.of_kind("attempt_failed")] == [(fault, 1)]
    assert "scripted" in play.transcript.error


def test_a_shaky_provider_is_asked_again(tmp_path: Path, on: On) -> None:
    """A server error, a cut connection, a clean end without its end: each is retried, none taken for an answer."""
    play = Play(tmp_path, on("shaky"))
    assert (play.transcript.stop, play.transcript.turns) == ("finished", 2)
    assert (play.transcript.calls[1].attempts, len(play.transcript.calls[1].faults)) == (4, 3)
    assert [row.tool for row in play.transcript.tool_calls] == ["read", "finish"]
    spent = play.sub_phases_s()
    assert spent["wait.failed_call"] > 0
    assert spent["wait.backoff"] >= 0.15


def test_a_provider_that_stays_down_is_given_up(tmp_path: Path, on: On) -> None:
    """After the policy's attempts the trial is an error of the provider, every attempt told."""
    play = Play(tmp_path, on("down"))
    assert (play.transcript.stop, play.transcript.turns) == ("error:provider", 1)
    assert [body["wait_s"] is None for body in play.of_kind("attempt_failed")] == [False, False, False, True]
    assert "after 4 attempts" in play.transcript.error
    assert play.transcript.unanswered_faults == tuple(body["fault"] for body in play.of_kind("attempt_failed"))


def test_a_history_that_is_too_long_for_the_provider_is_graded(tmp_path: Path, on: On) -> None:
    """It is no error of the provider: what is there is what the model made."""
    play = Play(tmp_path, on("too_long"))
    assert (play.transcript.stop, play.transcript.turns) == ("context_exhausted", 1)


def test_what_nobody_counted_is_unknown(tmp_path: Path, on: On) -> None:
    """Missing usage is no zero."""
    first, second = Play(tmp_path, on("uncounted")).transcript.calls
    assert (first.input_tokens, first.output_tokens, first.cost_usd) == (None, None, None)
    assert second.input_tokens


def test_every_call_gets_an_id_and_one_answer(tmp_path: Path, on: On) -> None:
    """Ids that the provider repeats are made unique in what is re-sent; a strict server takes it."""
    play = Play(tmp_path, on("unnamed"))
    assert play.transcript.stop == "finished"
    assert len(play.told()) == 3


def test_a_provider_that_never_says_a_word_is_not_a_slow_model(tmp_path: Path, on: On) -> None:
    """The wall limit ends the trial, and nothing was there to be graded but silence."""
    play = Play(tmp_path, on("mute"), limits={"wall_s": 0.5})
    assert play.transcript.stop == "error:provider"
    assert "no token ever came within the wall limit" in play.transcript.error


def test_a_call_cut_by_the_wall_limit_is_the_trials_own(tmp_path: Path, on: On) -> None:
    """A model that has spoken before, and is speaking, has run out of time."""
    play = Play(tmp_path, on("stuck"), limits={"wall_s": 0.7})
    assert (play.transcript.stop, play.transcript.turns) == ("limit:wall", 1)
    assert play.transcript.error == "the wall limit ended a call in flight"


def test_a_wall_limit_spent_on_the_provider_is_the_providers(tmp_path: Path, on: On) -> None:
    """Where waiting for it took most of the time, the limit says nothing of the model."""
    play = Play(tmp_path, on("crowded"), limits={"wall_s": 1.9})
    assert play.transcript.stop == "error:provider"
    assert "the provider failed or held off for 1 s within the wall limit of 2 s" in play.transcript.error
    assert "the last failed attempt: rate_limit: " in play.transcript.error


def test_a_wall_limit_that_ends_between_calls_is_judged_alike(tmp_path: Path, on: On) -> None:
    """A tool took the last of it, the provider the most."""
    play = Play(tmp_path, on("tired"), limits={"wall_s": 1.5})
    assert (play.transcript.stop, play.transcript.turns) == ("error:provider", 1)
