"""baseline.json: which run a baseline is, what it came to, and the digests by which damage shows."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.edge import canonical_json
from harness.errors import ConfigError, InfraError
from harness.files import disk_errors
from harness.untrusted import one_line

SCHEMA = 1
"""Number of the file's form; fields are only added."""

NOTE = "baseline.json"
"""The file's name, beside the run's own files."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_WHY = 200


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Solved(_Form):
    """How many trials of a model have a verdict, and how many of them passed."""

    scored: int
    passed: int


class Kept(_Form):
    """A file of a baseline: its length in bytes and its SHA-256 in hexadecimal digits."""

    bytes: int
    sha256: str = Field(pattern="[0-9a-f]{64}")


class Note(_Form):
    """What baseline.json holds.

    `run`, `run_id` and `run_utc` are what the run's journal says of itself, `splitclock` the version that ran it,
    `kept_by` the one that put it here; `last_row` is the number of the journal's last row then. `differences` are those
    to the version before that were allowed, in words; `remark` is the user's. `digest` is over everything else in the
    file, and so over the content of the others: it finds damage, not forgery.
    """

    schema_: int = Field(default=SCHEMA, alias="schema", ge=1)
    name: str
    run: str
    run_id: str = ""
    run_utc: str
    splitclock: str
    kept_utc: str
    kept_by: str
    last_row: int
    features: int
    repeats: int
    trials: int
    errors: int
    simulated: bool
    models: dict[str, Solved]
    differences: tuple[str, ...] = ()
    with_bodies: bool = False
    files: dict[str, Kept]
    remark: str = ""
    digest: str = ""

    @property
    def solved(self) -> Solved:
        """The trials of all models together."""
        every = self.models.values()
        return Solved(scored=sum(one.scored for one in every), passed=sum(one.passed for one in every))

    @property
    def disk_bytes(self) -> int:
        """The length of its files in bytes."""
        return sum(file.bytes for file in self.files.values())

    def document(self) -> dict[str, Any]:
        """What baseline.json holds, but for the digest."""
        return self.model_dump(mode="json", by_alias=True, exclude={"digest"})

    def sealed(self) -> bytes:
        """The file: the document with its digest."""
        document = self.document()
        return (json.dumps({**document, "digest": _digest(document)}, indent=1) + "\n").encode()


def is_name(text: str) -> bool:
    """Whether the text may name a baseline."""
    return _NAME.fullmatch(text) is not None


def baseline_name(text: str) -> str:
    """The text as a name for a baseline. Raises ConfigError for what is none."""
    if not is_name(text):
        raise ConfigError(
            f"{one_line(text, 80) or 'an empty text'}: no name for a baseline; use at most 64 lower-case letters, "
            "digits, `-`, `_` and `.`, a letter or digit first"
        )
    return text


def parse_note(data: bytes, where: str) -> Note:
    """The note that a file holds. Raises ConfigError for a newer one, InfraError for a damaged one."""
    try:
        document = json.loads(data)
        newer = document["schema"] if isinstance(document["schema"], int) and document["schema"] > SCHEMA else 0
        note = None if newer else Note.model_validate(document)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is no JSON object with a schema"
        raise InfraError(f"{where}: {NOTE} is damaged ({one_line(why, _MOST_WHY)}); {_STEP}") from error
    if note is None:
        raise ConfigError(
            f"{where}: a newer Splitclock kept this baseline (schema {newer}); this one reads {SCHEMA}: upgrade it"
        )
    document.pop("digest", None)
    if note.digest != _digest(document):
        raise InfraError(f"{where}: {NOTE} is not what was written; {_STEP}")
    return note


def file_digests(folder: Path) -> dict[str, Kept]:
    """Every file below a folder but the note, by its path. Raises InfraError."""
    with disk_errors(folder, "read"):
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NOTE)
        return {path.relative_to(folder).as_posix(): _kept(path) for path in paths}


def verified(folder: Path, where: str) -> Note:
    """The note of a baseline's folder, once each file has been found to be what was written.

    Raises InfraError for a damaged one, naming the first file that differs, ConfigError for a newer one.
    """
    with disk_errors(folder / NOTE, "read"):
        note = parse_note((folder / NOTE).read_bytes(), where)
    found = file_digests(folder)
    for path in sorted(found.keys() | note.files.keys()):
        if found.get(path) != note.files.get(path):
            what = "is gone" if path not in found else "does not belong to it"
            what = "is not what was written" if path in found and path in note.files else what
            raise InfraError(f"{where}: {one_line(path)} {what}; {_STEP}")
    return note


_STEP = "`splitclock baseline show NAME` lists older versions, and NAME@VERSION takes one"


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _kept(path: Path) -> Kept:
    with path.open("rb") as file:
        return Kept(bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())
