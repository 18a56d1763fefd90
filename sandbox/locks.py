"""One maker at a time, among threads and among processes."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` (made if missing); waits for whoever holds it, whose death frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:  # every holder opens its own description, so threads exclude each other too
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
