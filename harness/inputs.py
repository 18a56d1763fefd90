"""A matrix with its features, read together: what is wrong with either is told in one go, before anything starts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.catalogue import catalogue, named_again
from harness.config import Matrix, Reading, Slice, read_matrix
from harness.errors import ConfigError
from harness.features import Feature
from harness.fixtures import SourceOverride, bundled_roots, load_features, narrow, script_path
from harness.scripts import MADE
from harness.turns import read_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a command line says beside the matrix: the slice, folders of targets, overrides of sources, keys or none.

    `environ` is where keys are looked for, None for the process's own environment. `beside` is the folder from which
    the matrix's paths are taken, None for the matrix file's own: the copy in a run folder lies elsewhere. `planned` are
    the keys of the features that an earlier run of the matrix planned, () for a fresh one: a feature that was named by
    a path where nothing lies any more is looked for by its name.
    """

    part: Slice = field(default_factory=Slice)
    fixtures: tuple[Path, ...] = ()
    sources: Mapping[str, SourceOverride] = field(default_factory=dict)
    environ: Mapping[str, str] | None = None
    beside: Path | None = None
    planned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A matrix and the features it runs over, ready for `plan`."""

    matrix: Matrix
    features: tuple[Feature, ...]


def load_inputs(path: Path, options: Options | None = None) -> Inputs:
    """The matrix of a file and its features. Raises ConfigError with every problem of the matrix, features, scripts."""
    options = options or Options()
    reading = read_matrix(path, options.part, options.environ, options.beside)
    problems = list(reading.problems)
    features: tuple[Feature, ...] = ()
    if reading.matrix is not None:
        try:
            features = _features(reading.matrix, options)
        except ConfigError as error:
            problems += error.problems
        problems += script_problems(reading.matrix, features, str(path))
    return _inputs(reading, features, problems)


def script_problems(matrix: Matrix, features: Iterable[Feature], where: str) -> tuple[str, ...]:
    """A line for each script of a simulated model that features lack, and for each of its lines that cannot be read."""
    wanted = tuple(features)
    scripts: dict[str, str] = {}
    for model in matrix.models.values():
        if model.turns is not None:
            scripts.setdefault(model.turns, model.name)
    problems: list[str] = []
    for script, name in scripts.items():
        lacking = [one.key for one in wanted if not script_path(one, script).is_file()]
        if lacking and script not in MADE:
            needed = f"write turns/{script}.jsonl there, or name other features"
            problems.append(f"{where}: models.{name}.turns: no turns `{script}` in {', '.join(lacking)}; {needed}")
        for feature in wanted:
            problems += _bad_lines(script_path(feature, script))
    return tuple(problems)


def _features(matrix: Matrix, options: Options) -> tuple[Feature, ...]:
    roots = (*options.fixtures, *bundled_roots())
    patterns = _where_they_are(matrix.features, options.planned, roots)
    only = named_again(matrix.only, options.planned)
    return narrow(load_features(roots, patterns, options.sources), only)


def _where_they_are(patterns: tuple[str, ...], planned: tuple[str, ...], roots: Iterable[Path]) -> tuple[str, ...]:
    """The patterns, those by names whose paths are gone. Raises ConfigError for targets that no root has."""
    again = named_again(patterns, planned)
    if again == patterns:
        return again
    known = {place.key for place in catalogue(roots).places()}
    gone = dict.fromkeys(one.partition("/")[0] for one in again if one not in {*patterns, *known})
    paths = ", ".join(one for one in patterns if one not in again)
    if gone:
        raise ConfigError(
            *(f"target {name}: nothing lies at {paths} any more; give --fixtures DIR, where it is now" for name in gone)
        )
    return again


def _bad_lines(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    try:
        read_turns(path)
    except ConfigError as error:
        return error.problems
    return ()


def _inputs(reading: Reading, features: tuple[Feature, ...], problems: Iterable[str]) -> Inputs:
    lines = tuple(problems)
    if lines or reading.matrix is None:
        raise ConfigError(*lines)
    return Inputs(matrix=reading.matrix, features=features)
