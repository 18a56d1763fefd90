"""A trial's story on a terminal: nothing that a run folder holds can steer it."""

import io
from typing import Any

import pytest
from rich.console import Console

from harness.clock import Phase
from harness.record import GradeRow, Hint, Record, Regraded, TamperRow, ToolRow, TrialRow, Verdict
from harness.story import Story, ToolStory, TurnStory
from scoreboards.report.story_view import print_story
from scoreboards.report.story_why import last_words

NASTY = "\x1b[31m[/nope]\u202e\x9b2J\x07"
RECORD = Record(
    run=NASTY,
    trial=TrialRow(id=NASTY, model=NASTY, feature=NASTY, repeat=1),
    started_utc=NASTY,
    stop=NASTY,
    verdict=Verdict.FAIL,
    error=NASTY,
    wall_ns=0,
    phases={phase.value: 0 for phase in Phase},
    sub_phases={},
    summed={},
    grade=GradeRow(
        rung=NASTY,
        reason=NASTY,
        fail_to_pass={NASTY: NASTY},
        lost={NASTY: NASTY},
        denied=(NASTY,),
        restored=(NASTY,),
        notes=(NASTY,),
    ),
    tamper=TamperRow(events=(NASTY,), alive=(NASTY,), probes=(NASTY,), hints=(Hint(kind=NASTY, what=NASTY),)),
    regraded=Regraded(was=NASTY, at_utc=NASTY, changed=(NASTY,)),
)


@pytest.mark.parametrize("is_full", [False, True])
def test_no_text_of_a_story_steers_the_terminal(*, is_full: bool) -> None:
    """Not the model's, not the sandbox's, not those of a record that came from elsewhere."""
    story = Story(
        record=RECORD,
        brief=NASTY,
        turns=(
            TurnStory(
                number=1,
                content=NASTY,
                reasoning=NASTY,
                tools=[ToolStory(tool=NASTY, arguments='{"a": "b\\n\\u001b[2J"}', output=NASTY)],
                told=[NASTY],
            ),
        ),
        difference=f"+{NASTY}",
        tests={"results": {NASTY: {"outcome": NASTY, "reason": NASTY}}},
        flaky=(NASTY,),
        others=(RECORD,),
        failures=(NASTY,),
    )
    screen = io.StringIO()
    print_story(story, Console(file=screen, width=100, no_color=True, highlight=False), is_full=is_full)
    assert [letter for letter in screen.getvalue() if not letter.isprintable() and letter != "\n"] == []


def shown(story: Story, *, is_full: bool = False) -> str:
    """What a terminal of many columns gets."""
    screen = io.StringIO()
    print_story(story, Console(file=screen, width=200, no_color=True, highlight=False), is_full=is_full)
    return screen.getvalue()


def graded(verdict: Verdict = Verdict.FAIL, **grade: Any) -> Record:
    """A record with that grade, and nothing to see in its tamper report."""
    return RECORD.model_copy(update={"verdict": verdict, "grade": GradeRow(**grade), "tamper": TamperRow()})


def test_a_story_says_why_a_module_was_not_collected() -> None:
    """The import error itself, not that something is missing."""
    reason = "ImportError while importing test module\nTraceback:\nE   ImportError: cannot import name 'area' from 'c'"
    tests = {"uncollected": {"tests/test_area.py": {"outcome": "error", "reason": reason}}, "exit_code": 1}
    story = Story(record=graded(fail_to_pass={"tests/test_area.py::t": "missing"}), tests=tests)
    assert "not collected: tests/test_area.py: ImportError: cannot import name 'area' from 'c'" in shown(story)


def test_a_story_says_how_a_broken_suite_ended() -> None:
    """Its exit status, and the error of the runner itself."""
    tail = "INTERNALERROR> Traceback\nINTERNALERROR> TypeError: no\nlast line\n"
    story = Story(record=graded(fail_to_pass={"t": "missing"}), tests={"exit_code": 3, "stderr_tail": tail})
    assert "the suite ended with exit status 3: INTERNALERROR> TypeError: no" in shown(story)


def test_a_failing_comparison_is_told_by_its_first_line() -> None:
    """What was compared, not how to see more of it."""
    case = {"outcome": "failed", "reason": "assert [1] == [2]\n  At index 0 diff: 1 != 2\n  Use -v to get more diff"}
    tests = {"results": {"t": case}, "versions": {"pytest": "9"}, "exit_code": 1}
    text = shown(Story(record=graded(fail_to_pass={"t": "failed"}), tests=tests))
    assert "assert [1] == [2]" in text
    assert "Use -v" not in text


def test_a_failed_black_box_test_tells_the_services_last_words() -> None:
    """Its traceback, whatever it printed afterwards."""
    log = "up\nTraceback (most recent call last):\n  File x\n    y\nKeyError: 'room'\n127.0.0.1 GET /\n-----\n"
    tests = {"service": {"log": log, "ended": ""}, "exit_code": 1}
    text = shown(Story(record=graded(fail_to_pass={"black-box::t": "failed"}), tests=tests))
    assert "KeyError: 'room'" in text
    assert "GET /" not in text
    assert last_words("a\nready\n----\n") == ("ready",)


def test_denied_paths_that_the_record_only_counts_are_counted() -> None:
    """In full and in short."""
    record = graded(denied=("a/conftest.py: no",) * 200, denied_count=30_000)
    for is_full in (False, True):
        assert "and 29,800 more denied paths" in shown(Story(record=record), is_full=is_full)
    assert "denied: a/conftest.py: no (200 times)" in shown(Story(record=record))


def test_nobody_is_blamed_for_a_pass() -> None:
    """A fail is somebody's doing."""
    assert "blame:" not in shown(Story(record=graded(Verdict.PASS)))
    assert "blame: the model's own doing" in shown(Story(record=graded()))


def test_a_call_that_ran_out_of_time_was_not_refused() -> None:
    """The command ran; its deadline ended it."""
    row = ToolRow(turn=1, tool="shell", total_ns=1, failed=True, timed_out=True)
    turn = TurnStory(number=1, tools=[ToolStory(tool="shell", arguments="{}", output="", row=row)])
    text = shown(Story(record=graded(), turns=(turn,)))
    assert "timed out" in text
    assert "refused" not in text
