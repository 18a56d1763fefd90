"""pytest as the runner: its command line, its configuration, its plugin for the grading sandbox.

Test ids are pytest's node ids, carried exactly. An id that holds an object's address (" at 0x") changes with each run:
`validate` finds such a test flaky, never a pass.
"""

import json
import tomllib
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path, PurePosixPath
from typing import Any

from harness.features import Suite
from harness.runners.contract import Place
from harness.runners.stream import Stream
from sandbox.contract import Command, File, sha256

CONFIGURATION: tuple[str, ...] = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
"""Files that may hold pytest's configuration, in the order in which pytest takes the first that does."""

RUNG = "R1"
"""What its results are worth."""

TEST_SUFFIXES: tuple[str, ...] = (".py",)
"""How the names of test files end."""

_ENTRY_POINTS = {"pytest", "py.test"}


def refusal(suite: Suite) -> str:
    """Why the command is none of pytest's; empty when it is one."""
    if _is_module(suite.command) or any(PurePosixPath(word).name in _ENTRY_POINTS for word in suite.command):
        return ""
    return f'tests.command `{" ".join(suite.command)}` runs no pytest; write for example ["python", "-m", "pytest"]'


def tools(key: str) -> tuple[File, ...]:
    """The plugin in its two files, under names that nothing in the workspace can stand in for."""
    return tuple(
        File(path=f"{_plugin(key)}{part}.py", data=Path(__file__).with_name(f"pytest_events{part}.py").read_bytes())
        for part in ("", "_compare")
    )


def command(suite: Suite, place: Place, key: str) -> Command:
    """The suite's own command with the plugin, the pristine configuration, and an environment from a whitelist.

    More plugins are the target's to name, for example `-p asyncio` in tests.command, and so are options to undo:
    `-o addopts=`. A command that sets --rootdir, -c or --confcutdir itself keeps its own.
    """
    header = json.dumps({"key": key, "root": _is_module(suite.command), "tests": place.tests, **_slice(place)})
    return Command(
        argv=(place.program, *suite.command[1:], "-p", _plugin(key), *_options(suite.command, place)),
        deadline_s=suite.timeout_s,
        env={
            **place.environment,
            "PYTHONPATH": place.tools,
            "PYTHONSAFEPATH": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        clean_env=True,
        stdin=header.encode("ascii") + b"\n",
    )


def listen(key: str) -> Stream:
    """The host's end of the plugin's stream."""
    return Stream(key)


def configuration_file(files: Mapping[str, bytes]) -> str | None:
    """Which of the files at the root pytest takes its configuration from; None when none holds any."""
    return next((name for name in CONFIGURATION if name in files and _configures(name, files[name])), None)


def import_roots(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Folders that the pristine configuration puts on the import path, relative to the root; "" is the root."""
    name = configuration_file(files)
    settings = _settings(name, files[name]) if name else None
    listed = (settings or {}).get("pythonpath", [])
    words = listed.split() if isinstance(listed, str) else [str(word) for word in listed]
    return tuple("" if word == "." else PurePosixPath(word).as_posix() for word in words)


def _slice(place: Place) -> dict[str, object]:
    """What the plugin is told of the part of the suite that is wanted; nothing for all of it."""
    wanted = place.slice
    return {} if wanted is None else {"only": wanted.files, "seed": wanted.seed, "mark": wanted.mark}


def _options(given: tuple[str, ...], place: Place) -> tuple[str, ...]:
    chosen = configuration_file(place.configuration)
    configuration = f"{place.workspace}/{chosen}" if chosen else "/dev/null"
    options = ["-p", "no:cacheprovider", "--continue-on-collection-errors"]
    if not _gives(given, "--rootdir"):
        options += [f"--rootdir={place.workspace}"]
    if not _gives(given, "-c", "--config-file"):
        options += ["-c", configuration]
    if not _gives(given, "--confcutdir"):
        options += [f"--confcutdir={place.workspace}"]
    return tuple(options)


def _plugin(key: str) -> str:
    return f"splitclock_events_{sha256(key.encode('ascii'))[:12]}"


def _gives(words: tuple[str, ...], *options: str) -> bool:
    return any(word in options or word.startswith(tuple(f"{one}=" for one in options)) for word in words)


def _is_module(words: tuple[str, ...]) -> bool:
    return any(words[at : at + 2] == ("-m", "pytest") for at in range(len(words)))


def _configures(name: str, data: bytes) -> bool:
    return name in CONFIGURATION[:4] or _settings(name, data) is not None


def _settings(name: str, data: bytes) -> Mapping[str, Any] | None:
    """What a file tells pytest; None when it has no section for it, or cannot be read (then pytest says so itself)."""
    text = data.decode("utf-8", "replace")
    try:
        return _toml_settings(name, text) if name.endswith(".toml") else _ini_settings(name, text)
    except (tomllib.TOMLDecodeError, Error):
        return None


def _toml_settings(name: str, text: str) -> Mapping[str, Any] | None:
    document = tomllib.loads(text)
    table = (document.get("tool", {}) if name == "pyproject.toml" else document).get("pytest")
    return table.get("ini_options", table) if isinstance(table, dict) else None


def _ini_settings(name: str, text: str) -> Mapping[str, Any] | None:
    parser = ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    parser.read_string(text)
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    return dict(parser[section]) if parser.has_section(section) else None
