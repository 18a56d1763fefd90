"""Whose doing an ending was. Pure.

The rule: if a retry makes it work, it is an error, kept out of the pass rate and tried again; if the model did it to
itself, it is scored.
"""

from enum import StrEnum

from harness.record import Verdict


class Blame(StrEnum):
    """Who ended a trial, or brought its verdict about."""

    MODEL = "model"
    PROVIDER = "provider"
    INFRASTRUCTURE = "infrastructure"
    USER = "user"


SENTENCES = {
    Blame.MODEL: "the model's own doing: scored, not tried again",
    Blame.PROVIDER: "the provider's: outside the pass rate; its calls were tried again as long as that could help",
    Blame.INFRASTRUCTURE: "the infrastructure's: outside the pass rate, and the trial is tried once more",
    Blame.USER: "whoever stopped the run: outside the pass rate",
}
"""What follows, in words."""

_OF_ERRORS = {Verdict.ERROR_PROVIDER: Blame.PROVIDER, Verdict.ERROR_INFRA: Blame.INFRASTRUCTURE}


def blame_of(verdict: Verdict, stop: str) -> Blame:
    """Who is to blame for an ending: whatever is scored is the model's, what never ran is its stop's."""
    if verdict.scored:
        return Blame.MODEL
    if verdict in _OF_ERRORS:
        return _OF_ERRORS[verdict]
    return Blame.PROVIDER if stop == "deferred" else Blame.USER
