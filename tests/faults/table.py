"""The table of what came of each fault, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from tests.faults.checks import problems
from tests.faults.play import Seen
from tests.faults.rows import BACKOFF, FAILED, RATE_LIMIT

HEADS = (
    "fault",
    "API",
    "stop",
    "verdict",
    "exit code",
    "requests",
    "failed as",
    "wait: failed call",
    "wait: back-off",
    "wait: rate limit",
    "model",
    "tool calls run",
    "as expected",
)


def markdown(found: Iterable[Seen]) -> str:
    """One line for each row and API."""
    lines = [_line(HEADS), _line(["---"] * len(HEADS)), *(_line(_cells(seen)) for seen in found)]
    return "\n".join(lines) + "\n"


def complaints(found: Iterable[Seen]) -> Iterator[str]:
    """A line for each thing that is not as expected."""
    return (f"{seen.row.name} over {seen.api}: {problem}" for seen in found for problem in problems(seen))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _cells(seen: Seen) -> tuple[str, ...]:
    record = seen.record
    run = [call.tool for call in record.tool_calls if not call.failed]
    return (
        seen.row.words,
        seen.api,
        record.stop,
        record.verdict.value,
        f"{seen.exit_code}",
        f"{len(seen.requests)}",
        ", ".join(_counted(seen.failed)),
        *(_ms(seen.wait_ns(sub)) for sub in (FAILED, BACKOFF, RATE_LIMIT)),
        _ms(record.phases["model"]),
        ", ".join(run),
        "NO" if problems(seen) else "yes",
    )


def _counted(kinds: Sequence[str]) -> Iterator[str]:
    for kind in dict.fromkeys(kinds):
        times = kinds.count(kind)
        yield kind if times == 1 else f"{times} x {kind}"


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:,.0f} ms" if nanoseconds else ""
