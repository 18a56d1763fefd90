"""Rules of the house that no linter knows."""

import ast
from pathlib import Path

PACKAGES = ("harness", "sandbox", "scoreboards")
ROOT = Path(__file__).parent.parent
READERS = {"harness/config.py", "harness/runners/pytest_events.py", "sandbox/executor.py"}
"""Who reads environment variables: the configuration, and the two programs that run inside a sandbox."""


def readers_of_the_environment() -> set[str]:
    """Modules of the packages that name `os.environ` or `os.getenv`."""
    found = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}:
                    found.add(path.relative_to(ROOT).as_posix())
    return found


def test_the_environment_is_read_in_one_place() -> None:
    """Keys and settings come in through `harness.config` alone; everybody else is given what they need."""
    assert readers_of_the_environment() == READERS
