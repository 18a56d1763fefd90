"""What must hold of a run that was killed and resumed, by its journal, by its records and by the provider's own log."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from harness.journal import Kind, Row, read_rows
from harness.record import Record
from harness.simulator.log import SentRow, read_attempts
from tests.kill.facts import Cell, Facts, facts_of, ledger

Turn = tuple[str, int]
"""A trial's id and the number of a turn, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """A run that is done. `kills` are the numbers of the last rows at each kill, `planned` the ids of its trials."""

    run: Path
    log: Path
    kills: Sequence[int]
    planned: frozenset[str]


def complaints(killed: Killed, whole: Mapping[Cell, Facts]) -> Iterator[str]:
    """A line for each thing that is not as in the run `whole`, which nobody killed, or not as promised."""
    rows, records = read_rows(killed.run), ledger(killed.run)
    yield from _lost(killed, records)
    yield from _unlike(facts_of(killed.run), whole)
    yield from _doubtful(killed, rows, records)
    yield from _paid(answered(killed.log), rows, records)


def answered(log: Path) -> dict[Turn, list[SentRow]]:
    """The requests that the provider answered, or began to and meant to; by trial and turn."""
    found: dict[Turn, list[SentRow]] = {}
    for row in read_attempts(log):
        if row.status == 200 and not row.fault:
            found.setdefault((row.trial, row.turn + 1), []).append(row)
    return found


def in_doubt(rows: Sequence[Row]) -> Counter[Turn]:
    """How often each call was declared to be in doubt."""
    return Counter((row.trial, int(row.body["turn"])) for row in rows if row.kind == Kind.IN_DOUBT)


def _lost(killed: Killed, records: Mapping[tuple[str, int], Record]) -> Iterator[str]:
    scored = {record.trial.id for record in records.values() if record.verdict.scored}
    yield from (f"{trial}: has no grade" for trial in sorted(killed.planned - scored))
    yield from (f"{trial}: was never planned" for trial in sorted(scored - killed.planned))


def _unlike(found: Mapping[Cell, Facts], whole: Mapping[Cell, Facts]) -> Iterator[str]:
    for cell, expected in whole.items():
        if cell not in found:
            yield f"{cell}: is missing"
            continue
        for each in fields(Facts):
            one, other = getattr(found[cell], each.name), getattr(expected, each.name)
            if one != other:
                yield f"{cell}: {each.name}: {_first_difference(one, other)}"


def _first_difference(found: object, expected: object) -> str:
    if isinstance(found, tuple) and isinstance(expected, tuple):
        for number, (one, other) in enumerate(zip(found, expected, strict=False)):
            if one != other:
                return f"at {number}: {one!r} instead of {other!r}"
        return f"{len(found)} instead of {len(expected)}"
    return f"{found!r} instead of {expected!r}"


def _doubtful(killed: Killed, rows: Sequence[Row], records: Mapping[tuple[str, int], Record]) -> Iterator[str]:
    """At most one call in doubt for each trial in flight and kill, each one counted in its record."""
    ends = [*killed.kills, max((row.seq for row in rows), default=0)]
    counts: Counter[tuple[str, int]] = Counter()
    for row in rows:
        if row.kind == Kind.IN_DOUBT:
            life = sum(row.seq > end for end in ends)
            counts[row.trial, life] += 1
            if not _was_open(rows, row):
                yield f"{row.trial}: turn {row.body['turn']} was declared to be in doubt, and was not in flight"
    yield from (f"{trial}: {n} calls in doubt after kill {life}" for (trial, life), n in counts.items() if n > 1)
    told = Counter({key: record.in_doubt for key, record in records.items() if record.in_doubt})
    journalled = Counter((row.trial, row.attempt) for row in rows if row.kind == Kind.IN_DOUBT)
    if told != journalled:
        yield f"records tell of {dict(told)} calls in doubt, the journal of {dict(journalled)}"


def _was_open(rows: Sequence[Row], doubt: Row) -> bool:
    """Whether the call's intent stands without an answer before the row."""
    about = [
        row.kind
        for row in rows
        if row.seq < doubt.seq
        and (row.trial, row.attempt, row.body.get("turn")) == (doubt.trial, doubt.attempt, doubt.body["turn"])
    ]
    return Kind.INTENT in about and Kind.RESPONSE not in about


def _paid(
    sent: Mapping[Turn, Sequence[SentRow]], rows: Sequence[Row], records: Mapping[tuple[str, int], Record]
) -> Iterator[str]:
    """No request answered twice but those in doubt; the ledger is the provider's count without them."""
    doubts = in_doubt(rows)
    for (trial, turn), requests in sent.items():
        if len(requests) - 1 > doubts[trial, turn]:
            yield f"{trial}: turn {turn} was answered {len(requests)} times, {doubts[trial, turn]} times in doubt"
    surplus = sum(len(requests) - 1 for requests in sent.values())
    count = sum(map(len, sent.values())) - surplus
    paid = {(record.trial.id, call.turn): call.output_tokens for record in records.values() for call in record.calls}
    calls = sum(len(record.calls) for record in records.values())
    if calls != count or set(paid) != set(sent):
        yield f"the records tell of {calls} calls, the provider of {count} and {surplus} again"
    for (trial, turn), requests in sent.items():
        most = max(sum(tokens for _, _, tokens in request.chunks) for request in requests)
        if paid.get((trial, turn)) != most:
            yield f"{trial}: turn {turn}: {paid.get((trial, turn))} output tokens recorded, {most} sent"
