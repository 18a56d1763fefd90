"""What an agent handed in, kept in the run's journal by content, so that it can be graded again.

Every file is a body of the journal. The journal's redactor has the last word on what is written: a file that holds a
key is kept without it, and its own SHA-256 tells that it is no longer what was graded. Such a submission is refused
later instead of being graded as something that the agent did not write.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import InfraError
from harness.grade_policy import Submission
from harness.grade_rules import not_a_path
from harness.journal import Entry, Journal, Kind, Row, read_body
from sandbox.contract import File

SCHEMA = 1
"""Number of the document's form; goes up, fields are only added."""

Facts = Callable[[], Mapping[str, Any]]


class UnfaithfulError(InfraError):
    """What was kept is not byte for byte what was graded."""


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Kept(_Form):
    path: str
    sha256: str
    body: str
    executable: bool = False


class _Document(_Form):
    schema_: int = Field(alias="schema")
    kept: tuple[_Kept, ...] = ()
    deleted: tuple[str, ...] = ()
    links: dict[str, str] = {}
    denied: tuple[tuple[str, str], ...] = ()
    restored: tuple[str, ...] = ()
    litter: int = 0
    denied_count: int = 0
    restored_count: int = 0


def keep_submission(journal: Journal, trial: str, attempt: int, handed_in: Submission, facts: Facts = dict) -> None:
    """Write what an attempt handed in: its files, its document, and the row that names it; durable when this returns.

    `facts` go into the row, and are asked for when all else is on disk. Raises InfraError.
    """
    document = {
        "schema": SCHEMA,
        "kept": [_kept(journal, file) for file in handed_in.kept],
        "deleted": list(handed_in.deleted),
        "links": dict(handed_in.links),
        "denied": [list(one) for one in handed_in.denied],
        "restored": list(handed_in.restored),
        "litter": handed_in.litter,
        "denied_count": handed_in.denied_count,
        "restored_count": handed_in.restored_count,
    }
    text = json.dumps(document).encode()
    size = sum(len(file.data) for file in handed_in.kept)
    body = {"document": journal.put_body(text), "sha256": _sha256(text), "files": len(handed_in.kept), "bytes": size}
    journal.append(Entry(kind=Kind.SUBMISSION, body={**body, **facts()}, trial=trial, attempt=attempt))


def read_submission(folder: Path, row: Row) -> Submission:
    """What that row's attempt handed in, byte for byte.

    Raises UnfaithfulError where a key was taken out of it, InfraError where it is missing or cannot be read.
    """
    document = _document(folder, row.body)
    odd = next((path for path in (*(one.path for one in document.kept), *document.links) if not_a_path(path)), None)
    if odd is not None:
        raise InfraError(
            f"{folder}: the submission holds {odd!r}, which is no path; restore the run folder from a copy"
        )
    return Submission(
        kept=tuple(_file(folder, one) for one in document.kept),
        deleted=document.deleted,
        links=document.links,
        denied=document.denied,
        restored=document.restored,
        litter=document.litter,
        denied_count=document.denied_count,
        restored_count=document.restored_count,
    )


def _kept(journal: Journal, file: File) -> dict[str, Any]:
    body = journal.put_body(file.data)
    return {"path": file.path, "sha256": _sha256(file.data), "body": body, "executable": file.executable}


def _document(folder: Path, row: dict[str, Any]) -> _Document:
    try:
        if row["document"] != row["sha256"]:
            raise UnfaithfulError("a path of the submission held a key, which was taken out when it was kept")
        return _Document.model_validate(json.loads(read_body(folder, row["document"])))
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = (str(error).splitlines() or [""])[0]
        raise InfraError(f"{folder}: a submission cannot be read: {why}; restore the run folder from a copy") from error


def _file(folder: Path, one: _Kept) -> File:
    if one.body != one.sha256:
        raise UnfaithfulError(f"{one.path} held a key, which was taken out when it was kept")
    try:
        return File(path=one.path, data=read_body(folder, one.body), executable=one.executable)
    except ValueError as error:
        raise InfraError(f"{folder}: {error}; restore the run folder from a copy") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
