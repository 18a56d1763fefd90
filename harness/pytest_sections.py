"""pytest's sections in files that hold other things too: a candidate's taken out, the pristine ones put back."""

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

SHARED_FILES = ("pyproject.toml", "setup.cfg")
"""Names of files that configure tests among other things."""


def with_pristine_sections(name: str, candidate: bytes, pristine: bytes | None) -> bytes | None:
    """The candidate's `name` with the pristine file's pytest sections in place of its own.

    Equal to `candidate` when these do not differ. None when the file cannot be read or cut apart safely: then the whole
    pristine file is to stand.
    """
    try:
        new, old = candidate.decode("utf-8"), (pristine or b"").decode("utf-8")
    except UnicodeDecodeError:
        return None
    merged = (_merged_toml if name == "pyproject.toml" else _merged_cfg)(new, old)
    return None if merged is None else merged.encode("utf-8")


def _merged_toml(new: str, old: str) -> str | None:
    """Cut by lines, then proven by parsing: pytest's table is the old one, all else the new one."""
    try:
        theirs, ours = tomllib.loads(new), tomllib.loads(old)
        if _pytest_table(theirs) == _pytest_table(ours):
            return new
        text = _replaced(new, old, _is_toml_header)
        result = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    proven = _pytest_table(result) == _pytest_table(ours) and _without_pytest(result) == _without_pytest(theirs)
    return text if proven else None


def _merged_cfg(new: str, old: str) -> str | None:
    """A line that looks like a header and names pytest starts a section of it; continued values are indented."""
    if _sections(new, _is_cfg_header) == _sections(old, _is_cfg_header):
        return new
    return _replaced(new, old, _is_cfg_header)


def _pytest_table(document: dict[str, Any]) -> Any:
    tool = document.get("tool")
    return tool.get("pytest") if isinstance(tool, dict) else None


def _without_pytest(document: dict[str, Any]) -> dict[str, Any]:
    tool = document.get("tool")
    if not isinstance(tool, dict):
        return document
    rest = {name: value for name, value in tool.items() if name != "pytest"}
    return {**{name: value for name, value in document.items() if name != "tool"}, **({"tool": rest} if rest else {})}


def _replaced(new: str, old: str, is_pytest: Callable[[str], bool]) -> str:
    kept = "".join(text for header, text in _blocks(new) if not is_pytest(header))
    back = "".join(_sections(old, is_pytest))
    if not back:
        return kept
    return f"{kept}{'' if kept.endswith(chr(10)) or not kept else chr(10)}{back}"


def _sections(text: str, is_pytest: Callable[[str], bool]) -> list[str]:
    return [block for header, block in _blocks(text) if is_pytest(header)]


def _is_toml_header(line: str) -> bool:
    words = line.strip().strip("[]").replace('"', "").replace("'", "").split("#")[0].rstrip("] \t")
    parts = [part.strip() for part in words.split(".")]
    return parts[:2] == ["tool", "pytest"]


def _is_cfg_header(line: str) -> bool:
    return "pytest" in line.lower()


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The text as (header line, whole block); what stands before the first header has an empty one."""
    header, lines = "", [""]
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            yield header, "".join(lines)
            header, lines = line, []
        lines.append(line)
    yield header, "".join(lines)
