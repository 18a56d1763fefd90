"""How pytest is called: its configuration, its options, the environment."""

import ast
import json
import sys

import pytest

from harness.features import Suite
from harness.runners import RUNNERS, refusal
from harness.runners.contract import Place
from harness.runners.pytest import command, configuration_file, import_roots, tools
from sandbox.contract import Command

KEY = "ab" * 32


def suite(*words: str, runner: str = "pytest") -> Suite:
    """A suite with that command."""
    return Suite(runner=runner, command=words, protected=("tests",), timeout_s=30)


def called(*words: str) -> Command:
    """The command that the suite becomes."""
    place = Place(
        program="/opt/venv/bin/python",
        workspace="/workspace",
        tools="/tools",
        tests=("tests/test_a.py",),
        environment={"PATH": "/opt/venv/bin:/bin"},
    )
    return command(suite(*words), place, KEY)


def test_the_command_is_absolute_and_keeps_its_words() -> None:
    """The program is the one that was resolved; the target's own words come first."""
    argv = called("python", "-m", "pytest", "-q", "tests/unit").argv
    assert argv[:5] == ("/opt/venv/bin/python", "-m", "pytest", "-q", "tests/unit")
    assert "no:cacheprovider" in argv
    assert "--continue-on-collection-errors" in argv
    assert "--rootdir=/workspace" in argv


def test_the_environment_is_whole_and_without_switches_from_outside() -> None:
    """Only the whitelist and our own switches; nothing that the sandbox sets beside them."""
    made = called("pytest")
    assert made.clean_env
    assert made.env == {
        "PATH": "/opt/venv/bin:/bin",
        "PYTHONPATH": "/tools",
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def test_the_key_goes_to_standard_input_alone() -> None:
    """Neither the arguments nor the environment nor the plugin's name hold it."""
    made = called("pytest")
    assert json.loads(made.stdin) == {"key": KEY, "root": False, "tests": ["tests/test_a.py"]}
    assert KEY not in " ".join((*made.argv, *made.env.values(), *(file.path for file in tools(KEY))))


def test_the_plugins_name_changes_with_the_key() -> None:
    """Nothing in a workspace can be called like it beforehand."""
    assert tools(KEY)[0].path != tools("cd" * 32)[0].path
    assert tools(KEY)[0].path.removesuffix(".py") in called("pytest").argv


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"pyproject.toml": b"[project]\nname = 'x'\n"}, None),
        ({"pyproject.toml": b"[tool.pytest.ini_options]\n"}, "pyproject.toml"),
        ({"pyproject.toml": b"[tool.pytest]\nx = 1\n"}, "pyproject.toml"),
        ({"pyproject.toml": b"not toml [", "setup.cfg": b"[tool:pytest]\n"}, "setup.cfg"),
        ({"pytest.ini": b"", "pyproject.toml": b"[tool.pytest.ini_options]\n"}, "pytest.ini"),
        ({"tox.ini": b"[pytest]\n", "setup.cfg": b"[tool:pytest]\n"}, "tox.ini"),
        ({"tox.ini": b"[testenv]\n", "setup.cfg": b"[tool:pytest]\na = %(b)s\n"}, "setup.cfg"),
        ({"setup.cfg": b"[metadata]\n"}, None),
        ({"setup.cfg": b"no section\n"}, None),
    ],
)
def test_the_configuration_is_the_one_that_pytest_would_take(files: dict[str, bytes], expected: str | None) -> None:
    """The first file in pytest's own order that holds a section for it."""
    assert configuration_file(files) == expected


def test_without_configuration_none_is_looked_for() -> None:
    """What lies above the workspace does not count either."""
    argv = called("pytest").argv
    assert argv[argv.index("-c") + 1] == "/dev/null"
    assert "--confcutdir=/workspace" in argv


def test_a_command_that_names_its_configuration_keeps_it() -> None:
    """A suite below the root says where its root is."""
    argv = called("pytest", "-c", "sub/pytest.ini", "--rootdir=sub").argv
    assert argv.count("-c") == 1
    assert "--rootdir=/workspace" not in argv


def test_the_plugin_is_a_single_file_for_old_pythons() -> None:
    """It parses as Python 3.8 and imports nothing but pytest and the standard library."""
    tree = ast.parse(tools(KEY)[0].data, feature_version=(3, 8))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert names - sys.stdlib_module_names == {"pytest"}


def test_import_roots_come_from_the_configuration() -> None:
    """`pythonpath` as a list or as words; the root itself is the empty path."""
    assert import_roots({"pytest.ini": b"[pytest]\npythonpath = . lib tests\n"}) == ("", "lib", "tests")
    assert import_roots({"pyproject.toml": b'[tool.pytest.ini_options]\npythonpath = ["lib/"]\n'}) == ("lib",)
    assert import_roots({}) == ()


def test_runners_are_refused_in_one_line() -> None:
    """The line names the runner, or says what to write."""
    assert refusal(suite("pytest", runner="junit")) == (
        "test runner `junit` is not supported; known: go, node, pytest, tap"
    )
    assert "runs no pytest" in refusal(suite("npm", "test"))
    assert [refusal(suite(*words)) for words in (("py.test",), ("coverage", "run", "-m", "pytest"))] == ["", ""]
    assert sorted(RUNNERS) == ["go", "node", "pytest", "tap"]
