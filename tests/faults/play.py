"""Rows of the table through the real command line, against the simulator over real HTTP, and what was seen of each."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.artefacts import read_spans
from harness.journal import Kind, read_records, read_rows
from harness.record import Record, SpanRow
from harness.run_folder import RunFolder
from harness.simulator.log import SentRow, read_attempts
from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import FINISH, FeatureFiles, TargetFiles, matrix, simulated
from tests.faults.rows import RATE_LIMIT, WORK, Row

AT_ONCE = 3
"""Commands at once; each of them waits for most of its time."""

TRIALS = 12
PAUSES = ("backoff", "rate_limit")
OTHER = "other"
"""A model of another provider, which must not be harmed."""

Interval = tuple[int, int]
"""Begin and end in nanoseconds."""

_PRICE = {"input": 1, "output": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a row over one API: how the command ended, the trial's record, and the simulator's requests.

    `later` are the records of further trials of the same provider, `other` that of another one, `said` all that the
    trial's transcript holds, `failed` the kinds of its failed attempts. `attempts` is when all attempts were booked,
    failed or answered, and `pauses` the waits between them, in nanoseconds since the trial's start. `journalled` is how
    many failed ones the journal tells of, and `board` what the board of the run says, "" where the row wants nothing
    of it.
    """

    row: Row
    api: str
    exit_code: int
    record: Record
    requests: tuple[SentRow, ...]
    later: tuple[tuple[Record, int], ...]
    other: Record | None
    failed: tuple[str, ...]
    attempts: tuple[Interval, ...]
    pauses: tuple[Interval, ...]
    journalled: int
    said: str
    board: str

    def wait_ns(self, sub: str) -> int:
        """What was booked as this kind of waiting."""
        return self.record.sub_phases.get(f"wait.{sub}", 0)

    @property
    def waits(self) -> tuple[str, ...]:
        """The kinds of waiting for the provider that time was booked as."""
        return tuple(sub for sub in ("failed_call", *PAUSES) if self.wait_ns(sub))

    @property
    def tools(self) -> tuple[str, ...]:
        """The tool calls that were run, or answered with what is wrong with them."""
        return tuple(call.tool for call in self.record.tool_calls)


def played(desk: Desk, wanted: Sequence[Row], apis: Sequence[str]) -> tuple[Seen, ...]:
    """Play these rows over these APIs: those that can be together in one run, each other one in runs of its own."""
    scripts = {row.name: row.turns for row in wanted} | {OTHER: (WORK, FINISH)}
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=scripts))
    cells = [(row, api) for row in wanted for api in row.apis if api in apis]
    together = [cell for cell in cells if not cell[0].alone]
    calm = [cell for cell in together if RATE_LIMIT not in cell[0].expected.waits]
    limited = [cell for cell in together if cell not in calm]  # they slow down whoever shares their provider
    groups = [calm, limited, *([cell] for cell in cells if cell[0].alone)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [seen for group in pool.map(lambda group: _run(desk, group), filter(None, groups)) for seen in group]
    order = [(row.name, api) for row, api in cells]
    return tuple(sorted(found, key=lambda seen: order.index((seen.row.name, seen.api))))


def _name(row: Row, api: str) -> str:
    return f"{row.name}_{api}"


def _run(desk: Desk, cells: Sequence[tuple[Row, str]]) -> list[Seen]:
    """One command: a model for each cell; a row that is alone has a second trial after it, and another provider's."""
    models: dict[str, Mapping[str, object]] = {
        _name(row, api): simulated(row.name) | {"api": api, "price": _PRICE, "timeouts": row.timeouts}
        for row, api in cells
    }
    alone = all(row.alone for row, _ in cells)
    if alone:
        models[OTHER] = {"provider": "replay", "turns": OTHER}
    name = _name(*cells[0]) if alone or len(cells) == 1 else f"together-{_name(*cells[0])}"
    file = matrix(desk.folder / f"{name}.toml", models, trials=1 if alone else TRIALS)
    repeats = ("--repeats", "2") if alone and cells[0][0].expected.requests == 1 else ()
    options = ("--fixtures", desk.folder / "targets", "--sandbox", "local", "--out", f"out-{name}", *repeats)
    said = desk.give("run", file, *options)
    out = desk.folder / f"out-{name}"
    if not (out / "plan.json").exists():
        raise RuntimeError(f"the command that plays {name} ended with {said.code}: {said.err}")
    records = sorted(read_records(out), key=lambda record: record.trial.repeat)
    attempts = read_attempts(out / "simulator.jsonl")
    shown = any(row.expected.served for row, _ in cells)  # drawing it takes a second, and most rows want nothing there
    board = " ".join(desk.must("board", out).out.split()) if shown else ""
    ran = _Ran(said.code, board, records, attempts, _failures_told(out))
    return [_seen(cell, out, ran) for cell in cells]


class _Ran(NamedTuple):
    """A command that has ended: its exit code, its board on one line, its records, the simulator's requests.

    `told` has the trial of each failed attempt that the journal tells of.
    """

    code: int
    board: str
    records: Sequence[Record]
    attempts: Sequence[SentRow]
    told: Sequence[str]


def _seen(cell: tuple[Row, str], out: Path, ran: _Ran) -> Seen:
    row, api = cell
    mine = [record for record in ran.records if record.trial.model == _name(row, api)]
    first = mine[0]
    folder = out / "trials" / first.trial.id
    spans = sorted(read_spans(RunFolder(root=out), first.trial.id, first.attempt), key=lambda span: span.t0)
    return Seen(
        row=row,
        api=api,
        exit_code=ran.code,
        record=first,
        requests=tuple(sorted(_of(first, ran.attempts), key=lambda sent: sent.received_ns)),
        later=tuple((record, len(_of(record, ran.attempts))) for record in mine[1:]),
        other=next((record for record in ran.records if record.trial.model == OTHER), None),
        failed=tuple(str(span.details.get("fault")) for span in spans if span.sub == "failed_call"),
        attempts=_attempts(spans),
        pauses=tuple((span.t0, span.t1) for span in spans if span.sub in PAUSES),
        journalled=ran.told.count(first.trial.id),
        said=(folder / "transcript.jsonl").read_text(encoding="utf-8"),
        board=ran.board,
    )


def _failures_told(out: Path) -> list[str]:
    notes = read_rows(out, Kind.NOTE)
    return [note.trial for note in notes if note.body.get("note") == "attempt_failed"]


def _attempts(spans: Sequence[SpanRow]) -> tuple[Interval, ...]:
    """When each attempt at a call was booked: a failed one is one span, an answered one all the model's of its turn."""
    failed = [(span.t0, span.t1) for span in spans if span.sub == "failed_call"]
    calls: dict[str, list[SpanRow]] = {}
    for span in spans:
        if span.phase == "model":
            calls.setdefault(span.name, []).append(span)
    answered = [(min(span.t0 for span in of), max(span.t1 for span in of)) for of in calls.values()]
    return tuple(sorted((*failed, *answered)))


def _of(record: Record, attempts: Iterable[SentRow]) -> list[SentRow]:
    return [sent for sent in attempts if sent.trial == record.trial.id]
