"""What a sandbox claims of CPU is held against the time that the caller waited."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import QUOTA_SLACK_S, CommandResult, credible

NS = 1_000_000_000


def claimed(user: float | None, system: float | None, container: float | None) -> CommandResult:
    """A result with these CPU seconds."""
    return CommandResult(exit_code=0, user_cpu_s=user, system_cpu_s=system, container_cpu_s=container)


def test_possible_claims_are_kept() -> None:
    """Two cores can give two seconds a second, and a quota may be overdrawn a little."""
    result = claimed(1.5, 0.5, 2.2)
    assert credible(result, NS, cpus=2) == result


def test_impossible_claims_are_unknown() -> None:
    """More than the cores can have given is not a figure; the rest of the result stays."""
    assert credible(claimed(1.0, 0.5, 0.5), NS, cpus=1) == claimed(None, None, 0.5)
    assert credible(claimed(0.5, 0.5, 99.0), NS, cpus=1) == claimed(0.5, 0.5, None)
    assert credible(claimed(None, None, None), 0, cpus=1) == claimed(None, None, None)


SECONDS = st.none() | st.floats(min_value=0, max_value=2**40)


@given(SECONDS, SECONDS, SECONDS, st.integers(0, 10**13), st.floats(0.1, 64))
def test_nothing_credible_exceeds_the_wall(
    user: float | None, system: float | None, container: float | None, waited_ns: int, cpus: float
) -> None:
    """Whatever is claimed, what is kept fits into the wall times the cores."""
    result = credible(claimed(user, system, container), waited_ns, cpus)
    most_s = (waited_ns / NS + QUOTA_SLACK_S) * cpus
    assert result.container_cpu_s is None or result.container_cpu_s <= most_s
    assert result.user_cpu_s is None or result.system_cpu_s is None or result.user_cpu_s + result.system_cpu_s <= most_s
