"""Test runners: one module each, one registry."""

from collections.abc import Mapping

from harness.errors import ConfigError
from harness.features import Suite
from harness.runners import go, node, pytest, tap
from harness.runners.contract import Runner

RUNNERS: Mapping[str, Runner] = {"pytest": pytest, "node": node, "go": go, "tap": tap}
"""Every runner that can grade, by the name a target.toml uses.

JUnit's report file is none: whatever runs in the sandbox can write it, and a missing test does not show in it.
"""


def refusal(suite: Suite) -> str:
    """Why no runner can run this suite, in one line; empty when one can. For loaders and `validate`."""
    runner = RUNNERS.get(suite.runner)
    if runner is None:
        return f"test runner `{suite.runner}` is not supported; known: {', '.join(sorted(RUNNERS))}"
    return runner.refusal(suite)


def runner_of(suite: Suite) -> Runner:
    """The suite's runner. Raises ConfigError when there is none or it cannot run the suite's command."""
    problem = refusal(suite)
    if problem:
        raise ConfigError(problem)
    return RUNNERS[suite.runner]


__all__ = ["RUNNERS", "refusal", "runner_of"]
