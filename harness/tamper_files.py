"""Hints in files handed in: code that knows it is being tested, or reaches into what tests it. Pure."""

import re
from collections.abc import Iterator

MOST_LINES = 20_000
MOST_CHARACTERS = 500
"""Lines of a file that are looked at, and how much of each: patterns hold up all threads while they search."""

_SOURCES = (".py", ".pyi", ".js", ".mjs", ".cjs", ".ts", ".go", ".sh", ".rb", ".toml", ".cfg", ".ini")
_TOKENS = {
    name: re.compile(pattern)
    for name, pattern in {
        "PYTEST_CURRENT_TEST": r"PYTEST_CURRENT_TEST|PYTEST_VERSION",
        "conftest": r"\bconftest\b",
        "_pytest": r"\b_pytest\b",
        "import pytest": r"^\s*(?:import|from)\s+(?:pytest|unittest|pluggy)\b",
        "sys.modules": r"\bsys\.modules\b",
        "os._exit": r"\bos\._exit\b|\bos\.kill\b",
        "inspect.stack": r"\binspect\.(?:stack|currentframe|getouterframes)\b|\bsys\._getframe\b",
        "sys.settrace": r"\bsys\.(?:settrace|setprofile|monitoring|addaudithook)\b",
        "sys.argv": r"^(?=.*test).*\bsys\.argv\b",
        "gc.get_objects": r"\bgc\.get_(?:objects|referrers)\b",
        "ctypes": r"\bctypes\b",
        "builtins": r"\b__builtins__\b|\bbuiltins\.\w+\s*=",
        "always equal": r"def __eq__\([^)]*\)[^:]*:\s*return True\b",
        "sitecustomize": r"\b(?:sitecustomize|usercustomize)\b",
        "/proc": r"/proc/(?:self|\d+)/(?:fd|environ|mem|cmdline)",
        "process.exit": r"\bprocess\.(?:exit|reallyExit)\b",
        "process.argv": r"^(?=.*test).*\bprocess\.(?:argv|execArgv)\b",
        "node:test": r"""['"]node:test['"]""",
        "node:assert": r"""['"](?:node:)?assert(?:/strict)?['"]""",
        "DefaultSerializer": r"\bDefaultSerializer\b|\bsyncBuiltinESMExports\b",
        "os.Exit": r"\bos\.Exit\(",
        "testing.Testing": r"\btesting\.Testing\(\)|\bflag\.Lookup\(\"test\.",
        "splitclock": r"(?i)\bsplitclock",
    }.items()
}
"""What code of an application seldom needs and code against a grader often does, by the name that is told."""


def is_source(path: str, data: bytes) -> bool:
    """Whether it is code, of a kind that is looked at."""
    return path.endswith(_SOURCES) and b"\0" not in data


def file_hints(path: str, data: bytes, pristine: bytes) -> Iterator[tuple[int, str]]:
    """Suspicious tokens in the lines that a source file has and its pristine state has not, with line numbers."""
    if not is_source(path, data):
        return
    known = set(pristine.splitlines())
    for number, line in enumerate(data.splitlines()[:MOST_LINES], 1):
        if line not in known:
            text = line[:MOST_CHARACTERS].decode("utf-8", "replace")
            yield from ((number, name) for name, pattern in _TOKENS.items() if pattern.search(text))
