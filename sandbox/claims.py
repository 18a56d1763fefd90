"""Who goes on with a dead owner's sandbox: labels cannot be changed, so a lock file that they name says it.

The lock is the kernel's and ends with the process that holds it. Whoever removes what a dead owner left holds it too,
so that nobody goes on with what is being removed.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from sandbox.labels import CLAIM, is_abandoned, is_late, owner


class Claim:
    """A held lock file; its text names the holder."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """The claim, or None while somebody holds it, this process too. Raises OSError where no file can be had."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner().encode(), 0)
        return cls(path, handle)

    def drop(self) -> None:
        """Give it up, its file too; idempotent."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._path.unlink(missing_ok=True)
            os.close(handle)


@contextlib.contextmanager
def ownerless(labels: Mapping[str, str]) -> Iterator[bool]:
    """Whether nobody alive works with what carries these labels; if so, nobody takes it up within the block."""
    if not is_abandoned(labels):
        yield False
        return
    if is_late(labels) or CLAIM not in labels:
        yield True
        return
    claim = None
    try:
        claim = Claim.take(Path(labels[CLAIM]))
    except FileNotFoundError:  # not even its folder: nobody can have taken it up
        yield True
        return
    except OSError:  # another user's: that user's processes know
        yield False
        return
    try:
        yield claim is not None
    finally:
        if claim is not None:
            claim.drop()


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether it is this process that goes on with what carries these labels."""
    try:
        return Path(labels[CLAIM]).read_text(encoding="utf-8", errors="replace") == owner()
    except (KeyError, OSError):
        return False
