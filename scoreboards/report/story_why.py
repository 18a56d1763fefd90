"""Why tests did not pass, out of what the suite reported: imports, crashes, exit codes, the service's last words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from harness.record import GradeRow
from harness.runners.contract import is_black_box
from harness.untrusted import one_line, plain

_MOST_MODULES = 12
_MOST_WORDS = 8
_WIDTH = 160
_ORDINARY = {0, 1, None}
_TRACEBACK = "Traceback (most recent call last)"
_INTERNAL = "INTERNALERROR>"
_BAD = "color(160)"


def reason_line(reason: str, *, of_pytest: bool) -> str:
    """The one line of a test's reason that says most; "" where it says nothing.

    pytest's marks the error's own lines with an E, and begins a crash's message with the comparison; what follows there
    is the comparison's details. Others end with what happened.
    """
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    if marked:
        return one_line(marked[-1], _WIDTH)
    if not lines:
        return ""
    told = lines[0] if of_pytest and not lines[0].startswith("Traceback") else lines[-1]
    return one_line(told, _WIDTH)


def is_of_pytest(tests: Mapping[str, Any] | None, test_id: str) -> bool:
    """Whether pytest ran that test: the target's own, or the one that runs black-box tests."""
    versions = (tests or {}).get("versions")
    return is_black_box(test_id) or (isinstance(versions, dict) and "pytest" in versions)


def why_lines(tests: Mapping[str, Any] | None, grade: GradeRow) -> Iterator[Text]:
    """What explains a grade beyond its tests: modules that were not collected, how the runner and the service ended."""
    failed = [name for name, outcome in {**grade.lost, **grade.fail_to_pass}.items() if outcome != "passed"]
    if tests is None or not failed:
        return
    yield from _uncollected(tests)
    yield from _ended(tests)
    if any(is_black_box(name) for name in failed):
        yield from _service(tests.get("service"))


def _uncollected(tests: Mapping[str, Any]) -> Iterator[Text]:
    found = tests.get("uncollected")
    cases = [(name, case) for name, case in found.items() if _is_error(case)] if isinstance(found, dict) else []
    for name, case in cases[:_MOST_MODULES]:
        said = reason_line(str(case.get("reason", "")), of_pytest=is_of_pytest(tests, name))
        yield Text.assemble(("not collected: ", _BAD), one_line(name), f": {said}" if said else "")
    if len(cases) > _MOST_MODULES:
        yield Text(f"… and {len(cases) - _MOST_MODULES} more modules were not collected", style="dim")


def _is_error(case: object) -> bool:
    return isinstance(case, dict) and case.get("outcome") == "error"


def _ended(tests: Mapping[str, Any]) -> Iterator[Text]:
    """The exit status that no ordinary run has, and the runner's last words to it."""
    words = [line.strip() for line in plain(str(tests.get("stderr_tail") or "")).splitlines() if line.strip()]
    internal = [line for line in words if line.startswith(_INTERNAL)]
    status = tests.get("exit_code")
    if status in _ORDINARY and not internal:
        return
    errors = internal or [line for line in words if "error" in line.lower()] or words
    said = f": {one_line(errors[-1], _WIDTH)}" if errors else ""
    yield Text.assemble(("the suite ended", _BAD), f" with exit status {one_line(str(status), 20)}{said}")


def _service(service: object) -> Iterator[Text]:
    if not isinstance(service, dict):
        return
    if service.get("ended"):
        yield Text(f"the service ended: {one_line(str(service['ended']))}", style=_BAD)
    words = last_words(str(service.get("log") or ""))
    if words:
        yield Text("the service's last words:")
        yield from (Text(f"  {line}", style="dim") for line in words)


def last_words(log: str) -> tuple[str, ...]:
    """The last traceback of a log, or its last line; at most eight lines, the first and the last ones."""
    lines = [line.rstrip() for line in plain(log).expandtabs(4).splitlines() if any(map(str.isalnum, line))]
    begins = [at for at, line in enumerate(lines) if _TRACEBACK in line]
    block = _block(lines[begins[-1] :]) if begins else lines[-1:]
    shown = block if len(block) <= _MOST_WORDS else [block[0], "  …", *block[2 - _MOST_WORDS :]]
    return tuple(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in shown)


def _block(lines: Iterable[str]) -> list[str]:
    """A traceback from its first line to the line that names the error: the first that is not indented deeper."""
    found: list[str] = []
    for line in lines:
        found.append(line)
        if len(found) > 1 and not line.startswith((" ", "\t")):
            break
    return found
