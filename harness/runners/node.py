"""Node's own test runner (`node --test`, from 20): its command line, and its reporter for the grading sandbox.

Each test file is a process of its own, and the reporter runs in none of them, but in the runner. Test ids are
"file > suite > title"; titles that occur more than once in one place are one id, whose worst outcome counts.
"""

import json
from pathlib import Path, PurePosixPath

from harness.features import Suite
from harness.runners.contract import Place
from harness.runners.stream import Stream
from sandbox.contract import Command, File, sha256

CONFIGURATION: tuple[str, ...] = ()
"""The runner reads no configuration file of its own."""

RUNG = "R1"
"""What its results are worth."""

TEST_SUFFIXES: tuple[str, ...] = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
"""How the names of test files end."""

_REFUSED = ("--test-reporter", "--test-isolation", "--experimental-test-isolation", "--watch", "--test-only")
_FORCE_EXIT = "--test-force-exit"


def refusal(suite: Suite) -> str:
    """Why the command cannot be run: not node's runner, or an option that takes the results out of our hands."""
    words = suite.command
    if PurePosixPath(words[0]).name != "node" or "--test" not in words:
        return (
            f'tests.command `{" ".join(words)}` does not run node\'s test runner; write for example ["node", "--test"]'
        )
    taken = next((word for word in words if word.startswith(_REFUSED)), "")
    return f"tests.command: leave out `{taken}`: results come from a reporter of our own" if taken else ""


def tools(key: str) -> tuple[File, ...]:
    """The reporter, under a name that nothing in the workspace can stand in for."""
    source = Path(__file__).with_name("node_events.mjs").read_bytes()
    return (File(path=_reporter(key), data=source),)


def command(suite: Suite, place: Place, key: str) -> Command:
    """The suite's own command with the reporter, and an environment from a whitelist.

    `--test-force-exit` goes to the processes of the test files alone: the runner would end before the last word.
    """
    header = json.dumps(
        {"key": key, "tests": place.tests, "children": [word for word in suite.command if word == _FORCE_EXIT]}
    )
    reporter = (f"--test-reporter={place.tools}/{_reporter(key)}", "--test-reporter-destination=stdout")
    return Command(
        argv=(place.program, *reporter, *(word for word in suite.command[1:] if word != _FORCE_EXIT)),
        deadline_s=suite.timeout_s,
        env=place.environment,
        clean_env=True,
        stdin=header.encode("ascii") + b"\n",
    )


def listen(key: str) -> Stream:
    """The host's end of the reporter's stream."""
    return Stream(key)


def _reporter(key: str) -> str:
    return f"splitclock_events_{sha256(key.encode('ascii'))[:12]}.mjs"
