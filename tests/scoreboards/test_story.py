"""A trial's story on a terminal: nothing that a run folder holds can steer it."""

import io

import pytest
from rich.console import Console

from harness.clock import Phase
from harness.record import GradeRow, Hint, Record, Regraded, TamperRow, TrialRow, Verdict
from harness.story import Story, ToolStory, TurnStory
from scoreboards.report.story_view import print_story

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
