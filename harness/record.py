"""The record of one attempt at a trial: what every board, gate and report is made from."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1
"""Number of the record's form; goes up, fields are only added."""


OWN_QUEUES = ("wait.tool_slot", "wait.model_slot")
"""Sub-phases of waiting that parallel trials cause each other."""


WORK = ("test", "build", "install", "search", "read", "edit", "vcs", "run", "other")
"""Classes of a tool call's work."""


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

    @property
    def broken(self) -> bool:
        """Whether infrastructure or provider ended the trial in an error, which says nothing of the model."""
        return self in {Verdict.ERROR_INFRA, Verdict.ERROR_PROVIDER}


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

    All but `decode_ns` begin when the request was sent: `connect_ns` ends at the headers, `first_chunk_ns` at the first
    event, `first_token_ns` at the first non-empty content, reasoning or tool-argument delta (TTFT), `first_answer_ns`
    at the first one that is not reasoning, `last_token_ns` at the last, `total_ns` at the end of the answer.
    `decode_tokens` are the tokens that `decode_ns` (first to last token) produced: visible output tokens minus one;
    both are None where the speed cannot be told. `wait_ns` is what failed attempts and pauses took before, without
    the harness's own queue.

    Of the failed attempts `billable_attempts` may be billed, for `unfinished_deltas` or for nothing that came. `api`
    is the wire API, `transport` what carried it ("http", "websocket"); `served_model` and `service_tier` are the
    provider's own words.
    """

    turn: int
    connect_ns: int | None = None
    first_chunk_ns: int | None = None
    first_token_ns: int | None = None
    first_answer_ns: int | None = None
    last_token_ns: int | None = None
    decode_ns: int | None = None
    decode_tokens: int | None = None
    total_ns: int
    wait_ns: int = 0
    largest_gap_ns: int = 0
    deltas: int = 0
    received_bytes: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    attempts: int = 1
    faults: tuple[str, ...] = ()
    billable_attempts: int = 0
    unfinished_deltas: int = 0
    finish_reason: str = ""
    api: str = ""
    transport: str = ""
    served_model: str = ""
    service_tier: str = ""
    system_fingerprint: str = ""
    request_id: str = ""
    server_timings: dict[str, float] = {}


class ToolRow(_Frozen):
    """One tool call: durations in nanoseconds, CPU in seconds, output in bytes.

    `total_ns` is dispatch to result on the host's clock; `exec_ns` the process's time by the sandbox's clock, never
    more than that, and None where no process ran; the rest is transport. `cpu_s` is of the command's own reaped
    processes, `container_cpu_s` of everything in the sandbox meanwhile (None where it cannot be told). Of
    `output_bytes` produced `kept_bytes` were kept. `survivors` is how many processes it left behind. `work` is the
    class of work, one of `WORK`. `signature` is the same for calls that ask for the same thing.
    """

    turn: int
    tool: str
    total_ns: int
    exec_ns: int | None = None
    cpu_s: float | None = None
    user_cpu_s: float | None = None
    system_cpu_s: float | None = None
    container_cpu_s: float | None = None
    peak_memory_bytes: int | None = None
    output_bytes: int = 0
    kept_bytes: int = 0
    exit_code: int | None = None
    signal: int | None = None
    failed: bool = False
    timed_out: bool = False
    oom_killed: bool = False
    survivors: int = 0
    work: str = "other"
    signature: str = ""
    summary: str = ""

    @property
    def transport_ns(self) -> int:
        """What the sandbox costs: the part of the call in which no process of it ran."""
        return self.total_ns - (self.exec_ns or 0)


class GradeRow(_Frozen):
    """The grade: its rung, the tests that decided it, and why; ids are the runner's own.

    `denied` and `restored` are the first 200 paths of each, cut to 200 characters; the counts say how many there were,
    and are 0 in records that tell them all.
    """

    rung: str = ""
    reason: str = ""
    fail_to_pass: dict[str, str] = {}
    lost: dict[str, str] = {}
    denied: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    denied_count: int = 0
    restored_count: int = 0

    @property
    def denied_in_all(self) -> int:
        """How many paths were denied, told or not."""
        return max(self.denied_count, len(self.denied))

    @property
    def restored_in_all(self) -> int:
        """How many test paths were put back, told or not."""
        return max(self.restored_count, len(self.restored))


class Hint(_Frozen):
    """Something that a reader should look at, and that proves nothing: its kind, what was seen, and where."""

    kind: str
    what: str
    where: str = ""


class TamperRow(_Frozen):
    """What of a trial looks like an attempt on its grade, beside the grade's own `denied` and `restored` paths.

    `events` are problems of the suite's event stream, `alive` the agent's processes at the kill (command lines),
    `probes` what assertion probes found; `hints` come from what the agent ran and wrote, and decide nothing.
    """

    events: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()


class Regraded(_Frozen):
    """That a record's grade is a later one: the verdict before, when it was graded again, and which fixtures differ."""

    was: str
    at_utc: str
    changed: tuple[str, ...] = ()


class TrialRow(_Frozen):
    """Which trial: one model, one feature ("target/feature"), one repeat from 1 on.

    `model` is the matrix's name, `requested_model` the one asked of the provider ("" in old records).
    """

    id: str
    model: str
    feature: str
    repeat: int
    simulated: bool = False
    claimed_tokens_per_s: float | None = None
    requested_model: str = ""


class Record(_Frozen):
    """One finished attempt at a trial. `phases` has all seven and sums to `wall_ns`; unknown figures are None.

    `unanswered_calls` began to be answered and did not end: what they used, and may be billed for, is unknown.
    `unanswered_faults` are the failed attempts of the call that was given up, if any. `lives` counts the processes that
    worked at the attempt; where one was killed amid a call, that call is `in_doubt`: it may be billed, nobody saw what
    came of it, and it was made again. What was under way at the kill, and the time until the next life, is in no
    figure. `noise` says why a `noisy` record's times are not to be trusted. `tamper` is None in old records; `regraded`
    is only ever set by readers, for a grade that `splitclock regrade` journalled later.
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
    lives: int = 1
    in_doubt: int = 0
    noisy: bool = False
    noise: tuple[str, ...] = ()
    wall_ns: int
    phases: dict[str, int]
    sub_phases: dict[str, int]
    summed: dict[str, int]
    calls: tuple[CallRow, ...] = ()
    tool_calls: tuple[ToolRow, ...] = ()
    turns: int = 0
    shortened_outputs: int = 0
    unanswered_calls: int = 0
    unanswered_faults: tuple[str, ...] = ()
    grade: GradeRow = GradeRow()
    tamper: TamperRow | None = None
    regraded: Regraded | None = None
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


def latest(records: Iterable[Record]) -> tuple[Record, ...]:
    """Of each trial in each run the record of its latest attempt, in the order the trials first came."""
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.run, record.trial.id)
        if key not in found or record.attempt >= found[key].attempt:
            found[key] = record
    return tuple(found.values())


def slim(record: Record) -> Record:
    """The record itself, in less than half of the memory: ten thousand of them are held at once.

    Every model notes which of its fields were given. Thousands of calls and tools were given the same ones, so that
    they can share one note; nobody may change it, and nobody can: the models are frozen.
    """
    for each in (record, *record.calls, *record.tool_calls):
        given = each.__pydantic_fields_set__
        object.__setattr__(each, "__pydantic_fields_set__", _GIVEN.setdefault(frozenset(given), given))
    return record


_GIVEN: dict[frozenset[str], set[str]] = {}
