"""A model in this process that plays scripted turns: no wire, no wait, the same contract."""

import json
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Clock
from harness.models.contract import (
    CallAttempt,
    CallFailedError,
    CallTimes,
    Message,
    Reply,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from harness.models.faults import Fault
from harness.turns import Turn, count_tokens


class ReplayModel:
    """Plays the turn whose number is the number of assistant messages so far, as the simulator does."""

    def __init__(self, turns: Sequence[Turn], clock: Clock) -> None:
        self._turns = tuple(turns)
        self._clock = clock
        self._closed = threading.Event()

    def reply(self, messages: Sequence[Message], tools: Sequence[ToolSpec], left_s: float = math.inf) -> Reply:  # noqa: ARG002 - nobody is waited for
        """The next scripted message. Raises CallFailedError "bad_request" past the end of the script."""
        send = self._clock.now_ns()
        number = sum(message.role is Role.ASSISTANT for message in messages)
        if self._closed.is_set():
            raise self._failure(send, Fault.INTERRUPTED, "the model was closed")
        if number >= len(self._turns):
            raise self._failure(send, Fault.BAD_REQUEST, f"the script ends after {len(self._turns)} turns")
        turn = self._turns[number]
        return Reply(
            message=_message(turn, number),
            finish_reason=turn.finish_reason,
            usage=Usage(
                input_tokens=prompt_tokens(messages, tools),
                output_tokens=turn.output_tokens,
                reasoning_tokens=turn.reasoning_tokens,
            ),
            attempts=(CallAttempt(times=_times(turn, send, self._clock.now_ns())),),
            served_model="replay",
            api="replay",
        )

    def close(self) -> None:
        """Let every later call fail as interrupted."""
        self._closed.set()

    def _failure(self, send: int, fault: Fault, message: str) -> CallFailedError:
        times = CallTimes(send=send, end=self._clock.now_ns())
        attempt = CallAttempt(times=times, fault=fault, message=message)
        return CallFailedError(message, fault=fault, attempts=[attempt], pauses=[])


def prompt_tokens(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    """Scripted tokens of a request: the text of its messages, the arguments in them, and the tools."""
    texts = [message.content for message in messages]
    texts += [call.arguments for message in messages for call in message.tool_calls]
    texts += [tool_text(tool.name, tool.description, tool.parameters) for tool in tools]
    return count_tokens(*texts)


def tool_text(name: str, description: str, parameters: Mapping[str, Any]) -> str:
    """A tool as text to be counted, the same on both sides of a wire."""
    return f"{name}{description}{json.dumps(parameters, sort_keys=True, separators=(',', ':'))}"


def _message(turn: Turn, number: int) -> Message:
    calls = (
        ToolCall(id=f"call_{number}_{index}", name=call.name, arguments=call.arguments_text())
        for index, call in enumerate(turn.tool_calls)
    )
    return Message(role=Role.ASSISTANT, content=turn.content, reasoning=turn.reasoning, tool_calls=tuple(calls))


def _times(turn: Turn, send: int, end: int) -> CallTimes:
    """All of a turn comes at once, in one delta, where there is anything in it at all."""
    if not turn.output_tokens:
        return CallTimes(send=send, end=end, headers=end, first_chunk=end)
    answered = bool(turn.content or turn.tool_calls)
    return CallTimes(
        send=send,
        end=end,
        headers=end,
        first_chunk=end,
        first_token=end,
        first_answer=end if answered else None,
        last_token=end,
        deltas=1,
    )
