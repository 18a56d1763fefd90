"""The forms of target.toml, feature.toml and manifest.json, and the frozen values they become."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from harness.edge import (
    ByteSize,
    Name,
    RelativePath,
    SchemaOne,
    Strict,
    local_path,
    parse_or_raise,
    read_json,
    relative_path,
)
from harness.errors import ConfigError
from harness.features import OF_TARGET, EnvironmentSpec, Feature, Manifest, SecondRun, Service, Source, Suite
from harness.files import write_atomic
from sandbox.contract import DiskQuota, Limits

MANIFEST = "manifest.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HELPER = re.compile(r"[\w+-]+::")  # git runs a program for such a URL
_PREFIX = "$SPLITCLOCK_PREFIX"


def _commit(value: str) -> str:
    if not _COMMIT.fullmatch(value):
        raise ValueError(f"`{value}` should be a full commit of 40 lower-case hex digits")
    return value


def _absolute(value: str) -> str:
    if not value.startswith("/") or ".." in Path(value).parts or value.rstrip("/") == "":
        raise ValueError(f"`{value}` should be an absolute path below /, without `..`")
    return value


def _bin_folder(value: str) -> str:
    return value if value.startswith(_PREFIX) else _absolute(value)


def _loopback_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"`{value}` should be an http:// URL")
    if not _is_loopback(parts.hostname):
        raise ValueError(f"`{value}` leads elsewhere; black-box tests reach a service at 127.0.0.1 only")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _git_url(value: str) -> str:
    if not value.strip() or value.startswith("-") or _HELPER.match(value):
        raise ValueError(f"`{value}` should be a git URL such as https://example.org/project")
    if urlsplit(value).password:
        raise ValueError("holds a password; leave it to git's credential helper")
    return value


def _input(value: str) -> str:
    return value if value == "." else relative_path(value)


def _black_box(value: str) -> str:
    of_target = OF_TARGET if value.startswith(OF_TARGET) else ""
    return of_target + relative_path(value.removeprefix(OF_TARGET))


Commit = Annotated[str, AfterValidator(_commit)]
Text = Annotated[str, Field(min_length=1)]


class SourceFile(Strict):
    """[source] of a target."""

    path: Annotated[Text, AfterValidator(local_path)] | None = None
    git: Annotated[str, AfterValidator(_git_url)] | None = None
    commit: Commit | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.path is None) == (self.git is None):
            raise ValueError("needs exactly one of `path` (a folder) and `git` (a URL)")
        if self.git is not None and self.commit is None:
            raise ValueError("`git` needs `commit`, 40 hex digits")
        if self.path is not None and self.commit is not None:
            raise ValueError("`commit` goes with `git`, not with `path`")
        return self


class EnvironmentFile(Strict):
    """[environment] of a target."""

    image: Text | None = None
    dockerfile: RelativePath | None = None
    setup: list[Text] = Field(default_factory=list)
    inputs: list[Annotated[str, AfterValidator(_input)]] = Field(default_factory=list)
    path: list[Annotated[str, AfterValidator(_bin_folder)]] = Field(default_factory=list)
    workdir: Annotated[str, AfterValidator(_absolute)] = "/workspace"

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.image is None) == (self.dockerfile is None):
            raise ValueError('needs exactly one of `image` ("splitclock/base" is always there) and `dockerfile`')
        return self


class TestsFile(Strict):
    """[tests] of a target."""

    runner: Literal["pytest", "node", "go", "tap", "junit"]
    command: Annotated[list[Text], Field(min_length=1)]
    protected: list[RelativePath] = Field(default_factory=list)
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    probes: bool = True
    second_run: Literal["all", "fail_to_pass", "none"] = "fail_to_pass"


class ServiceFile(Strict):
    """[service] of a target."""

    command: Annotated[list[Text], Field(min_length=1)]
    ready: Annotated[str, AfterValidator(_loopback_url)]


class LimitsFile(Strict):
    """[limits] of a target: what one sandbox may use."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    memory: ByteSize = Limits().memory_bytes
    pids: Annotated[int, Field(ge=16)] = Limits().pids
    disk: ByteSize = Limits().disk_bytes
    disk_quota: Literal["watch", "hard"] = "watch"


class TargetFile(Strict):
    """target.toml."""

    schema_: SchemaOne = Field(alias="schema")
    name: Name
    description: str = ""
    source: SourceFile
    environment: EnvironmentFile
    tests: TestsFile
    service: ServiceFile | None = None
    limits: LimitsFile = LimitsFile()


