"""Model calls: their moments, tokens, failed attempts, and how they went over the wire. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.record import CallRow, Record
from scoreboards.served import Answered, Served, answered_by, served
from scoreboards.server_time import BothClocks, ClockPool
from scoreboards.statistics import median_int
from scoreboards.sums import Adder, Numbers, Sum, numbers, says

PROVIDER_WAITS = ("failed_call", "backoff", "rate_limit")
"""Sub-phases of waiting that a provider causes."""

PROVIDER_WAIT_KEYS = tuple(f"wait.{sub}" for sub in PROVIDER_WAITS)
"""The same as records name them."""

Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultGroup:
    """Answered calls whose failed attempts were of these kinds; `wait_ns` is what those and the pauses took."""

    kinds: tuple[str, ...]
    calls: int
    attempts: int
    wait_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """All answered calls of a model, whatever became of their trials; medians in nanoseconds from the request on.

    Token sums include what calls that never ended used, as unknown; cached and reasoning tokens are parts of the
    others. `faults` counts all failed attempts by kind, `unanswered_faults` those of calls that were given up;
    `fault_groups` splits the waiting for the others without counting any of it twice. `provider_wait` is all of it by
    sub-phase ("backoff"), unanswered calls included. `wires` counts calls by API and transport, `tiers` by service
    tier; "" where the record does not say.
    """

    answered: int
    unanswered: int
    headers_median_ns: int | None
    first_chunk_median_ns: int | None
    first_token_median_ns: int | None
    first_answer_median_ns: int | None
    largest_gap_ns: int | None
    input_tokens: Sum
    cached_input_tokens: Sum
    output_tokens: Sum
    reasoning_tokens: Sum
    failed_attempts: int
    faults: Mapping[str, int]
    unanswered_faults: Mapping[str, int]
    fault_groups: tuple[FaultGroup, ...]
    provider_wait: Mapping[str, int]
    wires: Mapping[tuple[str, str], int]
    tiers: Mapping[str, int]
    served: tuple[Served, ...]
    server: BothClocks | None


def model_calls(records: Iterable[Record]) -> Calls:
    """The calls of some trials."""
    pool = CallPool()
    for record in records:
        pool.add(record)
    return pool.calls()


_MOMENTS = ("connect_ns", "first_chunk_ns", "first_token_ns", "first_answer_ns")
_TOKENS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")


@dataclass(slots=True)
class _Faulty:
    """Calls whose failed attempts were of the same kinds."""

    calls: int = 0
    attempts: int = 0
    wait: Adder = field(default_factory=Adder)


@dataclass(slots=True)
class CallPool:
    """The calls of trials that come one by one: no more of a call is kept than the figures need."""

    answered: int = 0
    unanswered: int = 0
    largest_gap_ns: int | None = None
    moments: dict[str, Numbers] = field(default_factory=lambda: {name: numbers() for name in _MOMENTS})
    tokens: dict[str, Adder] = field(default_factory=lambda: {name: Adder() for name in _TOKENS})
    given_up: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    faulty: dict[tuple[str, ...], _Faulty] = field(default_factory=dict)
    waits: Counter[str] = field(default_factory=Counter)
    wires: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    answerers: Counter[Answered] = field(default_factory=Counter)
    clocks: ClockPool = field(default_factory=ClockPool)

    def add(self, record: Record) -> None:
        """One more attempt at a trial, whatever became of it."""
        self.unanswered += record.unanswered_calls
        self.given_up.update(record.unanswered_faults)
        for sub in PROVIDER_WAITS:
            self.waits[sub] += record.sub_phases.get(f"wait.{sub}", 0)
        for call in record.calls:
            self.answerers[answered_by(record, call)] += 1
            self._add(call)

    def _add(self, call: CallRow) -> None:
        self.answered += 1
        for name, values in self.moments.items():
            moment = getattr(call, name)
            if moment is not None:
                values.append(moment)
        for name, adder in self.tokens.items():
            adder.add(getattr(call, name))
        if says(call, "largest_gap_ns"):
            self.largest_gap_ns = max(call.largest_gap_ns, self.largest_gap_ns or 0)
        self.wires[call.api, call.transport] += 1
        self.tiers[call.service_tier] += 1
        self.clocks.add(call)
        if call.faults:
            self.faults.update(call.faults)
            faulty = self.faulty.setdefault(tuple(sorted(set(call.faults))), _Faulty())
            faulty.calls += 1
            faulty.attempts += len(call.faults)
            faulty.wait.add(call.wait_ns if says(call, "wait_ns") else None)

    def take(self, other: "CallPool") -> None:
        """All of another's."""
        self.answered += other.answered
        self.unanswered += other.unanswered
        gaps = [gap for gap in (self.largest_gap_ns, other.largest_gap_ns) if gap is not None]
        self.largest_gap_ns = max(gaps, default=None)
        for name, values in self.moments.items():
            values.extend(other.moments[name])
        for name, adder in self.tokens.items():
            adder.take(other.tokens[name])
        for kinds, own in other.faulty.items():
            faulty = self.faulty.setdefault(kinds, _Faulty())
            faulty.calls += own.calls
            faulty.attempts += own.attempts
            faulty.wait.take(own.wait)
        self.given_up.update(other.given_up)
        self.faults.update(other.faults)
        self.waits.update(other.waits)
        self.wires.update(other.wires)
        self.tiers.update(other.tiers)
        self.answerers.update(other.answerers)
        self.clocks.take(other.clocks)

    def calls(self) -> Calls:
        """The figures of those that were added."""
        faults = self.given_up + self.faults
        return Calls(
            answered=self.answered,
            unanswered=self.unanswered,
            headers_median_ns=median_int(self.moments["connect_ns"]),
            first_chunk_median_ns=median_int(self.moments["first_chunk_ns"]),
            first_token_median_ns=median_int(self.moments["first_token_ns"]),
            first_answer_median_ns=median_int(self.moments["first_answer_ns"]),
            largest_gap_ns=self.largest_gap_ns,
            input_tokens=self._tokens("input_tokens"),
            cached_input_tokens=self._tokens("cached_input_tokens"),
            output_tokens=self._tokens("output_tokens"),
            reasoning_tokens=self._tokens("reasoning_tokens"),
            failed_attempts=faults.total(),
            faults=_counted(faults),
            unanswered_faults=_counted(self.given_up),
            fault_groups=self._fault_groups(),
            provider_wait={sub: self.waits[sub] for sub in PROVIDER_WAITS},
            wires=_counted(self.wires),
            tiers=_counted(self.tiers),
            served=served(self.answerers),
            server=self.clocks.both(),
        )

    def _tokens(self, name: str) -> Sum:
        """The sum of what is known, with one unknown for each call that began to be answered and did not end."""
        known = self.tokens[name]
        return Adder(total=known.total, known=known.known, given=known.given + self.unanswered).sum

    def _fault_groups(self) -> tuple[FaultGroup, ...]:
        return tuple(
            FaultGroup(
                kinds=kinds,
                calls=own.calls,
                attempts=own.attempts,
                wait_ns=own.wait.total if own.wait.known == own.wait.given else None,
            )
            for kinds, own in sorted(self.faulty.items())
        )


def _counted(found: Mapping[Key, int]) -> Mapping[Key, int]:
    """How often each occurs, the most frequent first, ties by name."""
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
