"""Model calls as a grid, and what is to be said of who answered them and how. Pure."""

from collections.abc import Iterator, Mapping

from harness.untrusted import one_line
from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.calls import PROVIDER_WAITS
from scoreboards.report.grid import Cell, Grid
from scoreboards.report.tables import model_name
from scoreboards.server_time import BothClocks
from scoreboards.sums import Sum

_HEADS = (
    "calls",
    "failed tries",
    "headers",
    "first chunk",
    "first token",
    "first answer",
    "longest gap",
    "tokens in",
    "cached",
    "tokens out",
    "reasoning",
)
_READ = "Medians from the request on, of all answered calls; the longest gap is between two deltas of one answer."
_SERVERS = "What our clock shows beyond a server's is network and buffering."


def calls_grid(board: Board) -> Grid:
    """One model a row; below, where it is known: who served it, over what, which tries failed, the server's clock."""
    return Grid(
        title="Model calls",
        heads=("model", *_HEADS),
        rows=tuple(map(_cells, board.models)),
        lines=(
            _READ,
            *([_SERVERS] if any(row.calls.server for row in board.models) else ()),
            *(f"{_shown(row.model)}: {line}" for row in board.models for line in _lines(row)),
        ),
    )


def _cells(row: Figures) -> tuple[Cell, ...]:
    calls = row.calls
    return (
        model_name(row),
        words.count(calls.answered),
        words.count(calls.failed_attempts),
        words.duration(calls.headers_median_ns),
        words.duration(calls.first_chunk_median_ns),
        words.duration(calls.first_token_median_ns),
        words.duration(calls.first_answer_median_ns),
        words.duration(calls.largest_gap_ns),
        *map(_tokens, (calls.input_tokens, calls.cached_input_tokens, calls.output_tokens, calls.reasoning_tokens)),
    )


def _tokens(total: Sum) -> str:
    return words.count(total.value, at_least=total.is_lower_bound)


def _lines(row: Figures) -> Iterator[str]:
    yield from _served(row)
    yield from _wires(row)
    for group in row.calls.fault_groups:
        tries = _tries(group.attempts)
        kinds = " and ".join(_shown(kind) for kind in group.kinds)
        yield f"{tries} before {_calls(group.calls)} ({kinds}) took {words.duration(group.wait_ns)} of waiting."
    if row.calls.unanswered_faults:
        tries = _tries(sum(row.calls.unanswered_faults.values()))
        yield f"{tries} of calls that were given up ({_counts(row.calls.unanswered_faults)})."
    if any(row.calls.provider_wait.values()):
        failed, slept, held = (words.duration(row.calls.provider_wait[sub]) for sub in PROVIDER_WAITS)
        yield f"waiting for its provider, answered or not: {failed} failing, {slept} backing off, {held} rate-limited."
    if row.calls.server is not None:
        yield from _server(row.calls.server)


def _served(row: Figures) -> Iterator[str]:
    """The full name of the model that was asked for; that another one answered stands among the board's notes."""
    for served in row.calls.served:
        name, of = _shown(served.served), f"{served.calls:,} of {_calls(row.calls.answered)}"
        if not served.other and served.requested and served.served not in ("", served.requested):
            yield f"asked for as {_shown(served.requested)}, served as {name} in {of}."


def _wires(row: Figures) -> Iterator[str]:
    wires = {
        f"{api or '?'} over {transport}": calls for (api, transport), calls in row.calls.wires.items() if transport
    }
    tiers = {tier: calls for tier, calls in row.calls.tiers.items() if tier}
    if wires:
        yield f"calls by {_counts(wires)}" + (f"; service tier {_counts(tiers)}." if tiers else ".")
    elif tiers:
        yield f"service tier {_counts(tiers)}."


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{_shown(name)} ({calls:,})" for name, calls in found.items())


def _server(clocks: BothClocks) -> Iterator[str]:
    """The server's own clock beside ours, stretch by stretch."""
    said = [
        f"{_STRETCHES[name]} {words.duration(found.client_ns)} against {words.duration(found.server_ns)}"
        f" ({words.difference(found.difference_ns)}, median {words.difference(found.median_ns)} a call)"
        for name, found in clocks.stretches.items()
    ]
    who = ", ".join(f"{source} in {_calls(calls)}" for source, calls in clocks.sources.items())
    queue = "" if clocks.queue_ns is None else f"; {words.duration(clocks.queue_ns)} in the server's queue"
    if said:
        yield f"our clock against the server's ({who}): {'; '.join(said)}{queue}."


_STRETCHES = {
    "headers": "to the headers",
    "first_token": "to the first token",
    "generation": "decode",
    "total": "whole calls",
    "coarse_total": "whole calls, by its clock of whole seconds,",
}


def _shown(name: str) -> str:
    return one_line(name, 60)


def _tries(number: int) -> str:
    return words.counted(number, "failed try", "failed tries")


def _calls(number: int) -> str:
    return words.counted(number, "call")
