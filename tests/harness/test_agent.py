"""The loop: what it asks, what it runs, why it stops."""

from pathlib import Path
from typing import Any

import pytest

from harness.clock import Phase, partition
from harness.models.contract import Role, ToolCall
from harness.models.prices import Price
from harness.turns import Turn
from tests.harness.play import FINISH, Play, calls


def test_a_finished_script_finishes(tmp_path: Path) -> None:
    """Ask, run, ask, finish; every tool call is answered once, in order."""
    play = Play(tmp_path, [calls(("shell", {"command": "cat a.txt"}), ("read", {"path": "a.txt"})), FINISH])
    assert (play.transcript.stop, play.transcript.turns) == ("finished", 2)
    assert [row.tool for row in play.transcript.tool_calls] == ["shell", "read", "finish"]
    answers = [message for message in play.model.sent[1] if message.role is Role.TOOL]
    asked = next(message for message in play.model.sent[1] if message.role is Role.ASSISTANT)
    assert [answer.tool_call_id for answer in answers] == [call.id for call in asked.tool_calls]
    assert play.kinds().count("intent") == play.kinds().count("response") == 2


def test_time_is_booked_where_it_was_spent(tmp_path: Path) -> None:
    """A half-second command is tool time, and the partition is exact."""
    play = Play(tmp_path, [calls(("shell", {"command": "sleep 0.5"})), FINISH])
    split = partition(play.stopwatch.spans(), play.start_ns, play.end_ns)
    assert sum(split.phases.values()) == play.end_ns - play.start_ns
    assert split.sub_phases["tool.exec"] >= 450_000_000
    assert split.phases[Phase.TOOL] < split.sub_phases["tool.exec"] + 400_000_000


def test_reads_of_one_turn_run_at_once(tmp_path: Path) -> None:
    """Calls that only read need not wait for each other; the answers keep their order."""
    reads = calls(*(("read", {"path": "a.txt", "first_line": number}) for number in (1, 2, 3)))
    play = Play(tmp_path, [reads, FINISH])
    answers = [message.content.split("\t")[0] for message in play.model.sent[1] if message.role is Role.TOOL]
    assert answers == ["1", "2", "3"]


def test_two_silent_turns_end_the_work(tmp_path: Path) -> None:
    """A model without tool calls is reminded once."""
    play = Play(tmp_path, [Turn(content="I am done."), Turn(content="Really.")])
    assert (play.transcript.stop, play.transcript.turns) == ("finished", 2)
    assert "no tool call" in play.model.sent[1][-1].content


def test_malformed_arguments_are_told_and_not_resent(tmp_path: Path) -> None:
    """Strict servers reject raw rubbish in the history; five in a row end the trial."""
    play = Play(tmp_path, [calls(("shell", '{"command": "ls')) for _ in range(9)])
    assert (play.transcript.stop, play.transcript.turns) == ("limit:malformed_calls", 5)
    resent = next(message for message in play.model.sent[1] if message.role is Role.ASSISTANT)
    assert resent.tool_calls[0].arguments == "{}"
    assert "not valid JSON" in play.model.sent[1][-1].content


def test_a_sound_call_between_malformed_ones_starts_the_count_anew(tmp_path: Path) -> None:
    """Only five in a row say that nothing will come of it."""
    rubbish, sound = calls(("shell", "[1]")), calls(("read", {"path": "a.txt"}))
    play = Play(tmp_path, [*[rubbish] * 4, sound, *[rubbish] * 4, FINISH])
    assert (play.transcript.stop, play.transcript.turns) == ("finished", 10)
    assert "must be a JSON object" in play.told()[0]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("browse", {}), "error: there is no tool `browse`; the tools are: shell, read, edit, finish"),
        (("read", {"path": "nowhere"}), "error: "),
        (("read", {"path": "../.."}), "error: "),
        (("read", {}), 'error: bad arguments for `read`: path: Field required. Schema: {"'),
        (("read", {"path": "a.txt", "first_line": "one"}), "error: bad arguments for `read`: first_line: "),
        (("read", {"path": "a.txt", "colour": 1}), "error: bad arguments for `read`: colour: "),
    ],
)
def test_the_models_mistakes_are_told(tmp_path: Path, call: tuple[str, Any], told: str) -> None:
    """An unknown tool is answered with the tools there are, wrong or missing arguments with the schema."""
    play = Play(tmp_path, [calls(call), FINISH])
    assert play.told()[0].startswith(told)
    assert play.transcript.stop == "finished"


def test_calls_of_a_cut_answer_are_not_run(tmp_path: Path) -> None:
    """A turn that ended at the output limit is told so, and none of its calls is executed or re-sent."""
    cut = calls(("shell", {"command": "touch made"})).model_copy(update={"ending": "length"})
    play = Play(tmp_path, [cut, calls(("read", {"path": "."})), FINISH])
    assert [row.tool for row in play.transcript.tool_calls] == ["read", "finish"]
    assert "made" not in play.told()[0]
    assert "cut off" in play.model.sent[1][-1].content
    assert not any(message.tool_calls for message in play.model.sent[1])
    assert play.transcript.calls[0].finish_reason == "length"


@pytest.mark.parametrize("ending", ["content_filter", "refusal"])
def test_calls_of_a_refused_answer_are_not_run(tmp_path: Path, ending: str) -> None:
    """What was called before the filter cut in may be half of it, and would be graded without anybody looking."""
    filtered = calls(("shell", {"command": "touch made"})).model_copy(update={"ending": ending})
    play = Play(tmp_path, [filtered, FINISH])
    assert (play.transcript.stop, play.transcript.tool_calls) == ("refused", [])


