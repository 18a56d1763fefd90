"""Where a run lies and what its folder holds: everything needed to read it on another machine."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import ConfigError
from harness.files import disk_errors

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The names inside one run folder; nothing here touches the disk."""

    root: Path

    @property
    def matrix(self) -> Path:
        """A copy of the matrix file."""
        return self.root / "matrix.toml"

    @property
    def plan(self) -> Path:
        """The trials that were planned."""
        return self.root / "plan.json"

    @property
    def provenance(self) -> Path:
        """Versions and settings of the machine that ran it."""
        return self.root / "provenance.json"

    @property
    def summary(self) -> Path:
        """What the run came to, for the hook at its end."""
        return self.root / "summary.json"

    @property
    def journal(self) -> Path:
        """The SQLite file."""
        return self.root / "journal.sqlite"

    @property
    def lock(self) -> Path:
        """Who writes the run now."""
        return self.root / "run.lock"

    @property
    def reserve(self) -> Path:
        """Space for the last rows, while the run is written."""
        return self.root / "reserve"

    def body(self, digest: str) -> Path:
        """A large body by the SHA-256 (hex) of its content. Raises ValueError for what is no digest."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(f"{digest!r} is not a SHA-256 in hexadecimal digits")
        return self.root / "bodies" / digest[:2] / digest

    def trial(self, trial_id: str, attempt: int = 1) -> Path:
        """The folder of one attempt at a trial; later attempts lie inside the first one's. Raises ValueError."""
        if not _SAFE_ID.fullmatch(trial_id):
            raise ValueError(f"{trial_id!r} cannot name a folder")
        first = self.root / "trials" / trial_id
        return first if attempt == 1 else first / f"attempt-{attempt}"

    def wire(self, trial_id: str, attempt: int = 1) -> Path:
        """What a wire brought of the attempt's call under way; there once a request went out. Raises ValueError."""
        return self.trial(trial_id, attempt) / "wire.jsonl"


def new_run_folder(parent: Path, name: str, now: datetime) -> Path:
    """Make and return `<parent>/<name>-<UTC time>`, with -2, -3 ... where that is taken, also by another process.

    Characters of `name` that are awkward in file names become "-". Raises ConfigError when `name` holds nothing else,
    InfraError when the folder cannot be made.
    """
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:80]
    if not slug:
        raise ConfigError(f"{name!r} cannot name a run folder; give the matrix a name with letters or digits")
    stem = f"{slug}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    with disk_errors(parent, "used for runs"):
        parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = parent / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder
