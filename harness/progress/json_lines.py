"""Events of a run for machines: one JSON object a line on standard output, as they happen."""

import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TextIO

from harness.clock import Clock
from harness.heads import head_of
from harness.plan import Trial
from harness.progress.live import Frame, read_before, take_in
from harness.progress.standing import Standing
from harness.progress.tally import Planned
from harness.record import Record

SCHEMA = 1
"""Number of the form of these lines; goes up when a field changes its meaning, fields are only added."""

COMMON = ("schema", "event", "at_utc")
TRIAL = ("trial", "model", "feature", "repeat", "attempt")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "run_started": ("run", "trials", "finished", "models", "features"),
    "message": ("text",),
    "trial_started": TRIAL,
    "call": (
        *TRIAL,
        "turn",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "total_ns",
        "first_token_ns",
        "wait_ns",
        "attempts",
        "finish_reason",
        "promoted",
    ),
    "tool": (*TRIAL, "turn", "tool", "total_ns", "exec_ns", "exit_code", "failed", "timed_out"),
    "waiting": (*TRIAL, "turn", "reason", "fault", "status", "wait_s"),
    "throttled": (*TRIAL, "provider", "at_once", "of"),
    "in_doubt": (*TRIAL, "turn", "received_bytes", "deltas"),
    "resumed": TRIAL,
    "graded": (*TRIAL, "verdict", "rung", "reason"),
    "trial_finished": (
        *TRIAL,
        "stop",
        "verdict",
        "error",
        "wall_ns",
        "phases",
        "turns",
        "output_tokens",
        "cost_usd",
        "noisy",
        "resumed",
        "lives",
        "in_doubt",
    ),
    "budget": ("done", "turns", "output_tokens", "cost_usd", "cost_is_lower_bound", "limits"),
    "run_finished": ("summary", "exit_code"),
}
"""The fields of each event beside `COMMON`, in order."""

OF_KIND = {
    "trial_started": "trial_started",
    "response": "call",
    "tool_end": "tool",
    "attempt_failed": "waiting",
    "cool_down": "waiting",
    "throttled": "throttled",
    "in_doubt": "in_doubt",
    "resumed": "resumed",
}
"""Which event a trial's own event becomes; others are told to nobody."""


def line(event: str, at_utc: str, known: Mapping[str, Any]) -> str:
    """One line: the fields of this event, null where nobody knows, in ASCII."""
    fields = {name: known.get(name) for name in FIELDS[event]}
    return json.dumps({"schema": SCHEMA, "event": event, "at_utc": at_utc, **fields}, allow_nan=False) + "\n"


class JsonLines:
    """Writes the events. A thread of its own does the writing: a reader that is slow holds no trial up.

    Where nobody reads any more the run goes on, and `broken` says so.
    """

    def __init__(self, stream: TextIO, trials: Iterable[Trial], clock: Clock, frame: Frame | None = None) -> None:
        self._stream = stream
        self._clock = clock
        self._planned = tuple(map(Planned.of, trials))
        self._standing = Standing(self._planned, clock.now_ns(), small=0)
        self._frame = frame or Frame()
        self._lock = threading.RLock()
        self._attempts: dict[str, int] = {}
        self._queue: queue.SimpleQueue[Callable[[], str] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="json-lines", daemon=True)
        self.broken = False

    def __enter__(self) -> Self:
        """Begin to write."""
        self._writer.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Write what is left."""
        self._queue.put(None)
        self._writer.join()

    def begun(self, run: Path) -> None:
        """`run_started`."""
        before = read_before(run)
        with self._lock:
            take_in(self._standing, before, self._clock.now_ns())
        mine = {trial.id for trial in self._planned}
        self._put(
            "run_started",
            run=str(run),
            trials=len(self._planned),
            finished=len(mine & before.finished),
            models=list(dict.fromkeys(trial.model for trial in self._planned)),
            features=list(dict.fromkeys(trial.feature for trial in self._planned)),
        )

    def say(self, text: str) -> None:
        """`message`."""
        self._put("message", text=text)

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """What happened in a trial, if it is one of the documented events."""
        with self._lock:
            self._standing.event(trial.id, kind, body, self._clock.now_ns())
            if kind in ("trial_started", "resumed") and body.get("attempt"):
                self._attempts[trial.id] = body["attempt"]
        name = OF_KIND.get(kind)
        if name is None or (name == "waiting" and not body.get("wait_s")):
            return
        more = {"reason": kind} if name == "waiting" else {"promoted": bool(body.get("promoted"))}
        told = {field: body[field] for field in FIELDS[name] if field in body}
        self._put(name, **{**more, **told, **self._of(trial)})

    def done(self, trial: Trial, record: Record) -> None:
        """`graded` where there is a grade, `trial_finished`, and what is spent by now."""
        head = head_of(record)
        with self._lock:
            self._standing.finish(head, self._clock.now_ns())
            self._attempts[trial.id] = record.attempt
            picture = self._standing.picture(self._clock.now_ns())
        who = self._of(trial)
        if record.verdict.scored:
            graded = {"verdict": record.verdict.value, "rung": record.grade.rung, "reason": record.grade.reason}
            self._put("graded", **who, **graded)
        told = {name: getattr(head, name) for name in ("stop", "error", "wall_ns", "turns", "cost_usd", "noisy")}
        told |= {"resumed": record.resumed, "lives": record.lives, "in_doubt": record.in_doubt}
        told |= {"verdict": record.verdict.value, "phases": record.phases, "output_tokens": head.output_tokens}
        self._put("trial_finished", **who, **told)
        whole = picture.whole
        self._put(
            "budget",
            done=whole.done,
            turns=whole.turns,
            output_tokens=whole.tokens,
            cost_usd=whole.cost_usd,
            cost_is_lower_bound=whole.cost_usd is not None and picture.cost_is_partial,
            limits=dict(self._frame.limits),
        )

    def _of(self, trial: Trial) -> dict[str, Any]:
        planned = Planned.of(trial)
        names = {name: getattr(planned, name) for name in ("model", "feature", "repeat")}
        return {"trial": trial.id, **names, "attempt": self._attempts.get(trial.id, 1)}

    def _put(self, event: str, **known: Any) -> None:
        at_utc = self._clock.utc().isoformat()
        self._queue.put(lambda: line(event, at_utc, self._frame.redactor.value(known)))

    def _write(self) -> None:
        """Until the end is called: write what has queued up, then let it be seen."""
        while (make := self._queue.get()) is not None:
            if self.broken:
                continue
            try:
                self._stream.write(make())
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # a pipe that nobody reads, a disk that is full, a closed file
                self.broken = True
        if not self.broken:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True
