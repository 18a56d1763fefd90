"""A target's source as a clean snapshot, from a folder, a working tree or a commit. Only importer of `git`."""

import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.contract import CACHES, File, Snapshot, sha256
from sandbox.errors import CheckoutError
from sandbox.foreign import commit_entries, find_git_dir, has_commit, listed_files, local_objects
from sandbox.history import patch_between, patched_tree, write_repository
from sandbox.locks import locked
from sandbox.plumbing import (
    CONFIG,
    GIT_TIMEOUT_S,
    git_program,
    isolated,
    last_line,
    make_repository,
    passed_through,
    scratch_repository,
)
from sandbox.trees import Entry, Link, TreeStore, check_path, displaced, entries_of, entry_at, walk

SKIPPED = CACHES | {".git", ".venv", "node_modules"}
"""Names of folders and files that `from_folder` leaves out, beside `*.pyc`."""

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REMOTE = re.compile(r"(https?|ssh|git)://[^\s]+|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^\s:][^\s]*")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_SHA1_LENGTH = 40
_SPACE = 0x20
_NEUTRAL = dict.fromkeys(
    (
        "GIT_CONFIG_PARAMETERS",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE",
        "GIT_SSH",
        "GIT_ASKPASS",
    ),
    "",
)
_NEXT = "if you have a clone, name it with `--source NAME=PATH`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs from a tree: `files` and `links` that lie over it, and `deleted` paths."""

    files: tuple[File, ...] = ()
    deleted: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)


