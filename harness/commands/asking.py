"""What a command line says beside the matrix, as a run folder keeps it, and back again."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.catalogue import is_path
from harness.config import Slice
from harness.edge import user_path
from harness.errors import ConfigError
from harness.fixtures import SourceOverride, parse_overrides
from harness.inputs import Options
from harness.run_plan import Asked, RunPlan


def asked_for(given: Options, matrix_file: Path) -> Asked:
    """What was asked for, with every path absolute, for a later process that begins in another folder."""
    part = given.part
    return Asked(
        fixtures=tuple(str(folder.absolute()) for folder in given.fixtures),
        sources={name: str(one.clone) for name, one in given.sources.items() if one.clone},
        working_trees={name: str(one.working_tree) for name, one in given.sources.items() if one.working_tree},
        model=part.models,
        feature=tuple(str(user_path(name).resolve()) if is_path(name) else name for name in part.features),
        repeats=part.repeats,
        beside=str((given.beside or matrix_file.parent).absolute()),
    )


def options_again(before: RunPlan, over: Options, run: Path) -> Options:
    """The same options for another go, those of `over` in the place of their own.

    Raises ConfigError with a line for each folder that is not there any more.
    """
    asked, planned = before.asked, before.features_planned
    fixtures = over.fixtures or tuple(map(Path, asked.fixtures))
    missing = [f"{run}: its targets in {one} are gone; give --fixtures DIR" for one in fixtures if not one.is_dir()]
    clones = _kept(asked.sources, over.sources)
    trees = _kept(asked.working_trees, over.sources)
    missing += list(_gone(run, "--source", clones)) + list(_gone(run, "--working-tree", trees))
    if missing:
        raise ConfigError(*missing)
    again = parse_overrides(_pairs(clones), _pairs(trees))
    return Options(
        part=Slice(models=asked.model, features=asked.feature, repeats=asked.repeats),
        fixtures=fixtures,
        sources=again | dict(over.sources),
        beside=Path(asked.beside) if asked.beside else None,
        planned=planned,
    )


def _kept(folders: Mapping[str, str], over: Mapping[str, SourceOverride]) -> dict[str, str]:
    return {name: path for name, path in folders.items() if name not in over}


def _gone(run: Path, option: str, folders: Mapping[str, str]) -> Iterable[str]:
    for name, path in folders.items():
        if not Path(path).is_dir():
            yield f"{run}: its target {name} in {path} is gone; give {option} {name}=PATH"


def _pairs(folders: Mapping[str, str]) -> list[str]:
    return [f"{name}={path}" for name, path in folders.items()]
