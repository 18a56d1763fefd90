"""Every provider fault over one API in turn, through the real command line: what came of it, and where its time went.

The other APIs, and what takes a minute, are left to `make faults`, which plays all of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.desk import Desk
from tests.faults.checks import problems
from tests.faults.play import Seen, played
from tests.faults.rows import EVERYWHERE, rows
from tests.faults.table import markdown

pytestmark = pytest.mark.slow

QUICK = [
    replace(row, apis=(row.apis[place % len(row.apis)],))
    for place, row in enumerate(row for row in rows() if not row.patient)
]
CELLS = [(row.name, api) for row in QUICK for api in row.apis]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Mapping[tuple[str, str], Seen]:
    """What came of each row, played once."""
    desk = Desk(folder=tmp_path_factory.mktemp("faults"), cache=shared_cache)
    return {(seen.row.name, seen.api): seen for seen in played(desk, QUICK, EVERYWHERE)}


@pytest.mark.parametrize(("row", "api"), CELLS)
def test_fault_has_its_outcome(found: Mapping[tuple[str, str], Seen], row: str, api: str) -> None:
    """Stop, verdict, exit code, requests, failed attempts, bookings and tool calls are those of the row."""
    assert "\n".join(problems(found[row, api])) == ""


def test_names_are_told_apart() -> None:
    """Rows have names of their own, and every API has its share of them."""
    every = list(rows())
    assert len({row.name for row in every}) == len(every)
    assert all(any(api in row.apis for row in every) for api in EVERYWHERE)


def test_table_shows_what_is_wrong(found: Mapping[tuple[str, str], Seen]) -> None:
    """An outcome held against another row's expectation is a NO in its line: the table cannot but tell."""
    seen, other = found["500", "chat"], found["context", "chat"]
    bent = Seen(**{name: getattr(seen, name) for name in Seen.__slots__} | {"row": other.row})
    good, bad = markdown([seen]), markdown([bent])
    assert good.rstrip().endswith("| yes |")
    assert bad.rstrip().endswith("| NO |")
    assert any(problem.startswith("stop: 'finished', not 'context_exhausted'") for problem in problems(bent))