class Checkouts:
    """Takes snapshots and keeps them in a cache folder; `environment` is the host's, for proxies and keys."""

    def __init__(self, cache: Path, environment: Mapping[str, str] | None = None) -> None:
        self._cache = cache
        self._trees = TreeStore(cache / "trees")
        self._environment = environment or {}

    def from_folder(self, path: Path) -> Snapshot:
        """A folder as it is, without `.git`, caches and installed packages. Raises CheckoutError."""
        _require_folder(path)
        return self._trees.keep(walk(path, SKIPPED, (".pyc",)))

    def from_working_tree(self, path: Path) -> Snapshot:
        """What git tracks or would track of a folder, with the content it has now; a plain folder if it is no git tree.

        Neither configuration nor hooks of the repository are read. Raises CheckoutError.
        """
        _require_folder(path)
        git_dir, top = find_git_dir(path.resolve())
        if git_dir is None:
            return self.from_folder(path)
        names = listed_files(git_dir, top, path.resolve())
        if not names:  # a folder that the repository around it ignores
            return self.from_folder(path)
        return self._trees.keep(entry for name in names for entry in entry_at(path, name))

    def from_git(self, source: str, commit: str) -> Snapshot:
        """The tree of a commit, from a URL (fetched once, then cached) or a local repository.

        `commit` is the full hash. Submodules are left out and large-file pointers stay pointers. Raises CheckoutError
        that names the source and the next step.
        """
        if not _COMMIT.fullmatch(commit):
            raise CheckoutError(f"{shown(source)}: commit {commit!r} is not a full hash; `git rev-parse` prints it")
        note = self._cache / "commits" / commit
        known = self._trees.find(note.read_text(encoding="ascii"), commit) if note.is_file() else None
        return known or self._take(source, commit, note)

    def _take(self, source: str, commit: str, note: Path) -> Snapshot:
        with self._objects(source, commit) as git_dir:
            snapshot = self._trees.keep(commit_entries(git_dir, commit), commit)
        note.parent.mkdir(parents=True, exist_ok=True)
        making = note.with_suffix(f".{os.getpid()}")
        making.write_text(snapshot.digest, encoding="ascii")
        making.replace(note)
        return snapshot

    @contextlib.contextmanager
    def _objects(self, source: str, commit: str) -> Iterator[Path]:
        """A repository folder of ours that can read the commit."""
        object_format = "sha1" if len(commit) == _SHA1_LENGTH else "sha256"
        if not _REMOTE.fullmatch(source):
            with local_objects(_local(source), commit, object_format) as git_dir:
                yield git_dir
            return
        mirror = self._cache / "mirrors" / sha256(_CREDENTIALS.sub("", source).encode())[:32]
        with locked(mirror.with_suffix(".lock")):
            if not (mirror / "HEAD").is_file():
                make_repository(mirror, object_format)
            if not has_commit(mirror, commit):
                self._fetch(mirror, source, commit)
        yield mirror

    def _fetch(self, mirror: Path, url: str, commit: str) -> None:
        """The one commit if the server gives single commits, or else all its branches and tags."""
        keep = f"+{commit}:refs/commits/{commit}"
        problem = self._ask(mirror, url, "--depth=1", "--no-tags", refspecs=(keep,))
        if problem and not has_commit(mirror, commit):
            everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            problem = self._ask(mirror, url, refspecs=everything) or "it has no such commit"
        if not has_commit(mirror, commit):
            raise CheckoutError(f"cannot fetch commit {commit} from {shown(url)}: {shown(problem)}; {_NEXT}")

    def _ask(self, mirror: Path, url: str, *options: str, refspecs: tuple[str, ...]) -> str:
        """Fetch; returns what git says is wrong, empty when nothing is."""
        git_program()  # GitPython cannot even be imported without one
        from git.cmd import Git

        code, _, problems = Git(mirror).execute(
            [git_program(), *CONFIG, "fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules",
             "--update-head-ok", *options, "--", url, *refspecs],
            with_extended_output=True,
            with_exceptions=False,
            kill_after_timeout=GIT_TIMEOUT_S,
            env={**_NEUTRAL, **isolated(), **passed_through(self._environment), "GIT_DIR": str(mirror)},
        )  # fmt: skip
        return last_line(str(problems).encode()) if code else ""

    def apply_patch(self, snapshot: Snapshot, patch: bytes) -> Snapshot:
        """The tree with a patch applied. Raises CheckoutError with git's line when it does not apply."""
        with scratch_repository() as git_dir:
            write_repository(snapshot, git_dir)
            return self._trees.keep(commit_entries(git_dir, patched_tree(git_dir, patch)))

    def with_files(
        self,
        snapshot: Snapshot,
        files: Iterable[File],
        deleted: Iterable[str] = (),
        links: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """The tree with files (and links) laid over it and paths taken away; a folder in `deleted` goes whole."""
        over = _over(files, links)
        return self._trees.keep(itertools.chain(_kept(snapshot, over, deleted), over))

    def difference(
        self,
        before: Snapshot,
        changed: Iterable[File],
        deleted: Iterable[str] = (),
        links: Mapping[str, str] | None = None,
    ) -> bytes:
        """A patch for `git apply`, binary files included, from a tree to the same tree with these changes."""
        return self.patch(before, Change(files=tuple(changed), deleted=tuple(deleted), links=links or {}))[0]

    def patch(self, before: Snapshot, change: Change, most_bytes: int = -1) -> tuple[bytes, int]:
        """The same, and its length; of one longer than `most_bytes` the first whole lines, -1 being all of it."""
        over = _over(change.files, change.links)
        touched = displaced(before, [entry.path for entry in over]) | _under(before, change.deleted)
        return patch_between((entry for entry in entries_of(before) if entry.path in touched), over, most_bytes)


def shown(source: str) -> str:
    """A source as it may be printed: without the name and password that a URL carries."""
    return _CREDENTIALS.sub("", source)


def _over(files: Iterable[File], links: Mapping[str, str] | None) -> list[Entry]:
    over: list[Entry] = [*files, *(Link(path=path, target=target) for path, target in (links or {}).items())]
    for entry in over:
        check_path(entry.path)
    return over


def _kept(snapshot: Snapshot, over: list[Entry], deleted: Iterable[str]) -> Iterator[Entry]:
    gone = displaced(snapshot, [entry.path for entry in over]) | _under(snapshot, deleted)
    return (entry for entry in entries_of(snapshot) if entry.path not in gone)


def _under(snapshot: Snapshot, paths: Iterable[str]) -> frozenset[str]:
    """The paths of a tree that are, or lie under, one of these."""
    wanted = {path.strip("/") for path in paths}
    held = [*snapshot.index, *snapshot.links]
    return frozenset(path for path in held if path in wanted or any(f"{up}" in wanted for up in Path(path).parents))


def _require_folder(path: Path) -> None:
    if not path.is_dir():
        raise CheckoutError(f"{path} is no folder; correct the target's source path")


def _local(source: str) -> Path:
    """A local repository's path. Raises CheckoutError for what looks like a transport or an option."""
    place = source.removeprefix("file://")
    if source.startswith("-") or "::" in source or "://" in place or any(ord(sign) < _SPACE for sign in source):
        raise CheckoutError(f"{shown(source)!r} is no source; use an https, ssh or git URL, or a local path")
    if not Path(place).is_dir():
        raise CheckoutError(f"{place} is no folder; {_NEXT}")
    return Path(place)
