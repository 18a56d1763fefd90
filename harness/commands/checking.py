"""A matrix file and everything it names, checked together: every problem at once, before anything starts."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.commands.running import Job
from harness.commands.session import roots
from harness.config import Matrix, Slice, read_matrix
from harness.errors import ConfigError
from harness.features import Feature
from harness.fixtures import load_features, narrow, parse_overrides, script_path
from harness.scripts import MADE
from harness.turns import read_turns


def load_job(
    path: Path,
    part: Slice,
    *,
    fixtures: Iterable[Path] | None = None,
    source: Iterable[str] | None = None,
    working_tree: Iterable[str] | None = None,
    out: Path | None = None,
) -> Job:
    """The job that a command line asks for. Raises ConfigError with every problem of every file."""
    reading = read_matrix(path, part)
    problems = list(reading.problems)
    features: tuple[Feature, ...] = ()
    matrix = reading.matrix
    if matrix is not None:
        try:
            overrides = parse_overrides(source or (), working_tree or ())
            features = narrow(load_features(roots(fixtures), matrix.features, overrides), matrix.only)
        except ConfigError as error:
            problems += error.problems
        problems += _script_problems(path, matrix, features)
    if problems or matrix is None:
        raise ConfigError(*problems)
    return Job(matrix=matrix, features=features, matrix_file=path, out=out)


def _script_problems(path: Path, matrix: Matrix, features: Iterable[Feature]) -> Iterator[str]:
    """Scripts that simulated models need and features do not have, or have wrong."""
    everything = tuple(features)
    for name in sorted({model.turns for model in matrix.models.values() if model.turns is not None}):
        for feature in everything:
            script = script_path(feature, name)
            if script.is_file():
                yield from _unreadable(script)
            elif name not in MADE:
                yield f"{path}: turns `{name}`: {feature.key} has none: no file {script}"


def _unreadable(script: Path) -> Iterator[str]:
    try:
        read_turns(script)
    except ConfigError as error:
        yield from error.problems
