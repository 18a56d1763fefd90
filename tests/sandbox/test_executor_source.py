"""The executor runs on whatever Python an image has: its source must stay old and alone."""

import ast
import sys
from pathlib import Path

from sandbox import executor

TREE = ast.parse(Path(executor.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_executor_needs_the_standard_library_only() -> None:
    """One file: every import is of the standard library, and syntax is that of Python 3.8 (or parsing above fails)."""
    imports = [node for node in ast.walk(TREE) if isinstance(node, ast.Import)]
    sources = [node for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names} | {str(node.module) for node in sources}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert all(node.level == 0 for node in sources)


def test_both_ends_agree_on_the_protocol() -> None:
    """Client and executor hold the same version and bounds, each in its own file."""
    from sandbox import client

    for name in ("PROTOCOL", "MAX_HEADER", "MAX_BODY"):
        assert getattr(client, name) == getattr(executor, name)
    assert client.LENGTHS.format == executor.LENGTHS.format
