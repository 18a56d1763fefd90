"""Jobs of CI services played on this machine: the shell of each step as it stands in the file, in order, for real.

What the services bring (checkout, caches, artifacts) is played by folders; expressions are evaluated as GitHub writes
them, as far as our files use them, and anything else is an error.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|\(|\)|,|[A-Za-z_][A-Za-z0-9_.-]*|\*)")
_PLACE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)

SHA = "0123456789abcdef0123456789abcdef01234567"
"""The commit that a job says it is of."""

STUBS: Mapping[str, str] = {
    "docker": 'echo "docker $*" >> "$PLAYED"\ncase "$*" in\n'
    '  "image ls "*) printf "%s\\n" splitclock/base:bookworm splitclock/environment:0123 splitclock/checkout:4567 ;;\n'
    '  "save --output "*) echo images > "$3" ;;\nesac\n',
    "sudo": 'echo "sudo $*" >> "$PLAYED"\n',
    "apt-get": 'echo "apt-get $*" >> "$PLAYED"\n',
    "gh": 'echo "gh $*" >> "$PLAYED"\ncp gate.md "$(dirname "$PLAYED")/comment.md"\n',
    "curl": 'echo "curl $*" >> "$PLAYED"\ncp gate.md "$(dirname "$PLAYED")/comment.md"\n',
}
"""What a job asks of its machine that a test must not do to this one: it is noted, and answered."""


def read_yaml(path: Path) -> Any:
    """A YAML file as plain values."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


