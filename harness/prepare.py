"""From a feature to what its trials start from: a source snapshot and a built environment."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.acceptance import Acceptance, prepare_acceptance
from harness.errors import ConfigError, InfraError, blame
from harness.features import Feature, Target
from sandbox.checkout import Checkouts
from sandbox.contract import Environment, OnLine, Recipe, SandboxProvider, Snapshot
from sandbox.errors import SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What every trial of a feature starts from; `solution` is the reference's snapshot for targets from git.

    `acceptance` are its black-box tests, if it has any, with the environment that they run in.
    """

    feature: Feature
    snapshot: Snapshot
    environment: Environment
    solution: Snapshot | None = None
    acceptance: Acceptance | None = None


def prepare(feature: Feature, provider: SandboxProvider, checkouts: Checkouts, on_line: OnLine) -> Prepared:
    """Take the snapshot, build the environment, stage the checkout; each is done once and then found again.

    Raises InfraError with what failed.
    """
    with blame(InfraError, f"cannot prepare {feature.key}", SandboxError):
        snapshot = base_snapshot(feature, checkouts)
        environment = provider.prepare(recipe(feature.target, snapshot), on_line)
        provider.stage(environment, snapshot)
        solution = solution_snapshot(feature, checkouts)
        acceptance = prepare_acceptance(feature, provider, on_line)
    return Prepared(
        feature=feature, snapshot=snapshot, environment=environment, solution=solution, acceptance=acceptance
    )


def base_snapshot(feature: Feature, checkouts: Checkouts) -> Snapshot:
    """The tree that the agent starts from: a working tree as it is, a folder, or the base commit.

    Raises SandboxError when it cannot be had, ConfigError when no commit is named.
    """
    source = feature.target.source
    if source.path is not None:
        return checkouts.from_working_tree(source.path) if source.working_tree else checkouts.from_folder(source.path)
    commit = feature.base or source.commit
    if source.git is None or commit is None:
        raise ConfigError(f"{feature.key}: no commit given; add `commit` to [source] or `base` to the feature")
    return checkouts.from_git(source.git, commit)


def solution_snapshot(feature: Feature, checkouts: Checkouts) -> Snapshot | None:
    """The tree at the feature's solution commit; None for features that have none. Raises SandboxError."""
    if feature.solution is None or feature.target.source.git is None:
        return None
    return checkouts.from_git(feature.target.source.git, feature.solution)


def source_digest(feature: Feature, checkouts: Checkouts) -> str:
    """What decides the base tree's content: its commit, or for a folder the digest of the content itself."""
    source = feature.target.source
    if source.path is None:
        return feature.base or source.commit or ""
    with blame(InfraError, f"cannot read {feature.key}", SandboxError):
        return base_snapshot(feature, checkouts).digest


def recipe(target: Target, snapshot: Snapshot) -> Recipe:
    """How the target's environment is made, with the snapshot's files that set-up reads.

    Raises ConfigError when an input matches no file.
    """
    spec = target.environment
    paths: set[str] = set()
    for pattern in spec.inputs:
        found = {path for path in snapshot.index if _is_input(path, pattern)}
        if not found:
            raise ConfigError(f"{target.name}: environment.inputs `{pattern}` matches no file of the source")
        paths |= found
    return Recipe(
        name=target.name,
        image=spec.image,
        dockerfile=_dockerfile(target),
        setup=spec.setup,
        inputs=tuple(snapshot.file(path) for path in sorted(paths)),
        path=spec.path,
        workdir=spec.workdir,
    )


def _is_input(path: str, pattern: str) -> bool:
    return pattern == "." or fnmatchcase(path, pattern) or path.startswith(pattern.rstrip("/") + "/")


def _dockerfile(target: Target) -> str | None:
    name = target.environment.dockerfile
    if name is None:
        return None
    try:
        return (target.folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{target.name}: environment.dockerfile `{name}` cannot be read: {error}") from error
