"""What folders of targets hold, by name, and which of it a pattern means; nothing is checked before it is wanted.

Where a name is looked for, first wins: the folders given with --fixtures in their order, then the bundled ones. A
target shadows a whole target of the same name, features included; the two are never mixed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from harness.edge import did_you_mean, read_toml, user_path
from harness.errors import ConfigError

TARGET_FILE = "target.toml"
FEATURE_FILE = "feature.toml"
_LISTED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlace:
    """Where a feature lies, before anything of it is checked; `key` is "target/feature"."""

    key: str
    target: Path
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the roots hold: `targets` by name to their folders, `shadowed` the folders passed over for earlier ones."""

    targets: Mapping[str, Path] = field(default_factory=dict)
    shadowed: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()

    def places(self) -> tuple[FeaturePlace, ...]:
        """Every feature of every target, by key."""
        return tuple(place for name in sorted(self.targets) for place in _places(self.targets[name]))


def bundled_roots() -> tuple[Path, ...]:
    """The folders of targets that come with Splitclock, in an installed wheel or in a source checkout."""
    package = Path(__file__).resolve().parent
    home = package / "bundled" if (package / "bundled").is_dir() else package.parent
    return tuple(root for root in (home / "fixtures", home / "examples" / "external") if root.is_dir())


def catalogue(roots: Iterable[Path]) -> Catalogue:
    """What the roots hold, earlier ones first. A root is a folder of target folders, or one target folder itself."""
    targets: dict[str, Path] = {}
    shadowed: list[Path] = []
    problems: list[str] = []
    for root in dict.fromkeys(user_path(root).resolve() for root in roots):
        folders = _targets_in(root)
        if not folders:
            problems.append(f"{root}: holds no target: neither {TARGET_FILE} nor NAME/{TARGET_FILE} is there")
        named = [(_name_in(folder / TARGET_FILE), folder) for folder in folders]
        problems += _twins(named)
        shadowed += [folder for name, folder in named if name in targets]
        targets = {**dict(reversed(named)), **targets}
    return Catalogue(targets=targets, shadowed=tuple(shadowed), problems=tuple(problems))


def matched(known: Catalogue, patterns: Iterable[str]) -> tuple[list[FeaturePlace], list[str]]:
    """The features that the patterns mean, each once, in the order of the patterns, and what is wrong with these."""
    by_name = known.places()
    found: dict[Path, FeaturePlace] = {}
    problems: list[str] = []
    for pattern in dict.fromkeys(patterns):
        places = _at(pattern) if is_path(pattern) else [one for one in by_name if fits(one.key, pattern)]
        if not places:
            problems.append(_nothing(pattern, [place.key for place in by_name]))
        found.update((place.folder, place) for place in places)
    return list(found.values()), problems + _twins([(place.key, place.folder) for place in found.values()])


def fits(key: str, pattern: str) -> bool:
    """Whether a pattern means the feature of that key; "target" alone means all of its features."""
    return fnmatchcase(key, pattern if "/" in pattern else f"{pattern}/*")


def is_path(pattern: str) -> bool:
    """Whether a feature pattern is a path rather than a name."""
    return pattern in {".", ".."} or pattern.startswith(("./", "../", "/", "~/"))


def named_again(patterns: Iterable[str], planned: Iterable[str]) -> tuple[str, ...]:
    """The patterns, paths where nothing lies any more replaced by the `planned` keys that no other means."""
    given, keys = tuple(patterns), tuple(dict.fromkeys(planned))
    lost = {pattern for pattern in given if is_path(pattern) and not user_path(pattern).exists()}
    if not lost or not keys:
        return given
    found = {place.key for pattern in given if is_path(pattern) and pattern not in lost for place in _at(pattern)}
    names = [pattern for pattern in given if not is_path(pattern)]
    moved = [key for key in keys if key not in found and not any(fits(key, pattern) for pattern in names)]
    return tuple(dict.fromkeys(one for pattern in given for one in (moved if pattern in lost else (pattern,))))


def instead(word: str, known: Iterable[str]) -> str:
    """The end of a line about an unknown word: what was perhaps meant, and what is known."""
    names = sorted(set(known))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    close = did_you_mean(word, [*names, *(name.partition("/")[0] for name in names)])
    return f"{close}; known: {', '.join(names[:_LISTED]) or 'none'}{more}"


def _targets_in(root: Path) -> list[Path]:
    if (root / TARGET_FILE).is_file():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{TARGET_FILE}"))


def _places(target: Path) -> list[FeaturePlace]:
    name = _name_in(target / TARGET_FILE)
    folders = [path.parent for path in target.glob(f"features/*/{FEATURE_FILE}")]
    places = [FeaturePlace(key=f"{name}/{_name_in(one / FEATURE_FILE)}", target=target, folder=one) for one in folders]
    return sorted(places, key=lambda place: (place.key, place.folder))


def _name_in(path: Path) -> str:
    """The name a file gives itself, its folder's when it cannot be told; the file is checked when it is loaded."""
    try:
        name = read_toml(path).get("name")
    except ConfigError:
        name = None
    return name if isinstance(name, str) else path.parent.name


def _twins(named: Iterable[tuple[str, Path]]) -> list[str]:
    seen: dict[str, Path] = {}
    return [
        f"{folder}: has the same name `{name}` as {seen[name]}; rename one"
        for name, folder in named
        if seen.setdefault(name, folder) != folder
    ]


def _at(path: str) -> list[FeaturePlace]:
    folder = user_path(path).resolve()
    if (folder / TARGET_FILE).is_file():
        return _places(folder)
    if (folder / FEATURE_FILE).is_file():
        return [place for place in _places(folder.parent.parent) if place.folder == folder]
    return []


def _nothing(pattern: str, known: list[str]) -> str:
    if is_path(pattern):
        return (
            f"feature `{pattern}` matches nothing: no {TARGET_FILE} with features/NAME/{FEATURE_FILE} in that folder, "
            f"nor is it such a feature's folder"
        )
    return f"feature `{pattern}` matches nothing{instead(pattern, known)}"
