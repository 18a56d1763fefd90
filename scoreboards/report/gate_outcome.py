"""What a gate came to, and what its views tell beside: whose runs, by which policy, what it exits with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scoreboards.gate.findings import Decision, Gate
from scoreboards.gate.policy import Policy

_EXITS = {Decision.PASS: 0, Decision.SKIPPED: 0, Decision.FAIL: 1, Decision.INCONCLUSIVE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A gate that was decided, or (`gate` is None) why it could not be, in lines, and the exit code of that.

    `baseline` and `candidate` are the run folders, as they were named.
    """

    gate: Gate | None
    policy: Policy
    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    policy_file: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    exit_code: int = 0


def exit_code(gate: Gate, policy: Policy) -> int:
    """0 pass, 1 fail, 3 inconclusive, unless the policy takes what is inconclusive for one of the others."""
    return _EXITS[settled(gate.decision, policy)]


def settled(decision: Decision, policy: Policy) -> Decision:
    """What a decision counts as for whoever waits for the gate: the policy's `inconclusive` for an inconclusive one."""
    return Decision(policy.inconclusive) if decision is Decision.INCONCLUSIVE else decision
