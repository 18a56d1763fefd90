"""What `splitclock baseline` prints of versions, for people and for machines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from harness.baselines.contract import Store, Version
from harness.baselines.note import Note
from harness.errors import ConfigError, InfraError
from harness.untrusted import one_line, rich_text
from scoreboards.words import percent, size

_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A version with its note, or with what is wrong with it."""

    version: Version
    note: Note | None
    problem: str = ""


def read(store: Store, version: Version) -> Read:
    """A version's note, or why there is none: a damaged one does not keep the others from being shown."""
    try:
        return Read(version=version, note=store.note(version))
    except (ConfigError, InfraError) as error:
        return Read(version=version, note=None, problem=str(error))


def facts(store: Store, version: Version, note: Note) -> Iterator[tuple[str, str]]:
    """What `show` tells people, as labels and values."""
    yield "baseline", f"{version.full} in {store.where}"
    yield "run", f"{note.run}, begun {_minute(note.run_utc)} UTC, by splitclock {note.splitclock}"
    yield "kept", f"{_minute(note.kept_utc)} UTC, by splitclock {note.kept_by}"
    yield "matrix", f"{note.features} features x {note.repeats} repeats, {note.trials} trials, {note.errors} errors"
    for model, one in note.models.items():
        rate = percent(one.passed / one.scored if one.scored else None)
        yield "solved", f"{model}: {one.passed} of {one.scored}, {rate}"
    yield "content", f"{size(note.disk_bytes)}, {'with' if note.with_bodies else 'without'} transcripts"
    if note.remark:
        yield "remark", note.remark
    yield "digest", note.digest
    for words in note.differences:
        yield "unlike", f"the version before: {words}"


def headline(store: Store, version: Version, note: Note) -> str:
    """One line about a version: which, of what run, what it solved, how large it is."""
    share = f"{note.solved.passed} of {note.solved.scored} trials solved"
    return one_line(f"{version.full} in {store.where}: {note.run}, {share}, {size(note.disk_bytes)}", _MOST)


def table(rows: Iterable[tuple[str, Read]], first: str) -> Table:
    """A row for each; the column `first` has their names or their versions."""
    made = Table(box=None)
    for name in (first, "run", "kept (UTC)", "solved", "size"):
        made.add_column(name, justify="right" if name in {"solved", "size"} else "left", overflow="fold")
    for name, one in rows:
        note = one.note
        if note is None:
            made.add_row(rich_text(name), rich_text(one.problem, "red"))
            continue
        share = f"{note.solved.passed}/{note.solved.scored}"
        made.add_row(*map(rich_text, (name, one_line(note.run), _minute(note.kept_utc), share, size(note.disk_bytes))))
    return made


def _minute(utc: str) -> str:
    """A moment in ISO form to the minute: "2026-11-01 08:15"."""
    return utc[:16].replace("T", " ")


def document(store: Store, version: Version, note: Note) -> dict[str, Any]:
    """What --json tells of a version."""
    said = note.model_dump(mode="json", by_alias=True, exclude={"files"})
    return {**said, "store": store.where, "version": version.key, "bytes": note.disk_bytes}


def past_row(one: Read) -> dict[str, Any]:
    """What --json tells of one among several."""
    if one.note is None:
        return {"version": one.version.key, "problem": one.problem}
    note = one.note
    return {
        "version": one.version.key,
        "run": note.run,
        "kept_utc": note.kept_utc,
        "remark": note.remark,
        "passed": note.solved.passed,
        "scored": note.solved.scored,
        "bytes": note.disk_bytes,
        "digest": note.digest,
    }
