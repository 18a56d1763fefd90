"""Every ending and whose doing it is: what a retry may mend is kept out of the pass rate, the model's own is scored."""

from pathlib import Path

import pytest

from harness.blame import Blame, blame_of
from harness.journal import read_records
from harness.record import Record
from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import (
    FINISH,
    SOLVE,
    FeatureFiles,
    TargetFiles,
    edit,
    matrix,
    say,
    shell,
    simulated,
)

pytestmark = pytest.mark.slow

AGAIN = ScriptedFault(kind="status", status=503)
TOO_LONG = ScriptedFault(kind="status", status=400, code="context_length_exceeded")
REFUSED_KEY = ScriptedFault(kind="status", status=401)
TOMORROW = ScriptedFault(kind="status", status=429, headers={"Retry-After": "90000"})
BROKEN = ScriptedCall(name="shell", arguments="not json")
DIES = "import os\nos._exit(0)\n"

SCRIPTS: dict[str, tuple[Turn, ...]] = {
    "solves": (SOLVE, FINISH),
    "solves-after-faults": (Turn(tool_calls=SOLVE.tool_calls, faults=(AGAIN, AGAIN)), FINISH),
    "does-nothing": (FINISH,),
    "only-talks": (say("Hm."), say("Hm."), SOLVE),
    "refuses": (Turn(content="I will not.", ending="content_filter"), SOLVE, FINISH),
    "fills-its-window": (SOLVE, Turn(faults=(TOO_LONG,) * 9)),
    "sends-no-json": (SOLVE, *(say("", BROKEN),) * 9),
    "never-stops": (SOLVE, *(say("", shell("true")),) * 9),
    "kills-its-tests": (say("", edit("calc.py", "def add", f"{DIES}\n\ndef add")), FINISH),
    "leaves-a-process": (SOLVE, say("", shell("setsid sleep 60 >/dev/null 2>&1 & sleep 0.2")), FINISH),
    "breaks-the-base": (say("", edit("calc.py", "return a + b", "return a - b")), FINISH),
}
TABLE = {
    "solves": ("finished", "pass", Blame.MODEL),
    "solves-after-faults": ("finished", "pass", Blame.MODEL),
    "does-nothing": ("finished", "fail", Blame.MODEL),
    "only-talks": ("finished", "fail", Blame.MODEL),
    "refuses": ("refused", "fail", Blame.MODEL),
    "fills-its-window": ("context_exhausted", "pass", Blame.MODEL),
    "sends-no-json": ("limit:malformed_calls", "pass", Blame.MODEL),
    "never-stops": ("limit:turns", "pass", Blame.MODEL),
    "kills-its-tests": ("finished", "fail", Blame.MODEL),
    "leaves-a-process": ("finished", "pass", Blame.MODEL),
    "breaks-the-base": ("finished", "fail", Blame.MODEL),
}
OTHERS = {
    "locked-out": ((SOLVE, Turn(faults=(REFUSED_KEY,))), ("error:provider", "error:provider", Blame.PROVIDER)),
    "put-off": ((SOLVE, Turn(faults=(TOMORROW,))), ("deferred", "not_run", Blame.PROVIDER)),
}
"""Each in a run of its own: it takes the provider along."""


def ending(record: Record) -> tuple[str, str, Blame]:
    """How a trial ended, what it counts as, and whose doing that is."""
    return record.stop, record.verdict.value, blame_of(record.verdict, record.stop)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> dict[str, Record]:
    """The records of a run with a model for each ending."""
    desk = Desk(folder=tmp_path_factory.mktemp("blame"), cache=shared_cache)
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=SCRIPTS))
    file = matrix(desk.folder / "m.toml", {name: simulated(name) for name in SCRIPTS}, limits={"turns": 6}, trials=2)
    desk.must("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    return {record.trial.model: record for record in read_records(desk.folder / "out")}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_model_did_is_scored(found: dict[str, Record], name: str) -> None:
    """Whatever ended it, what is there is graded, once, and counts."""
    record = found[name]
    assert ending(record) == TABLE[name]
    assert (record.attempt, record.verdict.scored) == (1, True)


@pytest.mark.parametrize("name", OTHERS)
def test_what_a_provider_did_is_not(desk: Desk, name: str) -> None:
    """Outside the pass rate, although the work was done; the command does not look as if all was well."""
    turns, expected = OTHERS[name]
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns={name: turns}))
    file = matrix(desk.folder / "m.toml", {name: simulated(name)})
    said = desk.give("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    (record,) = read_records(desk.folder / "out")
    assert ending(record) == expected
    assert (said.code, record.verdict.scored) == (5, False)


def test_what_the_infrastructure_did_is_not(desk: Desk) -> None:
    """No environment, no trial: nobody's failure but ours."""
    TargetFiles(setup=("mkdir -p $SPLITCLOCK_PREFIX", "exit 3")).write(
        desk.folder / "targets", FeatureFiles(name="double", turns={"solves": (SOLVE, FINISH)})
    )
    TargetFiles(name="sound").write(desk.folder / "targets", FeatureFiles(turns={"solves": (SOLVE, FINISH)}))
    file = matrix(desk.folder / "m.toml", {"solves": simulated("solves")}, ["calc/double", "sound/double"])
    said = desk.give("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    records = {record.trial.feature: record for record in read_records(desk.folder / "out")}
    assert said.code == 4
    assert ending(records["calc/double"]) == ("error:infra", "error:infra", Blame.INFRASTRUCTURE)
    assert ending(records["sound/double"]) == TABLE["solves"]
