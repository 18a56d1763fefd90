"""Targets and features: what stands in a fixtures folder, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.contract import Limits

OF_TARGET = "target:"
"""What a feature's `black_box` writes before a path below the target's folder, which its features share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a target's code comes from: a folder, or a git URL (or local clone) with a commit of 40 hex digits.

    With `working_tree` the folder is taken as it is, uncommitted changes included, files that git ignores left out;
    then `git`, where there is one, still says where the solution commits of features come from.
    """

    path: Path | None = None
    git: str | None = None
    commit: str | None = None
    working_tree: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """How the target's environment is made; see `sandbox.contract.Recipe`.

    `inputs` are paths or globs of the source ("." for all of it), `dockerfile` a path below the target's folder.
    """

    image: str | None = None
    dockerfile: str | None = None
    setup: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    workdir: str = "/workspace"


class SecondRun(StrEnum):
    """Which test files of a suite that passed run again: all, those that hold tests which must newly pass, or none."""

    ALL = "all"
    FAIL_TO_PASS = "fail_to_pass"  # noqa: S105 - no password
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The target's tests: the runner and its argv, what of the tree belongs to them, and a time limit in seconds.

    `probes` says whether passes are probed, where the runner can be. `second_run` says of which test files a pass is
    run a second time, in random order and a process a file, where the runner can.
    """

    runner: str
    command: tuple[str, ...]
    protected: tuple[str, ...]
    timeout_s: float
    probes: bool = True
    second_run: SecondRun = SecondRun.FAIL_TO_PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How black-box tests reach the running application: its argv, and a URL that answers once it is up."""

    command: tuple[str, ...]
    ready: str

    @property
    def address(self) -> str:
        """Scheme, host and port of the service, such as "http://127.0.0.1:8000"."""
        parts = urlsplit(self.ready)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A live application under evaluation; `folder` is where its target.toml lies."""

    name: str
    description: str
    folder: Path
    source: Source
    environment: EnvironmentSpec
    suite: Suite
    service: Service | None
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What `validate` found: exact test ids that must newly pass and must keep passing, and those not to be trusted.

    `regained` are ids that pass on the untouched base and again with the reference, but not with the hidden tests on
    the base; they must pass as `fail_to_pass` must. `probes` are, by kind of probe, the `fail_to_pass` that fail by
    assertion in it with the reference: those where a probe tells something. `compared` are, by test, the comparisons
    (numbered within its file) that the reference makes, and that do not hold with changed values. `duration_s` is the
    band (least, most) of the reference runs. `made_from` names the digests it was made from, so that a stale manifest
    is seen.
    """

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    regained: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    probes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compared: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    duration_s: tuple[float, float] = (0.0, 0.0)
    made_from: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One piece of work on a target; `brief` is the text that the model is told.

    For a folder target the hidden tests lie in `folder`/tests and the reference in `folder`/solution.patch. For a git
    target both come from the `solution` commit: `test_paths` are the tests, the rest of its difference the reference.
    `black_box` are files or folders with tests that speak to the target's service from outside, below `folder`, or
    where OF_TARGET stands before them, below the target's own.
    """

    name: str
    target: Target
    folder: Path
    brief: str
    base: str | None = None
    solution: str | None = None
    test_paths: tuple[str, ...] = ()
    black_box: tuple[str, ...] = ()
    manifest: Manifest | None = None

    def black_box_places(self) -> tuple[tuple[Path, str], ...]:
        """Each of `black_box` as the folder that it lies below, and its path there."""
        return tuple(
            (self.target.folder if name.startswith(OF_TARGET) else self.folder, name.removeprefix(OF_TARGET))
            for name in self.black_box
        )

    @property
    def key(self) -> str:
        """How users and records name it: "target/feature"."""
        return f"{self.target.name}/{self.name}"
