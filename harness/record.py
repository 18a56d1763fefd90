"""The record of one attempt at a trial: what every board, gate and report is made from."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1
"""Number of the record's form; goes up, fields are only added."""


OWN_QUEUES = ("wait.tool_slot", "wait.model_slot")
"""Sub-phases of waiting that parallel trials cause each other."""


class Verdict(StrEnum):
    """What grading says; "solved" means `pass`."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNSTABLE = "unstable"
    TAMPERED = "tampered"
    ERROR_INFRA = "error:infra"
    ERROR_PROVIDER = "error:provider"
    NOT_RUN = "not_run"

    @property
    def scored(self) -> bool:
        """Whether the trial counts in a pass rate: errors and what never ran do not."""
        return self in {Verdict.PASS, Verdict.FAIL, Verdict.UNSTABLE, Verdict.TAMPERED}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SpanRow(_Frozen):
    """A span with `t0` and `t1` in nanoseconds since the trial's start."""

    phase: str
    sub: str = ""
    t0: int
    t1: int
    name: str = ""
    details: dict[str, str | int | float | bool | None] = {}


class CallRow(_Frozen):
    """One logical model call: durations in nanoseconds of its answered attempt, tokens as the provider counted them.

    `connect_ns` is request sent to headers, `first_token_ns` request sent to first token (TTFT, so it holds
    `connect_ns`), `decode_ns` first to last token.
    `decode_tokens` are the tokens that `decode_ns` (first to last token) produced: visible output tokens minus one;
    both are None where the speed cannot be told.
    """

    turn: int
    connect_ns: int | None = None
    first_token_ns: int | None = None
    decode_ns: int | None = None
    decode_tokens: int | None = None
    total_ns: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    attempts: int = 1
    faults: tuple[str, ...] = ()
    finish_reason: str = ""
    served_model: str = ""
    server_timings: dict[str, float] = {}


class ToolRow(_Frozen):
    """One tool call: durations in nanoseconds, CPU in seconds, output in bytes as produced."""

    turn: int
    tool: str
    total_ns: int
    exec_ns: int | None = None
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None
    output_bytes: int = 0
    failed: bool = False
    timed_out: bool = False
    summary: str = ""


class GradeRow(_Frozen):
    """The grade: its rung, the tests that decided it, and why; ids are the runner's own."""

    rung: str = ""
    reason: str = ""
    fail_to_pass: dict[str, str] = {}
    lost: dict[str, str] = {}
    denied: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class TrialRow(_Frozen):
    """Which trial: one model, one feature ("target/feature"), one repeat from 1 on."""

    id: str
    model: str
    feature: str
    repeat: int
    simulated: bool = False
    claimed_tokens_per_s: float | None = None


class Record(_Frozen):
    """One finished attempt at a trial. `phases` has all seven and sums to `wall_ns`; unknown figures are None.

    `unanswered_calls` began to be answered and did not end: what they used, and may be billed for, is unknown.
    """

    schema_: int = Field(default=SCHEMA, alias="schema")
    run: str
    trial: TrialRow
    attempt: int = 1
    started_utc: str
    stop: str
    verdict: Verdict
    error: str = ""
    resumed: bool = False
    noisy: bool = False
    wall_ns: int
    phases: dict[str, int]
    sub_phases: dict[str, int]
    summed: dict[str, int]
    calls: tuple[CallRow, ...] = ()
    tool_calls: tuple[ToolRow, ...] = ()
    turns: int = 0
    shortened_outputs: int = 0
    unanswered_calls: int = 0
    grade: GradeRow = GradeRow()
    cost_usd: float | None = None
    cost_is_lower_bound: bool = False
    provenance: dict[str, str] = {}

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @property
    def queue_ns(self) -> int:
        """Time in the harness's own queues: it tells how many trials shared the machine, nothing of the model."""
        return sum(self.sub_phases.get(queue, 0) for queue in OWN_QUEUES)

    @property
    def agent_wall_ns(self) -> int:
        """The wall without set-up, grading and the harness's own queues: what models are compared by."""
        return self.wall_ns - self.phases["setup"] - self.phases["grade"] - self.queue_ns

    def agent_phase_ns(self, phase: str) -> int:
        """A phase's part of the agent wall: waiting for a provider counts, waiting in our own queue does not."""
        return self.phases[phase] - (self.queue_ns if phase == "wait" else 0)