@pytest.mark.parametrize("ending", ["content_filter", "refusal"])
def test_a_refusal_is_never_rolled_again(tmp_path: Path, ending: str) -> None:
    """What the model declined stays declined: one call, its words kept."""
    play = Play(tmp_path, [Turn.model_validate({"content": "I will not.", "ending": ending}), FINISH])
    assert (play.transcript.stop, play.transcript.turns, len(play.model.sent)) == ("refused", 1, 1)
    assert [message.content for message in play.transcript.messages if message.role is Role.ASSISTANT] == [
        "I will not."
    ]


def test_each_call_is_given_the_time_that_is_left(tmp_path: Path) -> None:
    """A provider that wants longer than that is not worth waiting for."""
    play = Play(tmp_path, [calls(("shell", {"command": "sleep 0.3"})), FINISH], limits={"wall_s": 50.0})
    first, second = play.model.left_s
    assert second <= first - 0.3
    assert first <= 50


def test_calls_are_priced_as_they_were_served(tmp_path: Path) -> None:
    """The price of an answer may depend on who gave it, and in which tier; an unknown one costs nobody knows what."""
    asked = []

    def price_of(served_model: str, service_tier: str) -> Price | None:
        asked.append((served_model, service_tier))
        return None if len(asked) > 1 else Price(input=1e6, output=0)

    play = Play(tmp_path, [calls(("read", {"path": "a.txt"})), FINISH], price_of=price_of)
    first, second = play.transcript.calls
    assert first.cost_usd == first.input_tokens
    assert second.cost_usd is None
    assert asked == [("replay", "")] * 2


@pytest.mark.parametrize(
    ("limits", "stop"),
    [({"turns": 3}, "limit:turns"), ({"output_tokens": 20}, "limit:tokens"), ({"wall_s": 0.4}, "limit:wall")],
)
def test_limits_end_the_work(tmp_path: Path, limits: dict[str, Any], stop: str) -> None:
    """Each limit has its own stop reason."""
    play = Play(tmp_path, [calls(("shell", {"command": "sleep 0.2; echo enough"}))] * 50, limits=limits)
    assert play.transcript.stop == stop
    assert play.transcript.turns < 50


def test_the_calls_of_one_turn_share_the_wall_limit(tmp_path: Path) -> None:
    """What the first command used is not there for the second, however many one turn holds."""
    turn = calls(("shell", {"command": "sleep 1.8"}), ("shell", {"command": "sleep 60"}))
    play = Play(tmp_path, [turn, FINISH], limits={"wall_s": 2.5})
    second = [message.content for message in play.transcript.messages if message.role is Role.TOOL][1]
    assert "still running after 1 s" in second
    assert play.transcript.stop == "limit:wall"


def test_a_script_that_ends_is_a_provider_error(tmp_path: Path) -> None:
    """A model that cannot answer is the provider's fault, with its words."""
    play = Play(tmp_path, [calls(("read", {"path": "."}))])
    assert play.transcript.stop == "error:provider"
    assert "script ends" in play.transcript.error


def test_a_full_window_shortens_old_outputs_and_says_so(tmp_path: Path) -> None:
    """The guard works before the provider complains, and it is recorded."""
    flood = calls(("shell", {"command": "seq 1 4000"}))
    play = Play(tmp_path, [*[flood] * 6, FINISH], context_window=14_000, most_output_tokens=2_000)
    assert play.transcript.stop == "finished"
    assert play.transcript.shortened_outputs > 0
    assert "shortened" in play.kinds()
    assert any("were taken out" in message.content for message in play.model.sent[-1])
    assert not any("were taken out" in message.content for message in play.transcript.messages)


def test_a_history_that_cannot_be_shortened_is_exhausted(tmp_path: Path) -> None:
    """A window that holds nothing ends the work with a reason, not with an error of the provider."""
    play = Play(tmp_path, [FINISH], context_window=100)
    assert play.transcript.stop == "context_exhausted"
    assert play.transcript.turns == 0


def test_a_command_that_kills_its_executor_is_told_so(tmp_path: Path) -> None:
    """The model damaged its own sandbox: it gets a fresh executor, and its files are still there."""
    kill, look = calls(("shell", {"command": "kill -9 $PPID"})), calls(("read", {"path": "a.txt"}))
    play = Play(tmp_path, [kill, look, FINISH])
    answers = [message.content for message in play.model.sent[-1] if message.role is Role.TOOL]
    assert "it was restarted" in answers[0]
    assert answers[1].startswith("1\tone")
    assert play.transcript.stop == "finished"


def test_a_command_that_kills_its_executor_was_at_work_until_then(tmp_path: Path) -> None:
    """Nobody is left to say how long it ran: the time is the command's, not the sandbox's price."""
    play = Play(tmp_path, [calls(("shell", {"command": "sleep 0.5; kill -9 $PPID"})), FINISH])
    split = partition(play.stopwatch.spans(), play.start_ns, play.end_ns)
    assert split.sub_phases["tool.exec"] >= 450_000_000


def test_tool_messages_answer_known_calls(tmp_path: Path) -> None:
    """What is re-sent is well-formed: one answer for each call, ids unique."""
    play = Play(tmp_path, [calls(("read", {"path": "."}), ("read", {"path": "."})), FINISH])
    asked: list[ToolCall] = [call for message in play.model.sent[-1] for call in message.tool_calls]
    answered = [message.tool_call_id for message in play.model.sent[-1] if message.role is Role.TOOL]
    assert answered == [call.id for call in asked]
    assert len(set(answered)) == len(answered)
