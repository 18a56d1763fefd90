"""Plays an answer over a channel, every event at its moment, with the fault that the script has for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.simulator.answer import Answer
from harness.simulator.channel import Channel, to_json
from harness.simulator.config import Pace
from harness.simulator.echo import echoing
from harness.simulator.log import Sent
from harness.simulator.rejection import RejectedError
from harness.simulator.schedule import schedule
from harness.simulator.stage import Audience, Stage
from harness.turns import ScriptedFault, Turn

KEEP_ALIVE_NS = 200_000_000
"""The time between two signs of life."""

_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One request, understood: the turn it gets, and who asked for it."""

    audience: Audience
    model: str
    number: int
    answer: Callable[[Turn, Pace], Answer]


def perform(stage: Stage, part: Part, channel: Channel, sent: Sent) -> Answer:
    """Answer one request as its turn is scripted; returns what was given. Raises RejectedError and OSError.

    The log gets the line of the beginning here; the one of the end is the caller's, who knows every way to end.
    """
    sent.model, sent.turn = part.model, part.number
    with stage.room(part.model) as free:
        return _performed(stage, part, channel, (sent, free))


def _performed(stage: Stage, part: Part, channel: Channel, request: tuple[Sent, Callable[[], None]]) -> Answer:
    """`request` is its line of the log, and what makes room for the next one: before the client knows of its end."""
    sent, free = request
    pace, turn = stage.pace(part.model), stage.turn(part.audience, part.number)
    sent.attempt = stage.attempt(part.audience, part.number)
    stage.log.begun(sent)
    fault = turn.faults[sent.attempt - 1] if sent.attempt <= len(turn.faults) else None
    fault = echoing(fault, part.audience.authorization) if fault else None
    sent.fault = fault.kind if fault else ""
    answer = part.answer(turn, pace)

    def ended() -> None:
        stage.answered(part.audience, part.number)
        free()

    player = _Player(channel, sent, pace, ended)
    if fault and player.instead(answer, fault):
        return answer
    if answer.stream:
        player.stream(answer, fault)
    else:
        player.whole(answer, fault, turn)
    return answer


def refused(fault: ScriptedFault) -> RejectedError:
    """The error answer that a fault of kind `status` or `handshake` is."""
    error = RejectedError(fault.status, fault.message, fault.code)
    error.headers = fault.headers
    return error


class _Player:
    """`ended` is called before the client can know that the answer is complete."""

    def __init__(self, channel: Channel, sent: Sent, pace: Pace, ended: Callable[[], None]) -> None:
        self._channel = channel
        self._sent = sent
        self._pace = pace
        self._first_ns = sent.received_ns + round(pace.first_token_ms * 1e6)
        self._ended = ended

    def instead(self, answer: Answer, fault: ScriptedFault) -> bool:
        """Play a fault that takes the place of the whole answer; False if it is no such fault."""
        channel, identity = self._channel, self._sent.id
        match fault.kind:
            case "status" | "handshake":
                raise refused(fault)
            case "html":
                channel.body("text/html; charset=utf-8", _PAGE, identity)
            case "empty":
                channel.body("application/json", b"", identity)
            case "no_choices":
                self._sent.headers_ns = channel.begin(identity)
                self._put(channel.encode(answer.without_choice()))
                channel.finish()
            case _:
                return False
        return True

    def stream(self, answer: Answer, fault: ScriptedFault | None) -> None:
        """All events; a fault strikes before the first token beyond those it lets pass, or before the end."""
        channel = self._channel
        self._sent.headers_ns = channel.begin(self._sent.id)
        tokens = 0
        for number, event in enumerate(answer.events()):
            if fault and (event.ending or (event.tokens and tokens >= fault.after_tokens)):
                if self._strike(answer, fault, number):
                    return
                fault = None
            payload = event.payload
            if event.ending:
                self._ended()
                payload = {**payload, "timings": self._sent.timings()} if self._pace.timings else payload
            frame = channel.encode(payload)
            if event.due_ns is not None:
                channel.wait_until(self._first_ns + event.due_ns)
            self._put(frame, event.tokens)
            tokens += event.tokens
        self._finish()

    def whole(self, answer: Answer, fault: ScriptedFault | None, turn: Turn) -> None:
        """The body at the moment at which its last token is due; a fault strikes before or in the midst of it."""
        channel = self._channel
        data = to_json(answer.whole()).encode()
        frame, half = channel.frame(data), channel.frame(data[: len(data) // 2])
        due_ns = max((chunk.due_ns for chunk in schedule(turn, self._pace)), default=0)
        channel.wait_until(self._first_ns + due_ns)
        self._sent.headers_ns = channel.begin(self._sent.id)
        if fault and fault.kind in {"cut", "end"}:
            self._put(half)
        if fault and self._strike(answer, fault, 0):
            return
        self._ended()
        self._put(frame, turn.output_tokens)
        self._finish()

    def _strike(self, answer: Answer, fault: ScriptedFault, number: int) -> bool:
        """Let the fault happen; whether the answer is over with it."""
        channel = self._channel
        match fault.kind:
            case "cut":
                channel.cut()
            case "end":
                channel.end()
            case "error_in_answer" | "failed":
                self._put(channel.error(answer, fault, number))
                channel.stop()
            case _:
                self._pause(fault)
                return False
        return True

    def _pause(self, fault: ScriptedFault) -> None:
        """Send nothing, or nothing but signs of life; what comes then is due that much later."""
        began_ns = time.monotonic_ns()
        ends_ns = began_ns + round(fault.seconds * 1e9)
        while fault.kind == "keep_alive" and time.monotonic_ns() < ends_ns:
            size = self._channel.keep_alive()
            self._sent.chunks.append((time.monotonic_ns(), size, 0))
            self._channel.idle_until(min(ends_ns, time.monotonic_ns() + KEEP_ALIVE_NS))
        self._channel.idle_until(ends_ns)
        self._first_ns += time.monotonic_ns() - began_ns

    def _finish(self) -> None:
        size = self._channel.finish()
        if size:
            self._sent.chunks.append((time.monotonic_ns(), size, 0))
        self._sent.complete = True

    def _put(self, frame: bytes, tokens: int = 0) -> None:
        """Send at once; the moment is the one at which the kernel has taken the bytes."""
        size = self._channel.write(frame)
        self._sent.chunks.append((time.monotonic_ns(), size, tokens))
