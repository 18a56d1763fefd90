"""Commits out of trees: the one-commit repository that an agent gets, and the difference of two trees."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.contract import Snapshot
from sandbox.plumbing import Repository, make_repository, scratch_repository
from sandbox.trees import Entry, Link, entries_of

_WHO = "Maintainer <maintainer@example.invalid> 946684800 +0000"
_MESSAGE = "Initial commit"

_USER = "[user]\n\tname = Developer\n\temail = developer@example.invalid\n"


def write_repository(snapshot: Snapshot, git_dir: Path) -> None:
    """Make `git_dir` a repository of one commit on `main` that holds the snapshot: no past, no future, no reflog.

    Author, date and message are the same for every tree. Raises CheckoutError.
    """
    make_repository(git_dir)
    repository = Repository(git_dir=git_dir)
    repository.run("fast-import", "--quiet", stdin=_commit("refs/heads/main", entries_of(snapshot)))
    repository.run("read-tree", "refs/heads/main")
    with (git_dir / "config").open("a", encoding="utf-8") as config:
        config.write(_USER)


def patched_tree(git_dir: Path, patch: bytes) -> str:
    """Name of the tree that a patch makes of a repository's index, without files, so that no attribute has a say."""
    repository = Repository(git_dir=git_dir)
    repository.run("apply", "--cached", "--whitespace=nowarn", "-", stdin=(patch,))
    return repository.run("write-tree").decode("ascii").strip()


def patch_between(before: Iterable[Entry], after: Iterable[Entry], most_bytes: int = -1) -> tuple[bytes, int]:
    """A patch for `git apply` that turns the first entries into the second, and how long it is; empty when equal.

    Of a longer one than `most_bytes` the first whole lines; -1 is all of it.
    """
    with scratch_repository() as git_dir:
        repository = Repository(git_dir=git_dir)
        repository.run("fast-import", "--quiet", stdin=_two(before, after))
        with repository.stream(
            "diff-tree", "-p", "--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff",
            "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "refs/heads/before", "refs/heads/after",
        ) as patch:  # fmt: skip
            size = patch.seek(0, os.SEEK_END)
            patch.seek(0)
            head = patch.read(most_bytes)
    return (head if len(head) == size else head[: head.rfind(b"\n") + 1]), size


def _two(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[bytes]:
    yield from _commit("refs/heads/before", before)
    yield from _commit("refs/heads/after", after)


def _commit(branch: str, entries: Iterable[Entry]) -> Iterator[bytes]:
    """One parentless commit in the language of `git fast-import`."""
    message = _MESSAGE.encode()
    yield f"commit {branch}\nauthor {_WHO}\ncommitter {_WHO}\ndata {len(message)}\n".encode() + message + b"\n"
    for entry in entries:
        yield from file_line(entry)


def file_line(entry: Entry) -> Iterator[bytes]:
    """One file or link of a commit, in the same language."""
    data, mode = _content(entry)
    yield b"M %s inline %s\ndata %d\n" % (mode, _quoted(entry.path), len(data))
    yield data
    yield b"\n"


def _content(entry: Entry) -> tuple[bytes, bytes]:
    if isinstance(entry, Link):
        return entry.target.encode("utf-8", "surrogateescape"), b"120000"
    return entry.data, b"100755" if entry.executable else b"100644"


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
