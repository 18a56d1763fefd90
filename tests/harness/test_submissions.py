"""What an agent handed in comes out of the journal byte for byte, or not at all."""

import base64
import json
from pathlib import Path

import pytest

from harness.errors import InfraError
from harness.grade_policy import Submission
from harness.journal import Entry, Journal, Kind, Row, read_rows
from harness.redact import Redactor
from harness.submissions import UnfaithfulError, keep_submission, read_submission
from sandbox.contract import File

KEY = "sk-canary-3141592653"
HANDED_IN = Submission(
    kept=(
        File(path="a/b.py", data=b"print('\xff\x00')\r\n", executable=True),
        File(path="empty", data=b""),
        File(path="weird \udcff\n.py", data=b"x"),
    ),
    deleted=("gone.py",),
    links={"link": "a/b.py"},
    denied=(("conftest.py", "configures the tests"),),
    restored=("tests/test_a.py",),
    litter=3,
    denied_count=30_000,
    restored_count=1,
)


def kept(folder: Path, handed_in: Submission, *secrets: str) -> Row:
    """The row of a submission in a journal that knows these secrets."""
    with Journal.create(folder, Redactor(secrets)) as journal:
        keep_submission(journal, "0123456789ab", 2, handed_in)
    (row,) = read_rows(folder, Kind.SUBMISSION)
    return row


def test_all_of_it_comes_back(tmp_path: Path) -> None:
    """Bytes, modes, links, deletions, and what the policy made of the rest; odd names too."""
    row = kept(tmp_path, HANDED_IN, KEY)
    assert (row.trial, row.attempt, row.body["files"], row.body["bytes"]) == ("0123456789ab", 2, 3, 14)
    assert read_submission(tmp_path, row) == HANDED_IN


@pytest.mark.parametrize(
    "handed_in",
    [
        Submission(kept=(File(path="a.py", data=f"key = {KEY!r}".encode()),)),
        Submission(kept=(File(path="a.py", data=base64.b64encode(f"Bearer {KEY}".encode())),)),
        Submission(kept=(File(path=f"{KEY}.py", data=b""),)),
        Submission(links={"key": KEY}),
    ],
)
def test_a_key_is_not_kept_and_not_graded_away(tmp_path: Path, handed_in: Submission) -> None:
    """No form of the key lies in the run folder; what lacks it is refused, for it is not what was graded."""
    row = kept(tmp_path, handed_in, KEY)
    forms = (KEY.encode(), base64.b64encode(KEY.encode())[:20], base64.b64encode(f"Bearer {KEY}".encode())[12:30])
    held = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [form for form in forms if any(form in data for data in held)]
    with pytest.raises(UnfaithfulError, match="held a key, which was taken out when it was kept"):
        read_submission(tmp_path, row)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", ""])
def test_a_path_out_of_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    """A run folder may come from anywhere: nothing is laid beside the workspace."""
    row = kept(tmp_path, Submission(kept=(File(path=path, data=b""),)))
    with pytest.raises(InfraError, match="which is no path"):
        read_submission(tmp_path, row)


@pytest.mark.parametrize(
    "body", [{}, {"document": 1, "sha256": 1}, {"document": "x", "sha256": "x"}, {"document": "0" * 64}]
)
def test_a_broken_row_is_one_line(tmp_path: Path, body: dict[str, object]) -> None:
    """It says what to do."""
    with Journal.create(tmp_path) as journal:
        journal.append(Entry(kind=Kind.SUBMISSION, body=body, trial="t"))
    (row,) = read_rows(tmp_path, Kind.SUBMISSION)
    with pytest.raises(InfraError, match="restore the run folder from a copy"):
        read_submission(tmp_path, row)


@pytest.mark.parametrize("document", [[], {"schema": 1, "kept": 3}, {"kept": []}])
def test_a_broken_document_is_one_line(tmp_path: Path, document: object) -> None:
    """The same."""
    with Journal.create(tmp_path) as journal:
        digest = journal.put_body(json.dumps(document).encode())
        journal.append(Entry(kind=Kind.SUBMISSION, body={"document": digest, "sha256": digest}, trial="t"))
    (row,) = read_rows(tmp_path, Kind.SUBMISSION)
    with pytest.raises(InfraError, match=r"a submission cannot be read: .*; restore"):
        read_submission(tmp_path, row)


def test_a_body_that_was_changed_is_found(tmp_path: Path) -> None:
    """A grade stands on what was handed in, not on what somebody made of it since."""
    row = kept(tmp_path, HANDED_IN)
    for body in (tmp_path / "bodies").rglob("*"):
        if body.is_file() and body.read_bytes() == b"x":
            body.write_bytes(b"y")
    with pytest.raises(InfraError, match="its content is not what was written"):
        read_submission(tmp_path, row)
