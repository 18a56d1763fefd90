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
        help="report each criterion of this gate as a test; POLICY is its TOML file, or `default`",
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

    def __init__(self, *, criterion: "Criterion", policy: "Policy", gate: "Gate", **named: Any) -> None:
        super().__init__(**named)
        self.criterion = criterion
        self.policy = policy
        self.gate = gate

    def runtest(self) -> None:
        """Report what was decided. Raises GateFailedError, or pytest's own exception for a skipped test."""
        from scoreboards.gate.findings import Decision

        decision = self.criterion.decision
        if decision is Decision.FAIL or (decision is Decision.INCONCLUSIVE and self.policy.inconclusive == "fail"):
            raise GateFailedError(self.criterion)
        if decision is Decision.INCONCLUSIVE and self.policy.inconclusive == "inconclusive":
            pytest.skip(f"inconclusive: {' '.join(_lines(self.criterion))}")

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
        yield CriterionItem.from_parent(session, name=name, nodeid=name, criterion=criterion, policy=policy, gate=gate)


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
    """What the policy makes of the runs that are named. Raises HarnessError, pytest.UsageError."""
    raise NotImplementedError
