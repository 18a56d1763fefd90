"""`validate`: a feature that can be built and is not yet gets its manifest, any other is refused with a reason."""

import json

import pytest

from tests.end_to_end.desk import Desk
from tests.end_to_end.targets import HIDDEN, PATCH, FeatureFiles, TargetFiles, matrix, simulated

pytestmark = pytest.mark.slow

NOTHING_NEW = {"tests/test_more.py": "from calc import add\n\n\ndef test_more():\n    assert add(2, 2) == 4\n"}
NO_PYTHON = {"tests/test_double.py": "def test_double(:\n"}
REFUSED = {
    "built-already": (FeatureFiles(name="built-already", manifest=None, hidden=NOTHING_NEW), "without the feature"),
    "does-not-apply": (
        FeatureFiles(name="does-not-apply", manifest=None, patch=PATCH.replace("b\n+", "c\n+")),
        "patch",
    ),
    "not-collected": (FeatureFiles(name="not-collected", manifest=None, hidden=NO_PYTHON), "tests/test_double.py"),
    "not-solved": (
        FeatureFiles(name="not-solved", manifest=None, patch=PATCH.replace("2 * a", "3 * a")),
        "the reference fails 1 hidden test",
    ),
}


def test_manifest_is_written(desk: Desk) -> None:
    """A sound feature: exit code 0 and a manifest, unless it is only tried."""
    targets = desk.folder / "targets"
    manifest = TargetFiles().write(targets, FeatureFiles(manifest=None)) / "features" / "double" / "manifest.json"
    options = ("--fixtures", targets, "--sandbox", "local")
    dry = desk.must("validate", "calc", *options, "--runs", "1", "--dry")
    assert "calc/double" in dry.out
    assert not manifest.exists()
    said = desk.must("validate", "calc", *options, "--runs", "2", "--json").json()["features"][0]
    written = json.loads(manifest.read_text("utf-8"))
    assert written["fail_to_pass"] == [f"{path}::test_double" for path in HIDDEN]
    assert written["pass_to_pass"] == ["tests/test_add.py::test_add"]
    assert (said["ok"], said["fail_to_pass"], said["pass_to_pass"], said["flaky"]) == (True, 1, 1, [])
    least, most = said["duration_s"]
    assert 0 < least <= most


def test_refusals_have_reasons(desk: Desk) -> None:
    """Exit code 1, a line for each feature that says why, and no manifest; the sound one beside them gets its own."""
    targets = desk.folder / "targets"
    sound = FeatureFiles(manifest=None)
    folder = TargetFiles().write(targets, sound, *(feature for feature, _ in REFUSED.values()))
    said = desk.give("validate", "calc", "--fixtures", targets, "--sandbox", "local", "--runs", "1", "--json", "-j", 3)
    assert said.code == 1, said.err
    assert [row["feature"] for row in said.json()["features"]] == sorted(
        row["feature"] for row in said.json()["features"]
    )
    assert all(row["took_s"] > 0 for row in said.json()["features"])
    found = {row["feature"].partition("/")[2]: row for row in said.json()["features"]}
    assert {name for name, row in found.items() if row["ok"]} == {sound.name}
    for name, (_, reason) in REFUSED.items():
        problems = found[name]["problems"]
        assert problems, name
        assert all("\n" not in line for line in problems), name
        assert any(reason in line for line in problems), problems
        assert any(f"calc/{name}: " in line and reason in line for line in said.err.splitlines()), name
        assert found[name]["fail_to_pass"] is None
    made = {path.parent.name for path in folder.glob("features/*/manifest.json")}
    assert made == {sound.name}


def test_manifest_of_another_source_is_refused(desk: Desk) -> None:
    """A tree that changed since `validate` would be graded by lists that are not its own: one line, nothing starts."""
    targets = desk.folder / "targets"
    folder = TargetFiles().write(targets, FeatureFiles(manifest=None))
    options = ("--fixtures", targets, "--sandbox", "local")
    desk.must("validate", "calc", *options, "--runs", "1")
    file = matrix(desk.folder / "m.toml", {"idler": simulated("nothing")})
    desk.must("run", file, *options, "--out", "same")
    (folder / "app" / "calc.py").write_text("def add(a, b):\n    return b + a\n", "utf-8")
    said = desk.give("run", file, *options, "--out", "other")
    assert said.code == 2
    assert "not the one that manifest.json was made from" in said.err
    assert "splitclock validate calc/double" in said.err


def test_a_target_that_cannot_be_made_has_its_row_too(desk: Desk) -> None:
    """Many features at once, one of them without an environment: the others get their rows, exit code 4."""
    targets = desk.folder / "targets"
    TargetFiles().write(targets, FeatureFiles(manifest=None))
    TargetFiles(name="broken", setup=("mkdir -p $SPLITCLOCK_PREFIX", "echo no such package; exit 3")).write(
        targets, FeatureFiles(manifest=None)
    )
    options = ("--fixtures", targets, "--sandbox", "local", "--runs", "1", "-j", 2)
    said = desk.give("validate", "broken", "calc", *options)
    assert said.code == 4
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if "/" in line}
    assert (rows["broken/double"][0], rows["calc/double"][:2]) == ("error", ["yes", "1"])
    assert said.complaints
