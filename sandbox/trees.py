"""Source trees by content: entries laid into a folder that is named after what is in it, made once, never changed."""

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox.contract import File, Snapshot, fingerprint, sha256
from sandbox.errors import CheckoutError


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A symbolic link: its `path` in the tree and its `target` as written."""

    path: str
    target: str


Entry = File | Link


class TreeStore:
    """Snapshots in a folder: `<digest>/` holds a tree, `<digest>.json` its index and links."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, digest: str, commit: str | None = None) -> Snapshot | None:
        """The snapshot of this digest; None when it has not been made."""
        root, notes = self._folder / digest, self._folder / f"{digest}.json"
        if not (root.is_dir() and notes.is_file()):
            return None
        held = json.loads(notes.read_text(encoding="utf-8"))
        return Snapshot(root=root, digest=digest, index=held["index"], links=held["links"], commit=commit)

    def keep(self, entries: Iterable[Entry], commit: str | None = None) -> Snapshot:
        """Write a tree and give it its name; an equal one that is there already is taken. Raises CheckoutError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
        try:
            index, links = lay(entries, place / "tree")
            digest = tree_digest(index, links)
            return self.find(digest, commit) or self._settle(place, digest, index, links, commit)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _settle(
        self, place: Path, digest: str, index: Mapping[str, str], links: Mapping[str, str], commit: str | None
    ) -> Snapshot:
        """Both parts appear by renaming; whoever comes second finds the first one's tree and leaves it."""
        notes = place / "notes"
        notes.write_text(json.dumps({"index": index, "links": links}), encoding="utf-8")
        root = self._folder / digest
        try:
            (place / "tree").rename(root)
        except OSError:
            if not root.is_dir():
                raise
        notes.replace(self._folder / f"{digest}.json")
        return Snapshot(root=root, digest=digest, index=index, links=links, commit=commit)


def tree_digest(index: Mapping[str, str], links: Mapping[str, str]) -> str:
    """SHA-256 (hex) of a tree: its paths, contents, executable bits and links."""
    lines = [f"f {path}\0{print_}\0" for path, print_ in sorted(index.items())]
    lines += [f"l {path}\0{target}\0" for path, target in sorted(links.items())]
    return sha256("".join(lines).encode("utf-8", "surrogateescape"))


def lay(entries: Iterable[Entry], root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Write entries under a new folder; returns index and links. Links come last: nothing is written through."""
    root.mkdir(mode=0o755)
    index: dict[str, str] = {}
    links: dict[str, str] = {}
    for entry in entries:
        check_path(entry.path)
        if isinstance(entry, Link):
            links[entry.path] = entry.target
        else:
            _write(entry, root)
            index[entry.path] = fingerprint(entry)
    for path, target in links.items():
        place = root / path
        _parents(place)
        place.symlink_to(target)
    return index, links


def _write(file: File, root: Path) -> None:
    place = root / file.path
    _parents(place)
    place.write_bytes(file.data)
    place.chmod(0o755 if file.executable else 0o644)


def _parents(place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckoutError(f"{place.name} cannot lie where something else lies: {error.strerror}") from error


def check_path(path: str) -> None:
    """Raise CheckoutError unless a path is relative, stays inside, and touches no `.git` folder."""
    parts = path.split("/")
    if path.startswith("/") or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise CheckoutError(f"the tree holds the path {path!r}, which leaves it; only plain relative paths are taken")
    if any(part.lower() == ".git" for part in parts):
        raise CheckoutError(f"the tree holds the path {path!r} inside a .git folder; git itself would refuse it")


def walk(root: Path, skip: frozenset[str], suffixes: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Regular files and links under a folder, links not followed; entries named in `skip` are passed over."""
    for folder, folders, names in os.walk(root, onerror=_refuse):
        here = Path(folder)
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in skip and name not in linked)
        for name in sorted([*names, *linked]):
            if name not in skip and not name.endswith(suffixes):
                yield from entry_at(root, (here / name).relative_to(root).as_posix())


def _refuse(error: OSError) -> None:
    raise CheckoutError(f"cannot read {error.filename}: {error.strerror}") from error


def entry_at(root: Path, path: str) -> Iterator[Entry]:
    """The file or link at `path`, if it is one of the two. Raises CheckoutError when it cannot be read."""
    place = root / path
    try:
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield Link(path=path, target=str(place.readlink()))
        elif stat.S_ISREG(mode):
            yield File(path=path, data=place.read_bytes(), executable=bool(mode & 0o100))
    except (FileNotFoundError, NotADirectoryError):
        return  # listed by git, but deleted from the folder
    except OSError as error:
        raise CheckoutError(f"cannot read {place}: {error.strerror}") from error


def entries_of(snapshot: Snapshot) -> Iterator[Entry]:
    """Everything that a snapshot holds, files first."""
    yield from snapshot.files()
    yield from (Link(path=path, target=target) for path, target in sorted(snapshot.links.items()))


def displaced(snapshot: Snapshot, laid: Iterable[str]) -> frozenset[str]:
    """Paths of a snapshot that give way to entries laid over it: the same, those above and those below."""
    over = frozenset(laid)
    gone = over | {up for path in over for up in _above(path)}
    held = {*snapshot.index, *snapshot.links}
    return frozenset(path for path in held if path in gone or any(up in over for up in _above(path)))


def _above(path: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(path).parents]
