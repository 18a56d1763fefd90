"""The part of `splitclock clean` that removes old run folders."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from harness.clock import SystemClock
from harness.commands.estimating import size
from harness.commands.session import print_json, say
from harness.errors import InfraError
from harness.retention import OldRun, old_runs, parse_age, remove
from harness.untrusted import one_line, plain


def clean_runs(folder: Path, older_than: str, *, is_dry: bool, as_json: bool) -> int:
    """Remove the runs in a folder that are older, or say which; returns 4 where one could not be removed."""
    age = parse_age(older_than)
    found = old_runs(folder, SystemClock().utc() - age)
    done = [one if one.kept or is_dry else remove(one) for one in found]
    gone, kept = [one for one in done if not one.kept], [one for one in done if one.kept]
    if as_json:
        print_json(_document(gone, kept, is_dry=is_dry))
    else:
        for one in gone:
            typer.echo(plain(f"{one.path}: last written {_day(one)}, {size(one.disk_bytes)}"))
        what = "would be removed" if is_dry else "removed"
        folders = "1 run folder" if len(gone) == 1 else f"{len(gone)} run folders"
        typer.echo(f"{folders} {what}: {size(sum(one.disk_bytes for one in gone))}")
    for one in kept:
        say(f"{one.path}: kept: {one_line(one.kept)}")
    failed = any(not before.kept and after.kept for before, after in zip(found, done, strict=True))
    return InfraError.exit_code if failed else 0


def _document(gone: Iterable[OldRun], kept: Iterable[OldRun], *, is_dry: bool) -> dict[str, Any]:
    removed = list(gone)
    return {
        "schema": 1,
        "dry_run": is_dry,
        "runs": [{"run": str(one.path), "last_utc": _iso(one), "bytes": one.disk_bytes} for one in removed],
        "bytes": sum(one.disk_bytes for one in removed),
        "kept": [{"run": str(one.path), "last_utc": _iso(one), "why": one.kept} for one in kept],
    }


def _iso(one: OldRun) -> str | None:
    return None if one.last is None else one.last.isoformat()


def _day(one: OldRun) -> str:
    return "at an unknown time" if one.last is None else f"{one.last:%Y-%m-%d %H:%M} UTC"
