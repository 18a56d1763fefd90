"""The scripted turns that come with Splitclock still fit the applications they are played on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.fixtures import bundled_roots, load_features
from harness.turns import read_turns


def scripts() -> Iterator[tuple[Path, Path]]:
    """The application's folder and the script, for each script of a bundled feature whose application lies in one."""
    for feature in load_features(bundled_roots(), ["*"]):
        application = feature.target.source.path
        if application is not None:
            for script in sorted((feature.folder / "turns").glob("*.jsonl")):
                yield application, script


def calls_of(script: Path, tool: str) -> list[dict[str, Any]]:
    """The arguments of a script's calls of one tool, in their order."""
    calls = [call for turn in read_turns(script) for call in turn.tool_calls if call.name == tool]
    return [call.arguments for call in calls if isinstance(call.arguments, dict)]


def problems(application: Path, script: Path) -> Iterator[str]:
    """Edits that the `edit` tool would refuse, as they come one after the other."""
    texts: dict[str, str] = {}
    for edit in calls_of(script, "edit"):
        path, old = edit["path"], edit["old"]
        exists = path in texts or (application / path).exists()
        text = texts[path] if path in texts else (application / path).read_text(encoding="utf-8") if exists else ""
        if old == "" and exists:
            yield f"{script}: {path} exists already"
        elif old != "" and text.count(old) != 1:
            yield f"{script}: {path} holds {text.count(old)} times: {old[:60]!r}"
        texts[path] = text.replace(old, edit["new"]) if old else edit["new"]


def test_bundled_scripts_edit_what_is_there() -> None:
    """An application that changes below a script would leave its edits without effect, and its verdict another one."""
    found = list(scripts())
    assert found
    assert [line for application, script in found for line in problems(application, script)] == []


def test_bundled_scripts_test_and_finish() -> None:
    """A script looks at its own work with a tool, and its last turn says that it is done."""
    for _, script in scripts():
        assert calls_of(script, "shell"), script
        assert [call.name for call in read_turns(script)[-1].tool_calls] == ["finish"], script


def test_bundled_applications_are_played_in_two_languages() -> None:
    """Without a key, Python's tests and JavaScript's."""
    played = {feature.target.suite.runner for feature in load_features(bundled_roots(), ["*"])}
    assert played == {"pytest", "node"}
