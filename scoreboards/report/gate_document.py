"""The form of `gate --json`: the models that write it are those that its JSON Schema is made from."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scoreboards.gate.policy import Policy

SCHEMA: Literal[1] = 1
"""Number of the form; goes up when a field changes its meaning, fields are only added."""

Decided = Literal["pass", "fail", "inconclusive", "skipped"]
Verdict = Literal["pass", "fail", "inconclusive", "error"]
Unit = Literal["share", "s", "USD", "tokens"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(_Part):
    """An interval of a change, both ends included."""

    low: float
    high: float


class PartOfChange(_Part):
    """What carries a part of a change: a phase or cause, a class of work, or a feature."""

    name: str
    change: float | None = Field(description="Its own change, as a share of what it was.")
    share: float | None = Field(description="Its part of the whole change, 1 being all of it.")
    went: int = Field(description="In how many features it went the same way ...")
    of: int = Field(description="... of so many.")


class WhereFrom(_Part):
    """Where a change comes from, what carries most of it first."""

    words: str
    causes: list[PartOfChange]
    work: list[PartOfChange]
    features: list[PartOfChange]


class TrialToLookAt(_Part):
    """A trial that shows the change."""

    run: str
    trial: str
    model: str
    feature: str
    repeat: int
    why: str
    command: str = Field(description="What shows it in a terminal.")


class Reading(_Part):
    """A criterion estimated on one set of trials."""

    verdict: Decided
    estimate: float | None = Field(description="Candidate over baseline less one; of pass rates the difference.")
    interval: Range | None = Field(description="Of the estimate, by permutation or Student's t; null: none at all.")
    second_opinion: Range | None = Field(description="The interval of a hierarchical bootstrap.")
    baseline: float | None = Field(description="Mean over the features, in `unit`.")
    candidate: float | None = Field(description="The same of the candidate.")
    p: float | None = Field(description="Two-sided, of the change being no further than the threshold.")
    pairs: int = Field(description="Features that are compared.")
    at_least: int = Field(description="Features whose change may be larger: the candidate met its wall limit.")
    at_most: int = Field(description="Features whose change may be smaller: the baseline met its wall limit.")
    left_out: int = Field(description="Features in which both met it.")


class CriterionFound(Reading):
    """One criterion of one model; the figures are null of what is counted, not estimated."""

    name: str = Field(description="A metric of the policy, or `must_pass` or `tampered`.")
    model: str = Field(description="The candidate's.")
    baseline_model: str = Field(description="What it is compared with.")
    reason: str
    unit: Unit = Field(description="Of `baseline` and `candidate`.")
    threshold: float = Field(description="How far it may go: a rise, a drop of the pass rate, a share of trials.")
    p_adjusted: float | None = Field(description="By Holm's rule over all tests of the gate.")
    needed_pairs: int = Field(description="With fewer pairs nothing can fail.")
    beside: Reading | None = Field(description="The same on the other trials: all, or only those that passed.")
    steady: Reading | None = Field(description="The same with the machine's own speed taken out, where it is known.")
    machine: float | None = Field(description="By what share the machine was slower in the candidate's trials.")
    blame: WhereFrom | None
    look_at: list[TrialToLookAt]
    would_decide: str = Field(description="What would end an inconclusive one; else empty.")


class Side(_Part):
    """The runs of one side, and how their trials of the judged models ended; counts are null after an error."""

    runs: list[str]
    trials: int | None = None
    scored: int | None = None
    passed: int | None = None
    infra_errors: int | None = None
    provider_errors: int | None = None
    not_run: int | None = None
    tampered: int | None = None
    noisy: int | None = None
    simulated: bool | None = None


class Compared(_Part):
    """A model of the baseline, and the one it is compared with."""

    baseline: str
    candidate: str


class DifferenceFound(_Part):
    """What differs between the runs; `kind` is its name in a policy."""

    kind: str
    words: str
    allowed: bool


class LookTaken(_Part):
    """Which look of a group-sequential design it is."""

    number: int
    of: int
    alpha: float


class GateDocument(_Part):
    """What `splitclock gate --json` prints. New keys may be added; those that are here keep their meaning."""

    schema_: Literal[1] = Field(default=SCHEMA, serialization_alias="schema", validation_alias="schema")
    verdict: Verdict
    exit_code: int
    summary: str = Field(description="The answer in one line.")
    errors: list[str] = Field(description="Why nothing could be judged; else empty.")
    alpha: float
    family: int | None = Field(description="How many tests share alpha.")
    seed: int | None = Field(description="Of the resampling.")
    baseline: Side
    candidate: Side
    models: list[Compared]
    criteria: list[CriterionFound]
    differences: list[DifferenceFound]
    look: LookTaken | None
    notes: list[str]
    policy_file: str | None = Field(description="null: the defaults.")
    policy: Policy = Field(description="Every setting, as a policy file holds it.")
    versions: dict[str, str]

    model_config = ConfigDict(title="Verdict of splitclock gate")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the shipped one is; further keys are allowed, as they may be added."""
    found = GateDocument.model_json_schema(by_alias=True, mode="serialization")
    _open(found)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def json_schema_text() -> str:
    """The JSON Schema as it is shipped, in `gate.schema.json` beside this file."""
    return (Path(__file__).parent / "gate.schema.json").read_text(encoding="utf-8")


def _open(value: Any) -> None:
    """Take the ban on further keys out: this version writes no others, a later one may."""
    if isinstance(value, dict):
        if value.get("additionalProperties") is False:
            del value["additionalProperties"]
        for one in value.values():
            _open(one)
    elif isinstance(value, list):
        for one in value:
            _open(one)