class Expression:
    """GitHub's expressions, by recursive descent: `||`, `&&`, `!`, `==`, `!=`, parentheses, strings, names, calls."""

    def __init__(self, text: str, contexts: Mapping[str, Any]) -> None:
        self._tokens = _tokens(text)
        self._contexts = contexts

    def value(self) -> Any:
        """What it comes to; raises where something is left over."""
        found = self._either()
        assert not self._tokens, f"left over: {self._tokens}"
        return found

    def _either(self) -> Any:
        found = self._both()
        while self._take("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._equal()
        while self._take("&&"):
            other = self._equal()
            found = found and other
        return found

    def _equal(self) -> Any:
        found = self._one()
        for sign in ("==", "!="):
            if self._take(sign):
                return (found == self._one()) is (sign == "==")
        return found

    def _one(self) -> Any:
        if self._take("!"):
            return not self._one()
        if self._take("("):
            found = self._either()
            assert self._take(")")
            return found
        token = self._tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        return self._call(token) if self._take("(") else self._named(token)

    def _call(self, name: str) -> Any:
        given: list[Any] = []
        while not self._take(")"):
            given.append(self._either())
            self._take(",")
        return {"cancelled": False, "hashFiles": "0" * 64}[name]

    def _named(self, path: str) -> Any:
        first, *rest = path.split(".")
        found = self._contexts[first]  # a context that nobody has is a mistake; an unknown name in one is null
        for part in rest:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == sign:
            self._tokens.pop(0)
            return True
        return False


def _tokens(text: str) -> list[str]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match, f"no expression: {text!r}"
        found.append(match[1])
        at = match.end()
    return found


def filled(value: Any, contexts: Mapping[str, Any]) -> str:
    """A text with its expressions replaced."""
    return _PLACE.sub(lambda found: _text(Expression(found[1], contexts).value()), _text(value))


def holds(condition: Any, contexts: Mapping[str, Any], *, failed: bool) -> bool:
    """Whether a step or a job with this `if` is run; without a status function it is not after a failure."""
    text = _text(condition) or "true"
    inner = _PLACE.fullmatch(text.strip())
    text = inner[1] if inner else text
    if failed and "cancelled()" not in text:
        return False
    return text == "true" or bool(Expression(text, contexts).value())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A CI service in a folder: the repository `hub.git`, artifacts, a cache, and what stubs were asked."""

    root: Path
    variables: Mapping[str, str]
    results: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> "Service":
        """Lay out what every job finds."""
        for name, text in STUBS.items():
            stub = self.root / "bin" / name
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(f"#!/bin/sh\n{text}")
            stub.chmod(0o755)
        for folder in ("home", "artifacts", "cache", "jobs"):
            (self.root / folder).mkdir()
        return self

    @property
    def played(self) -> str:
        """What stubs were asked, a line each."""
        path = self.root / "played"
        return path.read_text("utf-8") if path.exists() else ""

    def environment(self) -> dict[str, str]:
        """What a job's shell finds: this test's Python, the stubs before everything, a home of its own."""
        path = os.pathsep.join((str(self.root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "LANG"}
        ours = {
            "PATH": path,
            "HOME": str(self.root / "home"),
            "PLAYED": str(self.root / "played"),
            "COLUMNS": "200",
            "CI_COMMIT_SHA": SHA,
        }
        return {**kept, **ours, **self.variables}

    def clone(self, name: str, branch: str = "main") -> Path:
        """A job's folder: the newest commit, as a checkout makes it."""
        place = self.root / "jobs" / name
        shutil.rmtree(place, ignore_errors=True)
        git = ["git", "clone", "--quiet", "--depth=1", f"--branch={branch}", f"file://{self.root / 'hub.git'}"]
        subprocess.run([*git, str(place)], check=True, env=self.environment(), capture_output=True)
        return place


@dataclass(slots=True, kw_only=True)
class GitHubJob:
    """One job of a workflow, or one use of an action, step by step."""

    service: Service
    name: str
    contexts: dict[str, Any]
    workspace: Path
    failed: bool = False
    log: list[str] = field(default_factory=list)

    def play(self, steps: list[Mapping[str, Any]], defaults: Mapping[str, str]) -> "GitHubJob":
        """Run the steps; after a failure only those that want to be run all the same."""
        self.contexts["steps"] = {}
        for step in steps:
            if holds(step.get("if"), self.contexts, failed=self.failed):
                outputs = self._uses(step) if "uses" in step else self._run(step, defaults)
                self.contexts["steps"][step.get("id", "")] = {"outputs": outputs}
        images = self.service.root / "home" / "splitclock-images.tar"
        if images.exists():  # what the cache's post step does
            images.replace(self.service.root / "cache" / "images")
        return self

    def _run(self, step: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, str]:
        outputs = self.service.root / "outputs"
        outputs.write_text("")
        own = {name: filled(value, self.contexts) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"], self.contexts)],
            cwd=self.workspace,
            env={
                **self.service.environment(),
                **defaults,
                **own,
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_STEP_SUMMARY": str(self.service.root / "summary.md"),
                "GITHUB_ACTIONS": "true",
                "GITHUB_SHA": SHA,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.failed = self.failed or done.returncode != 0
        self.log.append(f"{self.name}: {step.get('name')}: {done.returncode}\n{done.stdout}{done.stderr}")
        return dict(line.split("=", 1) for line in outputs.read_text("utf-8").splitlines())

    def _uses(self, step: Mapping[str, Any]) -> dict[str, str]:
        given = {name: filled(value, self.contexts) for name, value in step.get("with", {}).items()}
        kind = step["uses"].partition("@")[0]
        return {
            "actions/checkout": self._nothing,
            "actions/setup-python": self._nothing,
            "actions/cache": self._cache,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
        }[kind](given)

    def _nothing(self, _given: Mapping[str, str]) -> dict[str, str]:
        return {}

    def _cache(self, _given: Mapping[str, str]) -> dict[str, str]:
        kept = self.service.root / "cache" / "images"
        if not kept.exists():
            return {}
        shutil.copyfile(kept, self.service.root / "home" / "splitclock-images.tar")
        return {"cache-hit": "true"}

    def _upload(self, given: Mapping[str, str]) -> dict[str, str]:
        goal = self.service.root / "artifacts" / given["name"]
        shutil.rmtree(goal, ignore_errors=True)
        paths = [self.workspace / line for line in given["path"].split()]
        for path in (path for path in paths if path.exists()):
            place = goal if path.is_dir() and len(paths) == 1 else goal / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, place)
        return {}

    def _download(self, given: Mapping[str, str]) -> dict[str, str]:
        goal = self.workspace / given["path"]
        if "name" in given:
            shutil.copytree(self.service.root / "artifacts" / given["name"], goal)
            return {}
        for found in sorted((self.service.root / "artifacts").glob(given["pattern"])):
            shutil.copytree(found, goal / found.name)
        return {}


def github(service: Service, workflow: Mapping[str, Any], event: Mapping[str, Any], only: str = "") -> list[GitHubJob]:
    """Run a workflow's jobs in their order, each for each value of its matrix; returns those that ran."""
    service.results.clear()
    ran = []
    for name, job in workflow["jobs"].items():
        needs = (
            {"gate": {"result": "success"}} if only else {one: {"result": service.results[one]} for one in _needs(job)}
        )
        contexts = {"runner": {"os": "Linux", "arch": "X64"}, "inputs": {}, **event, "needs": needs}
        if (only and name != only) or not holds(job.get("if"), contexts, failed=_is_failed(needs)):
            service.results[name] = "skipped"
            continue
        played = [_job(service, workflow, name, {**contexts, **values}) for values in _matrix(job)]
        service.results[name] = "failure" if any(one.failed for one in played) else "success"
        ran += played
    return ran


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _is_failed(needs: Mapping[str, Mapping[str, str]]) -> bool:
    return any(one["result"] != "success" for one in needs.values())


def _matrix(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    (axis,) = job.get("strategy", {}).get("matrix", {"": [""]}).items()
    for value in axis[1]:
        yield {"matrix": {axis[0]: value}, "strategy": {"job-total": len(axis[1])}}


def _job(service: Service, workflow: Mapping[str, Any], name: str, contexts: dict[str, Any]) -> GitHubJob:
    defaults = {**workflow["env"], **service.variables}
    job = GitHubJob(service=service, name=name, contexts={**contexts, "env": defaults}, workspace=service.clone(name))
    return job.play(workflow["jobs"][name]["steps"], defaults)


def gitlab(service: Service, file: Mapping[str, Any], name: str, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run one job's script as GitLab's shell does; returns its exit code and what it printed.

    Its folder is the one of the jobs before, so their artifacts are there.
    """
    job = {**file[file[name]["extends"]], **file[name]}
    own = {key: str(value) for key, value in {**file["variables"], **job.get("variables", {})}.items()}
    lines = [*job["before_script"], *job["script"]]
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=service.root / "jobs" / "gitlab",
        env={**service.environment(), **own, **variables, **service.variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
