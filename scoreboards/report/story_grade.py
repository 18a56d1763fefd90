"""The end of a trial's story in lines: which tests decided, what looks like tampering, the verdict and whose it is."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from rich.text import Text

from harness.blame import SENTENCES, blame_of
from harness.record import GradeRow, Record, Verdict
from harness.story import Story
from harness.untrusted import one_line
from scoreboards.report.story_why import is_of_pytest, reason_line, why_lines

_Item = TypeVar("_Item")

_MOST = 12
_BAD, _GOOD, _MIXED = "color(160)", "color(28)", "color(136)"


def grade_lines(record: Record) -> Iterator[Text]:
    """How many of the new tests pass, and how many that passed before are lost."""
    wanted, lost = record.grade.fail_to_pass, record.grade.lost
    if not wanted and not lost:
        return
    passed = sum(outcome == "passed" for outcome in wanted.values())
    style = _GOOD if passed == len(wanted) else _BAD
    yield Text(f"{passed} of {len(wanted)} new tests pass (fail to pass)", style=style)
    yield Text(f"{len(lost)} tests that passed before are lost", style=_BAD if lost else _GOOD)


def tests_lines(story: Story, *, is_full: bool) -> Iterator[Text]:
    """Test by test what decided the grade, with the reasons that the suite gave; flaky ones, which decided nothing."""
    grade, results = story.record.grade, _results(story.tests)
    deciding = {name: outcome for name, outcome in grade.fail_to_pass.items() if outcome != "passed"}
    named = [("new", name, outcome) for name, outcome in deciding.items()]
    named += [("lost", name, outcome) for name, outcome in grade.lost.items()]
    passed = [("new", name, outcome) for name, outcome in grade.fail_to_pass.items() if outcome == "passed"]
    for kind, name, outcome in _some([*named, *passed], is_full=is_full):
        yield Text.assemble(
            (f"{one_line(outcome, 20):<10}", _GOOD if outcome == "passed" else _BAD), f" {kind:<4} {one_line(name)}"
        )
        reason = str(results.get(name, {}).get("reason", "")) if outcome != "passed" else ""
        said = reason_line(reason, of_pytest=is_of_pytest(story.tests, name))
        if said:
            yield Text(f"                {said}", style="dim")
    yield from _left_out(len(named) + len(passed), is_full=is_full)
    yield from why_lines(story.tests, grade)
    if story.flaky:
        known = ", ".join(f"{one_line(name)} {_outcome(results, name)}" for name in story.flaky[:_MOST])
        yield Text(f"flaky, not counted: {known}", style="dim")
    yield from (Text(f"note: {one_line(note, 300)}", style="dim") for note in grade.notes)


def tamper_lines(record: Record, *, is_full: bool) -> Iterator[Text]:
    """Everything that looks like an attempt on the grade, or that nothing does."""
    tamper, grade = record.tamper, record.grade
    if tamper is None:
        yield Text("not looked at: an older Splitclock wrote this record", style="dim")
        return
    groups = (
        ("denied", grade.denied, _BAD),
        ("test put back", grade.restored, _MIXED),
        ("event stream", tamper.events, _BAD),
        ("alive at the kill", tamper.alive, _MIXED),
        ("probe", tamper.probes, _BAD),
    )
    found = [(name, style, one_line(one)) for name, told, style in groups for one in told]
    found += [
        (f"hint, {one_line(hint.kind)}", _MIXED, f"{one_line(hint.what)} ({one_line(hint.where)})")
        for hint in tamper.hints
    ]
    lines = [
        Text.assemble((name, style), f": {said}", (f" ({times:,} times)" if times > 1 else "", "dim"))
        for (name, style, said), times in Counter(found).items()
    ]
    yield from _some(lines, is_full=is_full)
    yield from _left_out(len(lines), is_full=is_full)
    yield from _untold(grade)
    if not lines:
        yield Text("nothing denied, put back, left running or out of the ordinary", style=_GOOD)


def _untold(grade: GradeRow) -> Iterator[Text]:
    """Lines for the paths that the record only counts."""
    denied = grade.denied_in_all - len(grade.denied)
    restored = grade.restored_in_all - len(grade.restored)
    if denied:
        yield Text(f"and {denied:,} more denied paths, which the record only counts", style=_BAD)
    if restored:
        yield Text(f"and {restored:,} more tests put back, which the record only counts", style=_MIXED)


def verdict_lines(story: Story) -> Iterator[Text]:
    """The verdict with its rung and reason, how the agent ended, whose doing it was, and earlier tries and grades."""
    record = story.record
    style = _GOOD if record.verdict is Verdict.PASS else _BAD
    rung = f" at {one_line(record.grade.rung)}" if record.grade.rung else ""
    why = record.error if not record.verdict.scored else record.grade.reason or record.error
    yield Text.assemble((record.verdict.value, f"bold {style}"), rung, f": {one_line(why, 400)}" if why else "")
    yield Text(f"the agent stopped: {one_line(record.stop) or 'it never began'}{_error(record)}")
    if record.verdict is not Verdict.PASS:
        yield Text(f"blame: {SENTENCES[blame_of(record.verdict, record.stop)]}")
    if record.regraded is not None:
        changed = one_line(", ".join(record.regraded.changed))
        others = f", by other fixtures ({changed})" if changed else ""
        at = one_line(record.regraded.at_utc[:19])
        yield Text(f"regraded {at} UTC{others}: it was {one_line(record.regraded.was)}", style=_MIXED)
    yield from (Text(f"failed call: {one_line(one, 300)}", style=_BAD) for one in story.failures)
    for one in story.others:
        said = one_line(one.error or one.grade.reason, 200)
        yield Text(f"attempt {one.attempt}: {one.verdict.value}, {one_line(one.stop)}: {said}", style="dim")


def _error(record: Record) -> str:
    return f" ({one_line(record.error, 300)})" if record.error and record.verdict.scored else ""


def _results(tests: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    found = tests.get("results") if tests else None
    if not isinstance(found, dict):
        return {}
    return {name: result for name, result in found.items() if isinstance(result, dict)}


def _outcome(results: Mapping[str, Mapping[str, Any]], name: str) -> str:
    return one_line(str(results.get(name, {}).get("outcome", "missing")), 20)


def _some(items: list[_Item], *, is_full: bool) -> list[_Item]:
    return items if is_full else items[:_MOST]


def _left_out(number: int, *, is_full: bool) -> Iterator[Text]:
    if number > _MOST and not is_full:
        yield Text(f"… and {number - _MOST} more; --full shows them", style="dim")
