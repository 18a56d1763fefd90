"""The files of examples/ci do what they say: each step's shell is run, in order, on a small project of the test's own.

Sandboxes are local and the model's turns are recorded, so that no engine and no key is needed. What would install
packages, speak to Docker or to the service's API is noted by stubs; everything else is real, git and all.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix
from tests.end_to_end.workflows import SHA, GitHubJob, Service, github, gitlab, holds, read_yaml

pytestmark = pytest.mark.slow

CI = Path(__file__).resolve().parents[2] / "examples" / "ci"
OPTIONS = "--fixtures evaluation/targets --sandbox local"
POLICY = 'schema = 1\ninconclusive = "pass"\n'
PUSH: Mapping[str, Any] = {
    "github": {"event_name": "push", "ref": "refs/heads/main", "repository": "a/b", "token": "t", "event": {}}
}
PULL: Mapping[str, Any] = {
    "github": {
        "event_name": "pull_request",
        "ref": "refs/pull/7/merge",
        "repository": "a/b",
        "token": "t",
        "event": {"pull_request": {"number": 7, "head": {"repo": {"full_name": "a/b"}}}},
    }
}


@pytest.fixture
def service(tmp_path: Path, shared_cache: Path) -> Service:
    """A CI service with a project of two features and one recorded model in its repository."""
    variables = {"SPLITCLOCK_CACHE": str(shared_cache), "RUN_OPTIONS": OPTIONS}
    made = Service(root=tmp_path, variables=variables).prepare()
    work = tmp_path / "work"
    features = [FeatureFiles(name=name, turns={"solved": (SOLVE, FINISH)}) for name in ("double", "twice")]
    TargetFiles().write(work / "evaluation" / "targets", *features)
    matrix(work / "evaluation" / "matrix.toml", {"fast": {"provider": "replay", "turns": "solved"}})
    (work / "evaluation" / "gate.toml").write_text(POLICY)
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
    for argv in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        (*identity, "commit", "--quiet", "--message=work"),
        ("clone", "--quiet", "--bare", ".", str(tmp_path / "hub.git")),
    ):
        subprocess.run(["git", *argv], cwd=work, check=True, env=made.environment(), capture_output=True)
    return made


def baseline(service: Service) -> dict[str, Any]:
    """What `baseline show` tells of the one that was pushed."""
    store = f"git:splitclock-baselines@{service.root / 'hub.git'}"
    argv = ["python", "-m", "harness", "baseline", "show", "main", "--store", store, "--json"]
    done = subprocess.run(argv, check=True, capture_output=True, env=service.environment(), cwd=service.root)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told(jobs: list[GitHubJob]) -> str:
    """The logs of jobs."""
    return "\n".join(line for job in jobs for line in job.log)


@pytest.mark.nightly
def test_the_github_workflow(service: Service) -> None:
    """The first push makes the baseline, a pull request is gated and commented on, another push promotes its run.

    A shard that was lost makes the gate's job a red one, and the report is kept all the same.
    """
    workflow = read_yaml(CI / "github-workflow.yml")
    jobs = github(service, workflow, PUSH)
    assert service.results == {"run": "success", "gate": "success", "baseline": "success"}, told(jobs)
    first = baseline(service)
    assert first["remark"] == SHA
    assert (first["trials"], first["models"]) == (2, {"fast": {"scored": 2, "passed": 2}})
    assert not (service.root / "summary.md").exists()
    assert "doctor --fix --brief" in service.played
    assert "docker save --output" in service.played
    assert "splitclock/checkout" not in service.played.partition("docker save")[2]

    jobs = github(service, workflow, PULL)
    assert service.results == {"run": "success", "gate": "success", "baseline": "skipped"}, told(jobs)
    assert "docker load --quiet --input" in service.played
    assert service.played.count("docker save") == 1
    assert "gh pr comment 7 --edit-last --create-if-none --body-file gate.md" in service.played
    comment = (service.root / "comment.md").read_text("utf-8")
    assert "fast" in comment
    assert (service.root / "summary.md").stat().st_size > 0
    kept = sorted(path.name for path in (service.root / "artifacts" / "splitclock-report").iterdir())
    assert kept == ["gate.md", "gate.xml", "report.html"]
    names = sorted(path.name for path in (service.root / "artifacts" / "splitclock-run").iterdir())
    assert names == ["baseline.json", "journal.sqlite", "matrix.toml", "plan.json", "provenance.json"]
    assert baseline(service)["digest"] == first["digest"]

    jobs = github(service, workflow, PUSH, only="baseline")
    assert service.results["baseline"] == "success", told(jobs)
    second = baseline(service)
    assert len(second["versions"]) == 2

    shutil.rmtree(service.root / "artifacts" / "shard-2")  # a job that was lost: a red gate, with all there is
    jobs = github(service, workflow, PUSH, only="gate")
    assert service.results["gate"] == "failure"
    assert "1 of 2 planned trials are not finished" in told(jobs)
    assert (service.root / "artifacts" / "splitclock-report" / "report.html").exists()
    assert baseline(service)["digest"] == second["digest"]


def test_the_action(service: Service) -> None:
    """Without a baseline it makes one where asked to; with one it gates, says how that ended, and promotes."""
    action = read_yaml(CI / "action" / "action.yml")
    own = {"matrix": "evaluation/matrix.toml", "policy": "evaluation/gate.toml", "update-baseline": "true"}
    inputs = {name: given.get("default", "") for name, given in action["inputs"].items()} | own
    inputs["run-options"] = OPTIONS
    ends = []
    for number in (1, 2):
        contexts = {**PUSH, "inputs": inputs, "env": {}, "runner": {"os": "Linux", "arch": "X64"}}
        job = GitHubJob(service=service, name="action", contexts=contexts, workspace=service.clone("action"))
        job.play(action["runs"]["steps"], {})
        assert not job.failed, told([job])
        assert len(baseline(service)["versions"]) == number
        ends.append(contexts["steps"]["gate"]["outputs"])
    assert ends == [{}, {"exit-code": "0", "comment": "splitclock-gate.md"}]
    assert (service.root / "jobs" / "action" / action["outputs"]["report"]["value"]).exists()


@pytest.mark.nightly
def test_the_gitlab_jobs(service: Service) -> None:
    """The same way in GitLab's shell: two shards, the gate, the note, and the branch pushed with a token."""
    file = read_yaml(CI / "gitlab-ci.yml")
    service.clone("gitlab")
    hub = service.root / "hub.git"
    given = {
        "CI_NODE_TOTAL": "2",
        "CI_SERVER_HOST": "gitlab.example.invalid",
        "CI_PROJECT_PATH": "a/b",
        "CI_API_V4_URL": "https://gitlab.example.invalid/api/v4",
        "CI_PROJECT_ID": "1",
        "SPLITCLOCK_PUSH_TOKEN": "glpat-canary",
    }
    pushed = f"url.{hub}.insteadOf"
    address = "https://splitclock:glpat-canary@gitlab.example.invalid/a/b.git"
    argv = ["git", "config", "--global", pushed, address]
    subprocess.run(argv, check=True, env=service.environment())
    for number in ("1", "2"):
        code, said = gitlab(service, file, "splitclock:run", {**given, "CI_NODE_INDEX": number})
        assert code == 0, said
    for merge_request in ("", "5"):
        more = {"CI_MERGE_REQUEST_IID": merge_request, "SPLITCLOCK_NOTE_TOKEN": "glpat-note"}
        for made in ("merged", "kept"):
            subprocess.run(["rm", "-rf", made], cwd=service.root / "jobs" / "gitlab", check=True)
        code, said = gitlab(service, file, "splitclock:gate", {**given, **more})
        if not merge_request:
            assert code == 0, said
            assert "there is no baseline main yet" in said
            code, said = gitlab(service, file, "splitclock:baseline", given)
            assert code == 0, said
            assert "glpat-canary" not in said
    assert code == 2, said  # the candidate is the baseline's own run: nothing to compare
    assert "merge_requests/5/notes" in service.played
    assert baseline(service)["trials"] == 2
    names = file["splitclock:gate"]["artifacts"]["paths"]
    assert {"report.html", "gate.md", "kept"} <= set(names)


@pytest.mark.parametrize(
    ("condition", "failed", "expected"),
    [
        (None, False, True),
        (None, True, False),
        ("steps.a.outputs.b != 'true'", False, True),
        (
            "${{ !cancelled() && github.ref == 'refs/heads/main' && (inputs.accept || github.event_name != 'push') }}",
            True,
            False,
        ),
        ("!cancelled()", True, True),
    ],
)
def test_conditions_are_evaluated(condition: str | None, *, failed: bool, expected: bool) -> None:
    """The player itself: a step after a failure, a status function, parentheses, what nobody set."""
    contexts = {**PUSH, "steps": {}, "inputs": {}}
    assert holds(condition, contexts, failed=failed) is expected
