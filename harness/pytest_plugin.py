"""A pytest plugin: the criteria of a gate as tests, so that a project can keep its gate beside its own.

pytest loads it wherever Splitclock is installed, so nothing is imported here that a session without a gate does not
need.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scoreboards.gate.findings import Criterion, Gate
    from scoreboards.gate.policy import Policy

DEFAULT = "default"
"""Stands for the policy that holds without a file."""

_SIDES = {
    "baseline": "a run folder to judge against, or the name of a stored baseline; may be given more than once",
    "candidate": "a run folder to be judged; may be given more than once",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and settings of the same names for pytest.ini and pyproject.toml."""
    group = parser.getgroup("splitclock", "gate on runs of Splitclock")
    group.addoption(
        "--splitclock-gate",
        metavar="POLICY",
        help=f"report each criterion of this gate as a test; POLICY is its TOML file, or `{DEFAULT}`",
    )
    for side, words in _SIDES.items():
        group.addoption(f"--splitclock-{side}", action="append", default=[], metavar="RUN", help=words)
        parser.addini(f"splitclock_{side}", f"{words}; paths from the folder of this file", type="args", default=[])


@pytest.hookimpl(tryfirst=True)  # so that -k and -m pick among the criteria too
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the criteria behind the tests. Raises pytest.UsageError where the runs cannot be judged."""
    asked = config.getoption("--splitclock-gate")
    if asked is None:
        return
    from harness.errors import HarnessError

    try:
        policy, gate = _judged(config, str(asked))
    except HarnessError as error:
        raise pytest.UsageError(*str(error).splitlines()) from error
    items.extend(_items(session, gate, policy))


class CriterionItem(pytest.Item):
    """One criterion of one model: passes, fails, or is skipped where the data cannot tell and the policy lets it."""

    def __init__(self, *, criterion: "Criterion", policy: "Policy", **named: Any) -> None:
        super().__init__(**named)
        self.criterion = criterion
        self.policy = policy

    def runtest(self) -> None:
        """Report what was decided. Raises GateFailedError, or pytest's own exception for a skipped test."""
        from scoreboards.gate.findings import Decision
        from scoreboards.report.gate_outcome import settled

        decision = settled(self.criterion.decision, self.policy)
        if decision is Decision.FAIL:
            raise GateFailedError(self.criterion)
        if decision is not Decision.PASS:
            pytest.skip("; ".join((decision, *_lines(self.criterion))))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The reason, the blame and the trials to look at; pytest's own words for what is no verdict."""
        if isinstance(excinfo.value, GateFailedError):
            return "\n".join(_lines(excinfo.value.criterion))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where pytest says that it failed: the criterion by its name."""
        return self.path, None, self.name


class GateFailedError(Exception):
    """A criterion that is not met."""

    def __init__(self, criterion: "Criterion") -> None:
        super().__init__(criterion.reason)
        self.criterion = criterion


def _items(session: pytest.Session, gate: "Gate", policy: "Policy") -> Iterator[CriterionItem]:
    for criterion in gate.criteria:
        name = f"splitclock-gate[{criterion.model}-{criterion.metric}]"
        yield CriterionItem.from_parent(session, name=name, nodeid=name, criterion=criterion, policy=policy)


def _lines(criterion: "Criterion") -> Iterable[str]:
    from harness.untrusted import one_line

    yield one_line(criterion.reason)
    if criterion.blame is not None:
        yield one_line(criterion.blame.words)
    if criterion.would_decide:
        yield one_line(criterion.would_decide)
    for seen in criterion.look_at:
        yield one_line(f"look at {seen.run} {seen.trial}: {seen.model} {seen.feature} {seen.repeat}, {seen.why}")


def _judged(config: pytest.Config, asked: str) -> "tuple[Policy, Gate]":
    """What the policy makes of the runs that are named. Raises HarnessError."""
    from harness.gate_file import read_policy
    from harness.gating import gate_runs

    policy = read_policy(None if asked == DEFAULT else config.invocation_params.dir / asked)
    return policy, gate_runs(_runs(config, "baseline"), _runs(config, "candidate"), policy)


def _runs(config: pytest.Config, side: str) -> list[Path]:
    """The run folders of a side. Raises ConfigError where none are named, or what is named is none."""
    from harness.baselines.stores import baseline_folder
    from harness.errors import ConfigError
    from harness.run_folders import runs_in

    option = f"--splitclock-{side}"
    given, beside = list(config.getoption(option)), config.invocation_params.dir
    if not given:
        given, beside = list(config.getini(f"splitclock_{side}")), config.rootpath
    if not given:
        raise ConfigError(f"{option} RUN: missing; give a run folder, or splitclock_{side} in pytest's own settings")
    left_out: list[str] = []
    runs = [beside / text if (beside / text).exists() else baseline_folder(text) for text in given]
    found = runs_in(runs, left_out.append)
    if left_out:
        raise ConfigError(*left_out)
    return found
