"""What a gate found: a decision for each criterion and over all, with what it rests on. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scoreboards.gate.policy import Difference, Metric
from scoreboards.statistics import Interval


class Decision(StrEnum):
    """What the data says of a criterion: shown to be within its limit, shown to be beyond it, or neither.

    A criterion is `skipped` where there is nothing to judge it by, and nobody asked for it: the cost of models without
    a price, under a policy that does not name it. It decides nothing.
    """

    PASS = "pass"  # noqa: S105 - a decision, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


class Rule(StrEnum):
    """Criteria that are counted, not estimated."""

    MUST_PASS = "must_pass"  # noqa: S105 - a rule, not a password
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One trial that a reader should look at: where it is (`run` is the run's folder), and why."""

    run: str
    trial: str
    model: str
    feature: str
    repeat: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a metric changed by. Of times, costs and tokens `change` is a ratio less one; of the pass rate, points/100.

    A phase changes together with the policy's floor, a share of the agent wall: by less than its own seconds say.
    `interval` has the confidence 1 - alpha, on the scale of `change`; `baseline` and `candidate` are means over the
    features (geometric, but arithmetic for rates and where one is 0) in seconds, USD, tokens or shares.
    `p` is that of "it is no further than the limit", two-sided; None where nothing can be tested. Trials that a wall
    limit ended are bounds: `at_least` pairs can only be slower than counted, `at_most` pairs only faster; `left_out`
    pairs are bounds on both sides.
    """

    decision: Decision
    pairs: int
    change: float | None = None
    interval: Interval | None = None
    baseline: float | None = None
    candidate: float | None = None
    p: float | None = None
    second_opinion: Interval | None = None
    at_least: int = 0
    at_most: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a change: its name ("tool", "test", "bookings/waitlist"), its own change, and its share of the change.

    `share` is of the mean change of a trial in the criterion's unit. The part went the same way in `went` of so many
    features: "in 7 of 9"; both are 0 of a feature itself.
    """

    name: str
    change: float | None
    share: float | None
    went: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Where a change comes from: `words` is one sentence, and the parts are ranked by what they carry."""

    words: str
    causes: tuple[Part, ...] = ()
    work: tuple[Part, ...] = ()
    features: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One criterion of one model: what was found on the trials that the policy names, and on the others `beside`.

    `steady` is what was found with the machine's own speed taken out, which by its yardstick was slower by the share
    `machine` in the candidate's trials; both None where that is not known, or is nothing to the metric.
    `metric` is a `Metric` or a `Rule`. `p_adjusted` is Holm's, over all criteria of the gate; `needed_pairs` are those
    below which nothing can fail at its alpha. `reason` is one line that says why this decision; `would_decide` what
    would end an inconclusive one.
    """

    model: str
    metric: Metric | Rule
    decision: Decision
    reason: str
    limit: float
    effect: Effect | None = None
    beside: Effect | None = None
    steady: Effect | None = None
    machine: float | None = None
    p_adjusted: float | None = None
    needed_pairs: int = 0
    would_decide: str = ""
    blame: Blame | None = None
    look_at: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """A difference between the runs: what kind, in words, and whether the policy allows it."""

    kind: Difference
    words: str
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How the trials of one side ended."""

    trials: int
    scored: int
    passed: int
    infra_errors: int
    provider_errors: int
    not_run: int
    tampered: int
    noisy: int
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Which look of a group-sequential design this is: the `number`th of `of`, at its nominal alpha."""

    number: int
    of: int
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a gate decided, by criterion and over all, at `alpha`; `family` is how many tests share it by Holm's rule.

    `baseline` and `candidate` count the trials of the judged models, `pairs_of` names baseline and candidate model of
    each comparison. `seed` is that of the resampling: the same records give the same figures. `notes` are lines that a
    reader should know of beside the criteria: noisy trials, simulated models, errors under the cap.
    """

    decision: Decision
    criteria: tuple[Criterion, ...]
    alpha: float
    family: int
    baseline: Counts
    candidate: Counts
    pairs_of: Mapping[str, str]
    differences: tuple[Differs, ...] = ()
    look: Look | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()
