"""Attempts of runs with their spans, for exports and the history: read one by one, runs of one name told apart."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts import read_spans
from harness.commands.session import say
from harness.commands.showing import named
from harness.current import each_current_attempt
from harness.record import Record, SpanRow
from harness.run_folder import RunFolder
from harness.run_folders import names_apart
from scoreboards.flat import Told


@dataclass(slots=True, kw_only=True)
class Telling:
    """Reads attempts, with their spans where `spans` says so, and counts those whose spans are gone."""

    spans: bool = True
    gone: int = 0

    def of(self, runs: Iterable[Path]) -> Iterator[Told]:
        """Each attempt of the runs, one by one. Raises ConfigError, InfraError."""
        folders = list(runs)
        names = names_apart(folders)
        for run in folders:
            for record in each_current_attempt(run):
                spans = self._spans(run, record) if self.spans else ()
                yield Told(record=named(record, names.get(run)), spans=spans)

    def say_gone(self) -> None:
        """A line on standard error where spans were missing: cleared away, or not copied along with their journal."""
        if self.gone:
            attempts = f"{self.gone:,} attempt{'' if self.gone == 1 else 's'}"
            say(f"the run folder holds no spans of {attempts}: they are left out")

    def _spans(self, run: Path, record: Record) -> tuple[SpanRow, ...]:
        if not record.wall_ns:
            return ()  # it never began
        folder = RunFolder(root=run)
        if not (folder.trial(record.trial.id, record.attempt) / "spans.json").exists():
            self.gone += 1
            return ()
        return read_spans(folder, record.trial.id, record.attempt)
