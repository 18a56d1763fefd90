"""A matrix and everything it names, checked together before anything starts."""

from pathlib import Path

import pytest

from harness.config import Slice
from harness.errors import ConfigError
from harness.inputs import Inputs, Options, load_inputs

HEAD = 'schema = 1\nname = "m"\nfeatures = ["shop/*"]\n'
SIMULATED = '[models.sim]\nprovider = "simulator"\nturns = "demo"\nfirst_token_ms = 900\ntokens_per_s = 65\n'


def make_feature(root: Path, name: str, scripts: dict[str, str]) -> None:
    """A feature of the target `shop` with scripted turns."""
    target = root / "shop"
    (target / "app").mkdir(parents=True, exist_ok=True)
    (target / "target.toml").write_text(
        'schema = 1\nname = "shop"\n[source]\npath = "app"\n[environment]\nimage = "splitclock/base"\n'
        '[tests]\nrunner = "pytest"\ncommand = ["pytest"]\n'
    )
    folder = target / "features" / name
    for part in ("tests", "turns"):
        (folder / part).mkdir(parents=True)
    (folder / "tests" / "test_it.py").write_text("")
    (folder / "brief.md").write_text("Build it.")
    (folder / "feature.toml").write_text(f'schema = 1\nname = "{name}"\n')
    for script, text in scripts.items():
        (folder / "turns" / f"{script}.jsonl").write_text(text)


def inputs(tmp_path: Path, text: str, part: Slice | None = None) -> Inputs:
    """The matrix of that text over the features below `tmp_path`."""
    path = tmp_path / "m.toml"
    path.write_text(text)
    return load_inputs(path, Options(part=part or Slice(), fixtures=(tmp_path,), environ={}))


def keys(tmp_path: Path, text: str, part: Slice | None = None) -> list[str]:
    """The keys of the features that it runs over."""
    return [feature.key for feature in inputs(tmp_path, text, part).features]


def test_matrix_and_features_come_together(tmp_path: Path) -> None:
    """Both are loaded, and sliced."""
    make_feature(tmp_path, "a", {"demo": "{}\n"})
    make_feature(tmp_path, "b", {"demo": "{}\n"})
    assert keys(tmp_path, HEAD + SIMULATED) == ["shop/a", "shop/b"]
    assert inputs(tmp_path, HEAD + SIMULATED).matrix.scripts == {"demo"}
    assert keys(tmp_path, HEAD + SIMULATED, Slice(features=("shop/b",))) == ["shop/b"]


def test_made_scripts_need_no_file(tmp_path: Path) -> None:
    """The reference solution and giving up can be played on any feature."""
    make_feature(tmp_path, "a", {})
    for script in ("reference", "nothing"):
        assert keys(tmp_path, HEAD + SIMULATED.replace("demo", script)) == ["shop/a"]


def test_problems_of_matrix_features_and_scripts_come_together(tmp_path: Path) -> None:
    """A bad limit, missing turns, broken turns, a feature that is not there: one go each."""
    make_feature(tmp_path, "a", {"demo": '{"content": 5}\n'})
    make_feature(tmp_path, "b", {})
    text = HEAD + "repeats = 0\n" + SIMULATED
    with pytest.raises(ConfigError) as caught:
        keys(tmp_path, text)
    first, *scripts = caught.value.problems
    assert first.endswith("m.toml: repeats: should be greater than 0, not 0")
    assert scripts[0].endswith(
        "models.sim.turns: no turns `demo` in shop/b; write turns/demo.jsonl there, or name other features"
    )
    assert scripts[1].startswith(f"{tmp_path}/shop/features/a/turns/demo.jsonl:1: content:")
    assert len(scripts) == 2
    with pytest.raises(ConfigError) as caught:
        keys(tmp_path, text.replace("shop/*", "shop/c"))
    first, second = caught.value.problems
    assert first.endswith("should be greater than 0, not 0")
    assert second.startswith("feature `shop/c` matches nothing")
