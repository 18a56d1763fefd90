"""Sandboxes for tests of the harness: the local one, on an empty environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.contract import BoxSpec, File, Recipe, Sandbox
from sandbox.local import LocalProvider


@contextmanager
def local_box(cache: Path, *files: File) -> Iterator[Sandbox]:
    """A started local sandbox that holds these files."""
    provider = LocalProvider(cache)
    environment = provider.prepare(Recipe(name="empty"), lambda _line: None)
    with provider.open(BoxSpec(environment=environment, files=files)) as box:
        yield box
