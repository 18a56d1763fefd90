"""Where the features of a finished run lie: what it was asked for, or what the command line says now."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.catalogue import FEATURE_FILE, TARGET_FILE, is_path
from harness.commands.asking import options_again
from harness.commands.session import roots
from harness.config import pattern_beside
from harness.edge import read_toml
from harness.errors import ConfigError
from harness.features import Feature
from harness.fixtures import load_features
from harness.inputs import Options
from harness.run_folder import RunFolder
from harness.run_plan import Asked, read_plan


def features_again(run: Path, keys: Iterable[str], over: Options) -> tuple[Feature, ...]:
    """The features of a run, by their keys: from the folders that it took them from, unless `over` names others.

    Raises ConfigError, which names the option to give where one of them is gone.
    """
    wanted = tuple(keys)
    if not wanted:
        return ()
    before = read_plan(run)
    asked = before.asked
    named = () if over.fixtures else tuple(_named(run, asked))
    gone = [f"{run}: its target in {one} is gone; give --fixtures DIR" for one in named if not one.is_dir()]
    if gone:
        raise ConfigError(*gone)
    again = options_again(before, over, run)
    again = replace(again, fixtures=(*named, *again.fixtures))
    try:
        return load_features(roots(again.fixtures), wanted, again.sources)
    except ConfigError as error:
        told = (f"{line}; --fixtures DIR names another folder of targets" for line in error.problems)
        raise ConfigError(*told) from error


def _named(run: Path, asked: Asked) -> Iterable[Path]:
    """The targets that the run's matrix, or its command line, named by a path."""
    if not asked.beside:  # an older run, which did not say where its matrix lay
        return
    matrix = RunFolder(root=run).matrix
    features = read_toml(matrix).get("features", [])
    listed = (pattern_beside(Path(asked.beside) / matrix.name, str(one)) for one in features) if features else ()
    for path in dict.fromkeys((*listed, *asked.feature)):
        if is_path(path):
            yield _target(Path(path))


def _target(folder: Path) -> Path:
    """The target's folder of a target or of a feature; one that is gone as it is."""
    is_feature = (folder / FEATURE_FILE).is_file() and not (folder / TARGET_FILE).is_file()
    return folder.parent.parent if is_feature else folder
