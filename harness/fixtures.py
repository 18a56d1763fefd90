"""Targets and features found in folders, read and checked; nothing is fetched, built or started here.

Where they lie and which are meant: `harness.catalogue`. A path given directly needs no root and shadows nothing: two
features of one key in one matrix are an error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.catalogue import (
    FEATURE_FILE,
    TARGET_FILE,
    FeaturePlace,
    bundled_roots,
    catalogue,
    fits,
    instead,
    is_path,
    matched,
)
from harness.edge import parse, read_toml, user_path
from harness.errors import ConfigError
from harness.features import OF_TARGET, Feature, Source, Target
from harness.fixture_files import (
    MANIFEST,
    FeatureFile,
    TargetFile,
    environment_of,
    limits_of,
    read_manifest,
    service_of,
    source_of,
    suite_of,
    write_manifest,
)

__all__ = [
    "SourceOverride",
    "bundled_roots",
    "load_feature",
    "load_features",
    "load_target",
    "narrow",
    "parse_overrides",
    "script_path",
    "write_manifest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOverride:
    """What the user put in a target's place: a local `clone` for its URL or folder, or a `working_tree` as it is."""

    clone: Path | None = None
    working_tree: Path | None = None


def parse_overrides(source: Iterable[str] = (), working_tree: Iterable[str] = ()) -> dict[str, SourceOverride]:
    """The overrides that `--source NAME=PATH` and `--working-tree NAME=PATH` ask for. Raises ConfigError."""
    found: dict[str, SourceOverride] = {}
    problems: list[str] = []
    given = [("--source", "clone", text) for text in source]
    given += [("--working-tree", "working_tree", text) for text in working_tree]
    for option, slot, text in given:
        name, equals, path = text.partition("=")
        folder = user_path(path)
        if not (name and equals and path):
            problems.append(f"{option} {text}: write {option} NAME=PATH, NAME being the target's")
        elif not folder.is_dir():
            problems.append(f"{option} {text}: no such folder")
        else:
            found[name] = replace(found.get(name, SourceOverride()), **{slot: folder.resolve()})
    if problems:
        raise ConfigError(*problems)
    return found


def load_target(folder: Path, overrides: Mapping[str, SourceOverride] | None = None) -> Target:
    """The target whose target.toml lies in `folder`. Raises ConfigError with every problem."""
    path = folder / TARGET_FILE
    parsed = parse(TargetFile, read_toml(path), str(path))
    file = parsed.value
    problems = list(parsed.problems)
    if file is not None:
        override = (overrides or {}).get(file.name, SourceOverride())
        problems += _missing(file, folder, override, str(path))
    if file is None or problems:
        raise ConfigError(*problems)
    return Target(
        name=file.name,
        description=file.description,
        folder=folder.resolve(),
        source=_overridden(source_of(file.source, folder), override),
        environment=environment_of(file.environment),
        suite=suite_of(file.tests),
        service=service_of(file.service),
        limits=limits_of(file.limits),
    )


def load_feature(target: Target, folder: Path) -> Feature:
    """The feature of `target` that lies in `folder`. Raises ConfigError with every problem."""
    path = folder / FEATURE_FILE
    parsed = parse(FeatureFile, read_toml(path), str(path))
    file = parsed.value
    problems = list(parsed.problems)
    if file is not None:
        unfit = _unfit(file, target, folder)
        problems += [f"{path}: {line}" for line in unfit if line.partition(":")[0] not in parsed.bad]
    manifest = None
    try:
        manifest = read_manifest(folder / MANIFEST)
    except ConfigError as error:
        problems += error.problems
    if file is None or problems:
        raise ConfigError(*problems)
    return Feature(
        name=file.name,
        target=target,
        folder=folder.resolve(),
        brief=(folder / file.brief).read_text("utf-8", "replace"),
        base=file.base,
        solution=file.solution,
        test_paths=tuple(file.test_paths),
        black_box=tuple(file.black_box),
        manifest=manifest,
    )


def load_features(
    roots: Iterable[Path], patterns: Iterable[str], sources: Mapping[str, SourceOverride] | None = None
) -> tuple[Feature, ...]:
    """The features that `patterns` name, each once, in the order of the patterns, by key within one.

    A pattern is "target/feature" with wildcards, "target" for all of its features, or a path ("./", "../", "/", "~/")
    to the folder of a target or of a feature. Raises ConfigError with every problem of every file and pattern.
    """
    known = catalogue(roots)
    places, problems = matched(known, patterns)
    names = {*known.targets, *(place.key.partition("/")[0] for place in places)}
    problems += [
        f"--source or --working-tree {name}: no target of that name{instead(name, names)}"
        for name in sources or {}
        if name not in names
    ]
    features, more = _load(places, sources)
    problems = [*known.problems, *problems, *more]
    if problems:
        raise ConfigError(*problems)
    return features


