"""Model calls: their moments, tokens, failed attempts, and how they went over the wire. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from harness.record import CallRow, Record
from scoreboards.served import Served, served_models
from scoreboards.server_time import BothClocks, both_clocks
from scoreboards.statistics import median_int
from scoreboards.sums import Sum, known_sum, says

PROVIDER_WAITS = ("failed_call", "backoff", "rate_limit")
"""Sub-phases of waiting that a provider causes."""

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
    trials = tuple(records)
    calls = tuple(call for trial in trials for call in trial.calls)
    unanswered = sum(trial.unanswered_calls for trial in trials)
    given_up = tuple(fault for trial in trials for fault in trial.unanswered_faults)
    faults = (*given_up, *(fault for call in calls for fault in call.faults))
    return Calls(
        answered=len(calls),
        unanswered=unanswered,
        headers_median_ns=_median(call.connect_ns for call in calls),
        first_chunk_median_ns=_median(call.first_chunk_ns for call in calls),
        first_token_median_ns=_median(call.first_token_ns for call in calls),
        first_answer_median_ns=_median(call.first_answer_ns for call in calls),
        largest_gap_ns=max((call.largest_gap_ns for call in calls if says(call, "largest_gap_ns")), default=None),
        input_tokens=_tokens((call.input_tokens for call in calls), unanswered),
        cached_input_tokens=_tokens((call.cached_input_tokens for call in calls), unanswered),
        output_tokens=_tokens((call.output_tokens for call in calls), unanswered),
        reasoning_tokens=_tokens((call.reasoning_tokens for call in calls), unanswered),
        failed_attempts=len(faults),
        faults=_counted(faults),
        unanswered_faults=_counted(given_up),
        fault_groups=_fault_groups(calls),
        provider_wait={sub: sum(trial.sub_phases.get(f"wait.{sub}", 0) for trial in trials) for sub in PROVIDER_WAITS},
        wires=_counted((call.api, call.transport) for call in calls),
        tiers=_counted(call.service_tier for call in calls),
        served=served_models(trials),
        server=both_clocks(calls),
    )


def _median(values: Iterable[int | None]) -> int | None:
    return median_int(value for value in values if value is not None)


def _tokens(values: Iterable[int | None], unanswered: int) -> Sum:
    """The sum of what is known, with one unknown for each call that began to be answered and did not end."""
    return known_sum([*values, *[None] * unanswered])


def _counted(keys: Iterable[Key]) -> Mapping[Key, int]:
    """How often each occurs, the most frequent first, ties by name."""
    return dict(sorted(Counter(keys).items(), key=lambda item: (-item[1], item[0])))


def _fault_groups(calls: Iterable[CallRow]) -> tuple[FaultGroup, ...]:
    found: dict[tuple[str, ...], list[CallRow]] = {}
    for call in calls:
        if call.faults:
            found.setdefault(tuple(sorted(set(call.faults))), []).append(call)
    return tuple(
        FaultGroup(
            kinds=kinds,
            calls=len(own),
            attempts=sum(len(call.faults) for call in own),
            wait_ns=sum(call.wait_ns for call in own) if all(says(call, "wait_ns") for call in own) else None,
        )
        for kinds, own in sorted(found.items())
    )
