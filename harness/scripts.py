"""Which turns a simulated model plays on a feature: a file beside the feature, or one of two that are made for it."""

from collections.abc import Sequence

from harness.features import Feature
from harness.turns import ScriptedCall, Turn, read_turns
from sandbox.checkout import Checkouts
from sandbox.contract import File, Snapshot

REFERENCE = "reference"
NOTHING = "nothing"
MADE = (REFERENCE, NOTHING)
"""Scripts that every feature has without a file: the reference solution, and giving up at once."""


def script_key(feature: Feature, turns: str) -> str:
    """The name by which a simulator knows the script: "target/feature:turns"."""
    return f"{feature.key}:{turns}"


def written_script(feature: Feature, turns: str) -> tuple[Turn, ...]:
    """The turns in `turns/<name>.jsonl` of the feature. Raises ConfigError when there is no such file."""
    return read_turns(feature.folder / "turns" / f"{turns}.jsonl")


def nothing_script() -> tuple[Turn, ...]:
    """One turn that changes nothing."""
    return (_finish("Nothing was done."),)


def reference_script(
    base: Snapshot, changed: Sequence[File], deleted: Sequence[str], checkouts: Checkouts
) -> tuple[Turn, ...]:
    """Turns that apply a reference solution, given as its changed and deleted files, and finish."""
    patch = checkouts.difference(base, changed, deleted, {}).decode("utf-8", errors="surrogateescape")
    command = f"git apply --whitespace=nowarn - <<'{_MARK}'\n{patch}{_MARK}\n"
    call = ScriptedCall(name="shell", arguments={"command": command})
    return (Turn(content="Applying the reference solution.", tool_calls=(call,)), _finish("The reference is applied."))


_MARK = "END_OF_THE_REFERENCE_PATCH"


def _finish(summary: str) -> Turn:
    return Turn(tool_calls=(ScriptedCall(name="finish", arguments={"summary": summary}),))
