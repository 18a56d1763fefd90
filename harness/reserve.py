"""Space kept free for the last rows of a run whose disk becomes full."""

import os
from contextlib import suppress
from pathlib import Path

from harness.files import disk_errors

RESERVE_BYTES = 4 * 1024**2
"""How much: the rows and folders of many trials that end at once, and the write-ahead log that they go through."""


class Reserve:
    """A file of no content that takes up space in the run folder until it is given back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def hold(self) -> None:
        """Take the space. Raises DiskFullError where there is so little that nothing should start."""
        try:
            with disk_errors(self._path), self._path.open("wb") as file:
                _allocate(file.fileno(), RESERVE_BYTES)
        except BaseException:
            self.free()
            raise

    def free(self) -> bool:
        """Give the space back; returns whether there was any to give."""
        with suppress(OSError):
            self._path.unlink()
            return True
        return False


def _allocate(handle: int, size: int) -> None:
    """Make a file take up `size` bytes of the disk, and not only say so."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.write(handle, bytes(size))
