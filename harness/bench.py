"""What all trials of a run share, and what one attempt leaves behind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.agent import Transcript
from harness.budget import Budget
from harness.clock import Clock
from harness.errors import InfraError
from harness.files import NotKeptError
from harness.grade_policy import Submission
from harness.interrupt import Interrupts
from harness.journal_reader import Row
from harness.messages import message_json
from harness.models.contract import Model
from harness.models.wire_log import NoWireLog, WireLog
from harness.monitor import Monitor
from harness.open_calls import CameOf, nothing_known
from harness.past import OpenCall
from harness.plan import Trial
from harness.record import Record, SpanRow, TrialRow
from harness.runners.contract import SuiteReport
from harness.slots import Slots
from sandbox.contract import SandboxProvider

Facts = Callable[[], Mapping[str, Any]]
"""What is to stand in a row beside what the row is about, asked for just before it is written."""


def _kept_nowhere(_trial: Trial, _attempt: int, _submission: Submission, _facts: Facts) -> None:
    """For trials outside a run."""


def _never_kept(_row: Row) -> Submission:
    raise InfraError("outside a run nothing that was handed in is kept")


def _not_recorded(_trial: Trial, _attempt: int) -> WireLog:
    return NoWireLog()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all trials of a run share; `label` is what its sandboxes are known by, "" for its name.

    `open_model` gives a trial its model, which the trial closes.

    `keep` makes what an attempt handed in durable, before it is graded; `kept` reads it again from the row that says
    so. `came_of` tells what became of a call that was under way when a process died.
    `wire_log` gives an attempt what its model's wire is written down in, which the attempt closes.
    """

    run: str
    provider: SandboxProvider
    clock: Clock
    slots: Slots
    open_model: Callable[[Trial], Model]
    on_event: Callable[[Trial, int, str, Mapping[str, Any]], None]
    interrupts: Interrupts
    keep: Callable[[Trial, int, Submission, Facts], None] = _kept_nowhere
    kept: Callable[[Row], Submission] = _never_kept
    came_of: Callable[[str, int, OpenCall], CameOf] = nothing_known
    wire_log: Callable[[Trial, int], WireLog] = _not_recorded
    budget: Budget = field(default_factory=Budget)
    monitor: Monitor = field(default_factory=Monitor)
    provenance: Mapping[str, str] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """Everything one attempt left behind; `record` is what counts, the rest is for its folder.

    `unkept` says what could not be written down, which ends the run.
    """

    record: Record
    transcript: Transcript
    spans: tuple[SpanRow, ...] = ()
    submission: Submission | None = None
    report: SuiteReport | None = None
    unkept: NotKeptError | None = None

    def messages(self) -> list[dict[str, Any]]:
        """The conversation as JSON-able messages, outputs as the model first saw them."""
        return [message_json(message) for message in self.transcript.messages]


def trial_row(trial: Trial) -> TrialRow:
    """Which trial a record is of."""
    return TrialRow(
        id=trial.id,
        model=trial.model,
        feature=trial.feature.key,
        repeat=trial.repeat,
        simulated=trial.settings.simulated,
        claimed_tokens_per_s=trial.settings.claimed_tokens_per_s,
        requested_model=trial.settings.model,
    )
