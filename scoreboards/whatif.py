"""What a trial would have taken at other speeds, from what was recorded, without running anything. Pure.

The model of it is the ledger itself: decode time goes with the decode speed, time to first token with its own factor,
processes with the speed of tools, and everything with the number of turns. What a model would have done otherwise at
other speeds is not in it. Where a model and a tool were at work at once, the slower of the two scales.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from harness.record import Record
from scoreboards.ledger import Ledger, ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to change: `decode`, `first_token` and `tools` are factors of speed (2 is twice as fast), `turns` of number.

    `decode_tokens_per_s` and `first_token_ns` (from the request's start, of each call) set a value instead of a factor.
    """

    decode: float = 1.0
    decode_tokens_per_s: float | None = None
    first_token: float = 1.0
    first_token_ns: int | None = None
    tools: float = 1.0
    turns: float = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError for a factor or a value that no clock could show."""
        values = (self.decode, self.decode_tokens_per_s, self.first_token, self.tools, self.turns)
        if any(value is not None and not 0 < value < float("inf") for value in values):
            raise ValueError("factors and speeds must be positive numbers")
        if self.first_token_ns is not None and self.first_token_ns < 0:
            raise ValueError("a time to first token cannot be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One trial under other speeds; `wall_ns` is None where the record does not tell its tokens and they are needed."""

    record: Record
    wall_ns: int | None


def what_if(records: Iterable[Record], changes: Changes) -> tuple[Outcome, ...]:
    """Agent wall of each trial under the changes, in whole nanoseconds."""
    return tuple(Outcome(record=record, wall_ns=changed_wall_ns(ledger(record), changes)) for record in records)


def changed_wall_ns(known: Ledger, changes: Changes) -> int | None:
    """The agent wall of a ledger under the changes; None where a speed is set and the tokens are not known."""
    decode = _decode(known, changes)
    if decode is None:
        return None
    first = _first_token(known, changes)
    tools = 1 / Fraction(changes.tools)
    before = known.decode + known.first_token + known.connect
    overlap = known.overlap * max(tools, (decode + first) / before if before else tools)
    unchanged = known.transport + known.wait + known.harness
    return round((decode + first + known.tool * tools + overlap + unchanged) * Fraction(changes.turns))


def _decode(known: Ledger, changes: Changes) -> Fraction | None:
    if changes.decode_tokens_per_s is None:
        return known.decode / Fraction(changes.decode)
    if known.tokens is None:
        return None
    return known.tokens * 10**9 / Fraction(changes.decode_tokens_per_s)


def _first_token(known: Ledger, changes: Changes) -> Fraction:
    if changes.first_token_ns is not None:
        return known.calls * changes.first_token_ns
    return (known.first_token + known.connect) / Fraction(changes.first_token)
