"""What a wire log tells of the call that was under way when its process died, and the answer in it, if it is whole."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from harness.files import disk_errors
from harness.lock import boot_id
from harness.models.contract import CallAttempt, Pause, Reply
from harness.models.reading import MAX_BODY_BYTES, reply_of, times_of
from harness.models.wire_file import moved
from harness.models.wire_lines import RecordedAnswer, RecordedCall

MAX_FILE_BYTES = 2 * MAX_BODY_BYTES
"""A file is read this far: lines are little longer than the bytes they stand for."""


class State(StrEnum):
    """How far the last request of a call had come when it was last written down."""

    NOTHING = "nothing"
    FAILED = "failed"
    PARTIAL = "partial"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRequest:
    """The last request of a call, of its turn and what was asked (SHA-256), `attempt` its number within the call.

    Of its answer `received_bytes` came in `deltas` pieces. The call's earlier requests had `failed`, the ones that may
    be billed among them, with `pauses` in between: moments in nanoseconds since the call's first. `rebooted` says that
    the machine has started anew since (or is another one), and nobody had closed the file: its last lines may be lost.
    """

    state: State = State.NOTHING
    turn: int = 0
    request: str = ""
    attempt: int = 0
    rebooted: bool = False
    received_bytes: int = 0
    deltas: int = 0
    failed: tuple[CallAttempt, ...] = ()
    pauses: tuple[Pause, ...] = ()
    answer: RecordedAnswer = field(default_factory=RecordedAnswer, repr=False, compare=False)

    @property
    def in_doubt(self) -> bool:
        """Whether it may have been answered, and charged for, and nobody can tell what the answer was."""
        return self.state is State.PARTIAL or (self.rebooted and self.state is not State.COMPLETE)


def read_wire(path: Path, turn: int | None = None, life: int | None = None) -> LastRequest | None:
    """What was under way, in this turn and life where these are given; None where nothing ever went over a wire.

    A last line that is cut off is left out; what else makes no sense makes an answer that is not whole. Raises
    InfraError where the file cannot be read.
    """
    if not path.exists():
        return None
    with disk_errors(path, "read"), path.open("rb") as file:
        *lines, _cut = file.read(MAX_FILE_BYTES).split(b"\n")
    call = RecordedCall()
    for line in lines:
        call.take(line)
    rebooted = not call.left and call.boot not in {None, "", boot_id()}
    is_other = turn not in {None, call.turn} or (call.life is not None and life not in {None, call.life})
    if not call.attempt or is_other:  # an earlier call's, of which it is known what came
        return LastRequest(rebooted=rebooted)
    return _last(call, rebooted=rebooted)


def _last(call: RecordedCall, *, rebooted: bool) -> LastRequest:
    answer, reading = call.answer, call.answer.read(0)
    state = State.PARTIAL
    if answer.failed:
        state = State.FAILED
    elif reading is not None and reading.done and not answer.broken:
        state = State.COMPLETE
    return LastRequest(
        state=state,
        turn=call.turn,
        request=call.request,
        attempt=call.attempt,
        rebooted=rebooted,
        received_bytes=answer.received_bytes,
        deltas=0 if reading is None else reading.assembly.moments.deltas,
        failed=tuple(call.failed),
        pauses=tuple(call.pauses),
        answer=answer,
    )


def promoted(last: LastRequest, origin: int = 0) -> Reply | None:
    """The reply that the call would have returned, or None where its answer is not whole.

    It is the very same, but that secrets in it are taken out. The call's first moment is put at `origin`, nanoseconds.
    """
    answer, send = last.answer, origin + last.answer.sent
    reading = answer.read(send)
    if last.state is not State.COMPLETE or reading is None:
        return None
    headers = None if answer.headers is None else send + answer.headers
    times = times_of(reading, send, headers, send if reading.end is None else reading.end)
    answered = CallAttempt(times=times, status=reading.status, request_id=reading.request_id)
    failed = (replace(each, times=moved(each.times, origin)) for each in last.failed)
    pauses = (Pause(t0=each.t0 + origin, t1=each.t1 + origin, reason=each.reason) for each in last.pauses)
    reply = reply_of(reading, answer.asked, answered)
    return replace(reply, attempts=(*failed, *reply.attempts), pauses=tuple(pauses))
