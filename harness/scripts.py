"""Which turns a simulated model plays on a feature: a file beside the feature, or one of two that are made for it."""

from harness.features import Feature
from harness.fixtures import script_path
from harness.prepare import Prepared
from harness.suite import reference
from harness.turns import ScriptedCall, Turn, read_turns
from sandbox.checkout import Checkouts

REFERENCE = "reference"
NOTHING = "nothing"
MADE = (REFERENCE, NOTHING)
"""Scripts that every feature has without a file: the reference solution, and giving up at once."""


def script_key(feature: Feature, turns: str) -> str:
    """The name by which a simulator knows the script: "target/feature:turns"."""
    return f"{feature.key}:{turns}"


def script_for(prepared: Prepared, turns: str, checkouts: Checkouts) -> tuple[Turn, ...]:
    """The turns of that name for a feature: its file, or a made one. Raises ConfigError, InfraError."""
    path = script_path(prepared.feature, turns)
    if path.exists() or turns not in MADE:
        return read_turns(path)
    if turns == NOTHING:
        return (_finish("Nothing was done."),)
    handed_in = reference(prepared.feature, prepared.snapshot, checkouts, prepared.solution)
    patch = checkouts.difference(prepared.snapshot, handed_in.kept, handed_in.deleted, handed_in.links)
    return reference_turns(patch.decode("utf-8", errors="surrogateescape"))


def reference_turns(patch: str) -> tuple[Turn, ...]:
    """Turns that apply a reference solution, given as a patch, and finish."""
    command = f"git apply --whitespace=nowarn - <<'{_MARK}'\n{patch}{_MARK}\n"
    call = ScriptedCall(name="shell", arguments={"command": command})
    return (Turn(content="Applying the reference solution.", tool_calls=(call,)), _finish("The reference is applied."))


_MARK = "END_OF_THE_REFERENCE_PATCH"


def _finish(summary: str) -> Turn:
    return Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": summary}),))
