"""A model's agent wall on one feature as an exact account: what it is a sum and a product of. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction

from harness.record import CallRow, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Agent wall in nanoseconds by where it went, and how many calls and tokens it took; means over trials, exact.

    `decode`, `first_token`, `connect`, `tool` (processes), `transport`, `overlap`, `wait` and `harness` sum to `wall`.
    `first_token` begins at the headers, and `wait` leaves out the harness's own queues. `tokens` are those that
    `decode` took, None where a call does not tell.
    """

    wall: Fraction
    decode: Fraction
    first_token: Fraction
    connect: Fraction
    tool: Fraction
    transport: Fraction
    overlap: Fraction
    wait: Fraction
    harness: Fraction
    calls: Fraction
    tokens: Fraction | None

    @property
    def model(self) -> Fraction:
        """Nanoseconds in which only the model was at work."""
        return self.decode + self.first_token + self.connect


def ledger(record: Record) -> Ledger:
    """One trial's account. What its record does not split of model time is decode, of tool time processes."""
    sub, phases = record.sub_phases, record.phases
    first_token, connect = sub.get("model.first_token", 0), sub.get("model.connect", 0)
    transport = sub.get("tool.transport", 0)
    tokens = [_decoded(call) for call in record.calls]
    known = [one for one in tokens if one is not None]
    return Ledger(
        wall=Fraction(record.agent_wall_ns),
        decode=Fraction(phases["model"] - first_token - connect),
        first_token=Fraction(first_token),
        connect=Fraction(connect),
        tool=Fraction(phases["tool"] - transport),
        transport=Fraction(transport),
        overlap=Fraction(phases["overlap"]),
        wait=Fraction(record.agent_phase_ns("wait")),
        harness=Fraction(phases["harness"]),
        calls=Fraction(len(record.calls)),
        tokens=Fraction(sum(known)) if len(known) == len(tokens) else None,
    )


def mean_ledger(records: Iterable[Record]) -> Ledger:
    """The mean account of a model's trials on one feature. Raises ValueError for none."""
    return mean_of(ledger(record) for record in records)


def mean_of(ledgers: Iterable[Ledger]) -> Ledger:
    """The mean of accounts. Raises ValueError for none."""
    each = tuple(ledgers)
    if not each:
        raise ValueError("a mean needs at least one trial")
    tokens = [one.tokens for one in each]
    known = [one for one in tokens if one is not None]
    sums = {name: sum((getattr(one, name) for one in each), Fraction()) / len(each) for name in _EXACT}
    return Ledger(**sums, tokens=sum(known, Fraction()) / len(each) if len(known) == len(tokens) else None)


_EXACT = tuple(field.name for field in fields(Ledger) if field.name != "tokens")


def _decoded(call: CallRow) -> int | None:
    """The tokens that were seen to be streamed; where that cannot be told, all that the answer counts."""
    return call.output_tokens if call.decode_tokens is None else call.decode_tokens + 1
