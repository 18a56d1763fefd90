"""The scripted turns of bundled features: what they replace is there, and they end by saying so."""

from pathlib import Path
from shutil import copytree

import pytest

from harness.features import Feature
from harness.fixtures import bundled_roots, load_features, script_path
from harness.turns import ScriptedCall, read_turns

FEATURES = [feature for feature in load_features(bundled_roots(), ["*"]) if script_path(feature, "demo").is_file()]


def change(root: Path, call: ScriptedCall) -> None:
    """Do what `edit` does, which wants to find the old text once, or no file."""
    assert isinstance(call.arguments, dict)
    place, old = root / call.arguments["path"], call.arguments["old"]
    text = place.read_text("utf-8") if place.exists() else ""
    assert (text.count(old) if old else int(not text)) == 1, f"{call.arguments['path']}: {old[:100]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text.replace(old, call.arguments["new"]) if old else call.arguments["new"], "utf-8")


def test_bundled_applications_are_played_in_two_languages() -> None:
    """Without a key, Python's tests and JavaScript's."""
    assert {feature.target.suite.runner for feature in FEATURES} == {"pytest", "node"}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.key)
def test_scripted_edits_find_their_place(feature: Feature, tmp_path: Path) -> None:
    """An application that changes under its features' scripts is seen at once, not by a demonstration that fails."""
    assert feature.target.source.path is not None
    copytree(feature.target.source.path, tmp_path / "app")
    calls = [call for turn in read_turns(script_path(feature, "demo")) for call in turn.tool_calls]
    for call in calls:
        if call.name == "edit":
            change(tmp_path / "app", call)
    assert calls[-1].name == "finish"
    assert sum(call.name == "shell" for call in calls) > 2
