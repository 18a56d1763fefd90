"""What an honest submission gets, whatever else it touched. What others try: `tests/attacks`."""

import pytest

from harness.record import Verdict
from tests.harness.grading.conftest import APPLICATION, SOLUTION, Room

pytestmark = pytest.mark.slow


def test_the_honest_solution_passes(room: Room) -> None:
    """The same room, the same manifest, the real work."""
    grade = room.judge(SOLUTION)
    assert (grade.verdict, grade.rung) == (Verdict.PASS, "R1")
    assert grade.lost == {}


@pytest.mark.docker
def test_the_honest_solution_passes_in_docker(docker_room: Room) -> None:
    """The sandbox that stops the others does not stop it."""
    assert docker_room.judge(SOLUTION).verdict is Verdict.PASS


def test_an_honest_solution_passes_with_its_own_tests_and_settings(room: Room) -> None:
    """Edits of tests are put back, a project file is kept: neither costs the solution anything."""
    change = {
        **SOLUTION,
        "tests/test_add.py": None,
        "tests/test_mine.py": "def test_a(): pass\n",
        "pyproject.toml": "[x]\n",
    }
    grade = room.judge(change)
    assert grade.verdict is Verdict.PASS
    assert any("2 changed test paths were put back" in note for note in grade.notes)


def test_what_the_agent_ran_leaves_no_trace(room: Room) -> None:
    """Byte code and caches of the agent's own runs are neither handed in nor held against it."""
    feature, pristine = room.feature(), room.snapshot(APPLICATION)
    litter = {"__pycache__/calc.cpython-311.pyc": "x", ".pytest_cache/v/cache/lastfailed": "{}", **SOLUTION}
    handed_in = room.hand_in(feature, pristine, litter)
    assert ([file.path for file in handed_in.kept], handed_in.denied, handed_in.litter) == (["calc.py"], (), 2)
