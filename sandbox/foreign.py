"""Repositories that somebody else made, read as data: their objects and their index, never their configuration."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sandbox.contract import File
from sandbox.errors import CheckoutError
from sandbox.plumbing import Repository, borrow_objects, scratch_repository
from sandbox.trees import Entry, Link

_SHA256 = re.compile(r"^\s*objectformat\s*=\s*sha256\s*$", re.MULTILINE)


def find_git_dir(path: Path) -> tuple[Path | None, Path]:
    """The git folder that covers `path`, and the top of its work tree; (None, path) outside of any."""
    for top in (path, *path.parents):
        git_dir = git_dir_of(top)
        if git_dir is not None and git_dir != top:
            return git_dir, top
    return None, path


def git_dir_of(top: Path) -> Path | None:
    """The git folder of a clone, a linked work tree or a bare repository at exactly `top`; None when it is neither."""
    place = top / ".git"
    if place.is_file():
        pointer = place.read_text(encoding="utf-8", errors="surrogateescape").strip()
        place = (top / pointer.removeprefix("gitdir: ")).resolve()
    if _looks_like_git(place):
        return place
    return top if _looks_like_git(top) else None


def _looks_like_git(place: Path) -> bool:
    return (place / "HEAD").is_file() and ((place / "objects").is_dir() or (place / "commondir").is_file())


def objects_of(git_dir: Path) -> Path:
    """The folder that holds a repository's objects; a linked work tree borrows its main one's."""
    return _common_dir(git_dir) / "objects"


def _common_dir(git_dir: Path) -> Path:
    common = git_dir / "commondir"
    if not common.is_file():
        return git_dir
    return (git_dir / common.read_text(encoding="utf-8", errors="surrogateescape").strip()).resolve()


def object_format_of(git_dir: Path) -> str:
    """The hash that names a repository's objects: its configuration is searched for the word, not obeyed."""
    config = _common_dir(git_dir) / "config"
    text = config.read_text(encoding="utf-8", errors="replace").lower() if config.is_file() else ""
    return "sha256" if _SHA256.search(text) else "sha1"


def listed_files(git_dir: Path, top: Path, path: Path) -> tuple[str, ...]:
    """What git tracks, or would track, under `path`: paths relative to it. Raises CheckoutError."""
    with scratch_repository(object_format_of(git_dir)) as ours:
        borrow_objects(ours, objects_of(git_dir))
        for index in (git_dir / "index", *git_dir.glob("sharedindex.*")):
            if index.is_file():
                shutil.copyfile(index, ours / index.name)
        exclude = git_dir / "info/exclude"
        if exclude.is_file():
            (ours / "info").mkdir()
            shutil.copyfile(exclude, ours / "info/exclude")
        repository = Repository(git_dir=ours, work_tree=top, cwd=path)
        listed = repository.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    names = sorted({_text(raw) for raw in listed.split(b"\0") if raw})
    return tuple(name for name in names if not name.endswith("/"))  # a repository inside: none of our business


def has_commit(git_dir: Path, commit: str) -> bool:
    """Whether a repository of ours reaches this commit."""
    try:
        return Repository(git_dir=git_dir).run("cat-file", "-t", commit).strip() == b"commit"
    except CheckoutError:
        return False


def commit_entries(git_dir: Path, commit: str) -> Iterator[Entry]:
    """Every file and link of a commit (or tree), byte for byte as stored: no filter or export rule applies."""
    repository = Repository(git_dir=git_dir)
    listed = repository.run("ls-tree", "-r", "-z", "--full-tree", commit)
    rows = [_row(raw) for raw in listed.split(b"\0") if raw]
    blobs = [row for row in rows if row[1] == "blob"]  # the rest are submodules
    with repository.stream("cat-file", "--batch", stdin=(f"{name}\n".encode() for _, _, name, _ in blobs)) as output:
        for mode, _, name, path in blobs:
            yield _entry(mode, path, _next_object(output, name))


def _row(raw: bytes) -> tuple[str, str, str, str]:
    head, _, path = raw.partition(b"\t")
    mode, kind, name = head.decode("ascii").split(" ")
    return mode, kind, name, _text(path)


def _entry(mode: str, path: str, data: bytes) -> Entry:
    if mode == "120000":
        return Link(path=path, target=_text(data))
    return File(path=path, data=data, executable=mode == "100755")


def _next_object(output: IO[bytes], name: str) -> bytes:
    head = output.readline().split()
    if len(head) != 3 or head[0].decode("ascii") != name:  # noqa: PLR2004 - name, type, size
        raise CheckoutError(f"the repository lacks object {name}; fetch it completely and try again")
    data = output.read(int(head[2]))
    output.read(1)
    return data


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def local_objects(place: Path, commit: str, object_format: str) -> Iterator[Path]:
    """A repository folder of ours that reads another one's objects. Raises CheckoutError without the commit."""
    git_dir = git_dir_of(place.resolve())
    if git_dir is None:
        raise CheckoutError(f"{place} is no git repository; name a clone, or a git URL")
    with scratch_repository(object_format) as ours:
        borrow_objects(ours, objects_of(git_dir))
        if not has_commit(ours, commit):
            raise CheckoutError(f"{place} has no commit {commit}; run `git -C {place} fetch --all` and try again")
        yield ours
