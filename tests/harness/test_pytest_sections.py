"""pytest's sections of shared files, put back."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pytest_sections import with_pristine_sections

OURS = b'[project]\nname = "a"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n\n[tool.ruff]\nline-length = 80\n'


@pytest.mark.parametrize(
    "theirs",
    [
        b'[tool.pytest.ini_options]\naddopts = "-p cheat"\n[tool.other]\nx = 1\n',
        b'[tool."pytest".ini_options]\naddopts = "-p cheat"\n[tool.other]\nx = 1\n',
        b'[ tool . pytest . ini_options ]\naddopts = "-p cheat"\n[tool.other]\nx = 1\n',
        b'[tool.pytest]\nminversion = "1"\n[tool.other]\nx = 1\n',
        b"[tool.other]\nx = 1\n",
    ],
)
def test_pytests_table_is_the_pristine_one(theirs: bytes) -> None:
    """However its header is written, or if it is gone; other tables are the candidate's."""
    merged = with_pristine_sections("pyproject.toml", theirs, OURS)
    assert merged is not None
    document = tomllib.loads(merged.decode())
    assert document["tool"]["pytest"] == {"ini_options": {"addopts": "-q"}}
    assert document["tool"]["other"] == {"x": 1}
    assert "project" not in document


@pytest.mark.parametrize(
    "theirs",
    [
        b'tool.pytest.ini_options.addopts = "-p cheat"\n',
        b'[tool]\npytest.ini_options.addopts = "-p cheat"\n',
        b'[tool]\npytest = {ini_options = {addopts = "-p cheat"}}\n',
        b'["tool"]\n"pytest" = {ini_options = {addopts = "-p cheat"}}\n',
        b'["\\u0074ool".pytest.ini_options]\naddopts = "-p cheat"\n',
        b"[tool.pytest",
        b"\xff",
    ],
)
def test_a_file_that_cannot_be_cut_safely_is_not_taken(theirs: bytes) -> None:
    """Inline tables, dotted keys, escapes, broken files: the whole pristine file is to stand."""
    assert with_pristine_sections("pyproject.toml", theirs, OURS) is None


def test_equal_sections_leave_the_file_alone() -> None:
    """The candidate's bytes are kept, to the last space."""
    theirs = OURS.replace(b"80", b"100   # wider")
    assert with_pristine_sections("pyproject.toml", theirs, OURS) == theirs


def test_a_new_file_has_no_section_to_keep() -> None:
    """Where the pristine tree has no such file, the section is cut out."""
    merged = with_pristine_sections("pyproject.toml", OURS, None)
    assert merged == b'[project]\nname = "a"\n\n[tool.ruff]\nline-length = 80\n'


@given(st.text())
def test_whatever_the_file_says_pytest_reads_the_pristine_table(text: str) -> None:
    """A result is always readable and holds the pristine table, or there is none."""
    merged = with_pristine_sections("pyproject.toml", text.encode("utf-8", "surrogatepass"), OURS)
    if merged is not None:
        assert tomllib.loads(merged.decode())["tool"]["pytest"] == {"ini_options": {"addopts": "-q"}}


def test_setup_cfg_is_cut_by_its_headers() -> None:
    """Sections that name pytest are the pristine ones, the rest the candidate's."""
    ours = b"[metadata]\nname = a\n\n[tool:pytest]\naddopts = -q\n"
    theirs = b"[metadata]\nname = b\n[tool:pytest]\naddopts = -p cheat\n[ tool:pytest ]\nx = 1\n[flake8]\nmax = 1"
    merged = with_pristine_sections("setup.cfg", theirs, ours)
    assert merged == b"[metadata]\nname = b\n[flake8]\nmax = 1\n[tool:pytest]\naddopts = -q\n"