class FeatureFile(Strict):
    """feature.toml."""

    schema_: SchemaOne = Field(alias="schema")
    name: Name
    brief: RelativePath = "brief.md"
    base: Commit | None = None
    solution: Commit | None = None
    test_paths: list[RelativePath] = Field(default_factory=list)
    black_box: list[Annotated[str, AfterValidator(_black_box)]] = Field(default_factory=list)


class ManifestFile(Strict):
    """manifest.json."""

    schema_: SchemaOne = Field(alias="schema")
    fail_to_pass: list[str]
    pass_to_pass: list[str]
    regained: list[str] = Field(default_factory=list)
    flaky: list[str] = Field(default_factory=list)
    skipped: list[str] = Field(default_factory=list)
    probes: dict[str, list[str]] = Field(default_factory=dict)
    compared: dict[str, list[int]] = Field(default_factory=dict)
    duration_s: list[float] = Field(default_factory=lambda: [0.0, 0.0], min_length=2, max_length=2)
    made_from: dict[str, str] = Field(default_factory=dict)


def source_of(file: SourceFile, folder: Path) -> Source:
    """A target's source as its file says, a relative folder or repository taken from beside the file."""
    if file.git is not None:
        beside = file.git.startswith(("./", "../"))
        return Source(git=str((folder / file.git).resolve()) if beside else file.git, commit=file.commit)
    if file.path is None:
        raise ConfigError(f"{folder}: a source needs `path` or `git`")
    return Source(path=(folder / file.path).resolve())


def environment_of(file: EnvironmentFile) -> EnvironmentSpec:
    """A target's environment as its file says."""
    return EnvironmentSpec(
        image=file.image,
        dockerfile=file.dockerfile,
        setup=tuple(file.setup),
        inputs=tuple(file.inputs),
        path=tuple(file.path),
        workdir=file.workdir,
    )


def suite_of(file: TestsFile) -> Suite:
    """A target's test suite as its file says."""
    return Suite(
        runner=file.runner,
        command=tuple(file.command),
        protected=tuple(file.protected),
        timeout_s=float(file.timeout_s),
        probes=file.probes,
        second_run=SecondRun(file.second_run),
    )


def service_of(file: ServiceFile | None) -> Service | None:
    """A target's service, if its file has one."""
    return None if file is None else Service(command=tuple(file.command), ready=file.ready)


def limits_of(file: LimitsFile) -> Limits:
    """A sandbox's limits as the target's file says."""
    return Limits(
        cpus=float(file.cpus),
        memory_bytes=file.memory,
        pids=file.pids,
        disk_bytes=file.disk,
        disk_quota=DiskQuota(file.disk_quota),
    )


def read_manifest(path: Path) -> Manifest | None:
    """The manifest at `path`, None when there is none. Raises ConfigError."""
    if not path.exists():
        return None
    file = parse_or_raise(ManifestFile, read_json(path), str(path))
    return Manifest(
        fail_to_pass=tuple(file.fail_to_pass),
        pass_to_pass=tuple(file.pass_to_pass),
        regained=tuple(file.regained),
        flaky=tuple(file.flaky),
        skipped=tuple(file.skipped),
        probes={kind: tuple(ids) for kind, ids in file.probes.items()},
        compared={test_id: tuple(numbers) for test_id, numbers in file.compared.items()},
        duration_s=(file.duration_s[0], file.duration_s[1]),
        made_from=file.made_from,
    )


def write_manifest(feature: Feature, manifest: Manifest) -> Path:
    """Write a feature's manifest.json, sorted, the same bytes for the same content; returns its path.

    Raises InfraError when the folder cannot be written.
    """
    file = ManifestFile.model_validate(
        {
            "schema": 1,
            "fail_to_pass": sorted(set(manifest.fail_to_pass)),
            "pass_to_pass": sorted(set(manifest.pass_to_pass)),
            "regained": sorted(set(manifest.regained)),
            "flaky": sorted(set(manifest.flaky)),
            "skipped": sorted(set(manifest.skipped)),
            "probes": {kind: sorted(set(ids)) for kind, ids in sorted(manifest.probes.items())},
            "compared": {test_id: sorted(numbers) for test_id, numbers in sorted(manifest.compared.items())},
            "duration_s": [round(seconds, 3) for seconds in manifest.duration_s],
            "made_from": dict(sorted(manifest.made_from.items())),
        }
    )
    path = feature.folder / MANIFEST
    write_atomic(path, (file.model_dump_json(by_alias=True, indent=2) + "\n").encode())
    return path