def narrow(features: Iterable[Feature], patterns: Iterable[str]) -> tuple[Feature, ...]:
    """Those of `features` that a slice asks for, all of them without patterns. Raises ConfigError."""
    everything = tuple(features)
    wanted = tuple(patterns)
    lost = [pattern for pattern in wanted if not any(_means(pattern, one) for one in everything)]
    if lost:
        keys = [feature.key for feature in everything]
        raise ConfigError(*(f"--feature {pattern}: not in this matrix{instead(pattern, keys)}" for pattern in lost))
    return tuple(one for one in everything if not wanted or any(_means(pattern, one) for pattern in wanted))


def script_path(feature: Feature, turns: str) -> Path:
    """Where the scripted turns of that name lie, whether they exist or not."""
    return feature.folder / "turns" / f"{turns}.jsonl"


def _means(pattern: str, feature: Feature) -> bool:
    if is_path(pattern):
        return user_path(pattern).resolve() in {feature.folder, feature.target.folder}
    return fits(feature.key, pattern)


def _load(
    places: Iterable[FeaturePlace], sources: Mapping[str, SourceOverride] | None
) -> tuple[tuple[Feature, ...], list[str]]:
    features: list[Feature] = []
    problems: list[str] = []
    targets: dict[Path, Target | None] = {}
    for place in places:
        try:
            if place.target not in targets:
                targets[place.target] = None
                targets[place.target] = load_target(place.target, sources)
            target = targets[place.target]
            if target is not None:
                features.append(load_feature(target, place.folder))
        except ConfigError as error:
            problems += error.problems
    return tuple(features), problems


def _missing(file: TargetFile, folder: Path, override: SourceOverride, where: str) -> list[str]:
    """What target.toml names that is not there."""
    problems = []
    source = source_of(file.source, folder)
    replaced = override.clone or override.working_tree
    if source.path is not None and not replaced and not source.path.is_dir():
        problems.append(f"{where}: source.path: no folder {source.path}")
    dockerfile = file.environment.dockerfile
    if dockerfile is not None and not (folder / dockerfile).is_file():
        problems.append(f"{where}: environment.dockerfile: no file {folder / dockerfile}")
    return problems


def _overridden(source: Source, override: SourceOverride) -> Source:
    if override.clone is not None and source.git is not None:
        source = replace(source, git=str(override.clone))
    elif override.clone is not None:
        source = replace(source, path=override.clone)
    if override.working_tree is None:
        return source
    if source.git is not None and override.clone is None and (override.working_tree / ".git").exists():
        source = replace(source, git=str(override.working_tree))
    return replace(source, path=override.working_tree, working_tree=True)


def _unfit(file: FeatureFile, target: Target, folder: Path) -> list[str]:
    """What a feature lacks or has too much of for the kind of target it is on; each line begins with the field."""
    brief = folder / file.brief
    problems = []
    if not brief.is_file():
        problems.append(f"brief: no file {brief}")
    elif not brief.read_text("utf-8", "replace").strip():
        problems.append(f"brief: {brief} is empty; say what the model is to build")
    if file.black_box and target.service is None:
        problems.append(f"black_box: needs a [service] in {target.folder / TARGET_FILE}")
    elif lost := [place for place in _black_box(file, target, folder) if not place.exists()]:
        problems.append(f"black_box: no file or folder {lost[0]}")
    return problems + (_unfit_git(file) if target.source.git is not None else _unfit_folder(file, folder))


def _black_box(file: FeatureFile, target: Target, folder: Path) -> Iterable[Path]:
    shared = len(OF_TARGET)
    return (target.folder / one[shared:] if one.startswith(OF_TARGET) else folder / one for one in file.black_box)


def _unfit_git(file: FeatureFile) -> list[str]:
    wanted = (("base", file.base), ("solution", file.solution), ("test_paths", file.test_paths))
    problems = [f"{name}: is missing; a feature of a git target needs it" for name, value in wanted if not value]
    if file.base is not None and file.base == file.solution:
        problems.append("solution: is the same commit as `base`")
    return problems


def _unfit_folder(file: FeatureFile, folder: Path) -> list[str]:
    given = (("base", file.base), ("solution", file.solution), ("test_paths", file.test_paths))
    problems = [f"{name}: only for targets from git; hidden tests go to tests/" for name, value in given if value]
    tests = folder / "tests"
    if not (tests.is_dir() and any(path.is_file() for path in tests.rglob("*"))):
        problems.append(f"hidden tests: no file in {tests}")
    return problems
