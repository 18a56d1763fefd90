"""Two samples and a policy become a gate: each criterion decided, its reason in words. Pure."""

from collections.abc import Mapping, Sequence

from scoreboards.gate.findings import Differs, Gate, Look
from scoreboards.gate.policy import Policy
from scoreboards.gate.sample import Sample


def judge(  # noqa: PLR0913 - the last three are named, and most gates have none of them
    baseline: Sample,
    candidate: Sample,
    policy: Policy,
    *,
    pairs: Mapping[str, str] | None = None,
    differences: Sequence[Differs] = (),
    look: Look | None = None,
) -> Gate:
    """What a policy makes of a candidate's trials against a baseline's.

    `pairs` names the candidate's model for each of the baseline's; without it models are paired by name, those of
    `policy.models` or all that both have. `differences` are carried into the gate; `look` says which look of a
    sequential design this is, and gives the alpha. Raises ConfigError where there is nothing to judge, InfraError and
    ProviderError where more trials broke than the policy bears.
    """
    raise NotImplementedError
