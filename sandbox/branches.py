"""A branch that holds data, in a repository of the user's: written by plumbing alone.

No work tree, index or HEAD is touched, no hook runs, nothing is sent anywhere but by `push`. It goes through the `git`
program like `plumbing`, not through GitPython, so `checkout` stays the only importer of that.
"""

import contextlib
import itertools
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

from sandbox.contract import File
from sandbox.errors import CheckoutError
from sandbox.foreign import commit_entries, find_git_dir, git_dir_of
from sandbox.history import file_line
from sandbox.locks import locked
from sandbox.plumbing import GIT_TIMEOUT_S, Repository, git_program, last_line
from sandbox.trees import check_path

_WHO = "Splitclock <splitclock@example.invalid>"
_REMOTE = "origin"
_LOCK = "splitclock.lock"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_OVERTAKEN = ("fetch first", "non-fast-forward")
_REFUSED = "[remote rejected]"


class MovedError(CheckoutError):
    """Somebody else has written the branch meanwhile: read it again, then try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataBranch:
    """One branch of one repository. Every method raises CheckoutError in one line."""

    repository: Repository
    name: str

    @classmethod
    def find(cls, place: Path, name: str) -> Self:
        """The branch `name` of the repository that covers `place`, whether or not it is there yet."""
        git_dir, top = find_git_dir(place.resolve())
        git_dir = git_dir or git_dir_of(place.resolve())  # a bare one
        if git_dir is None:
            raise CheckoutError(
                f"{place}: lies in no git repository; name one behind the branch: git:{name}@REPOSITORY"
            )
        branch = cls(repository=Repository(git_dir=git_dir, cwd=top), name=name)
        try:
            if name.startswith("-"):
                raise CheckoutError("it begins with a dash")  # noqa: TRY301 - the same to the user
            branch.repository.run("check-ref-format", branch.ref)
        except CheckoutError as error:
            raise CheckoutError(f"git:{name}: is no name for a branch; try git:splitclock-baselines") from error
        return branch

    @property
    def ref(self) -> str:
        """Its full name."""
        return f"refs/heads/{self.name}"

    def tip(self) -> str | None:
        """Its newest commit, None where it is not there: of the branch here and origin's the one that has both."""
        here, there = self._commit(self.ref), self._commit(f"refs/remotes/{_REMOTE}/{self.name}")
        if here is None or there is None or here == there:
            return here or there
        if self._holds(there, here):
            return there
        if self._holds(here, there):
            return here
        raise CheckoutError(
            f"branch {self.name} and {_REMOTE}/{self.name} have gone apart; "
            f"`git branch -f {self.name} {_REMOTE}/{self.name}` gives up what is only here"
        )

    def names(self, commit: str) -> tuple[str, ...]:
        """What lies at the top of a commit's tree, files and folders."""
        listed = self.repository.run("ls-tree", "-z", "--name-only", "--full-tree", commit)
        return tuple(sorted(raw.decode("utf-8", "surrogateescape") for raw in listed.split(b"\0") if raw))

    def commits(self, tip: str, path: str) -> tuple[str, ...]:
        """The commits that gave a path new content, the newest first: of a shallow clone those that it has."""
        listed = self.repository.run("log", "--no-show-signature", "--diff-filter=AM", "--format=%H", tip, "--", path)
        return tuple(listed.decode("ascii").split())

    def read(self, commit: str, path: str) -> bytes | None:
        """The file at a path of a commit; None where there is none."""
        with contextlib.suppress(CheckoutError):
            return self.repository.run("cat-file", "blob", f"{commit}:{path}")
        return None

    def files(self, commit: str, folder: str) -> Iterator[File]:
        """Every file of a folder in a commit, its path from there on; links and submodules are left out."""
        for entry in commit_entries(self.repository.git_dir, f"{commit}:{folder}"):
            check_path(entry.path)
            if isinstance(entry, File):
                yield entry

    def put(self, files: Iterable[File], message: str, *, instead_of: str, after: str | None, now: datetime) -> str:
        """Commit files to the branch in place of a folder of it; returns the commit.

        `after` is the tip that was read before, None for a branch that has none yet. Raises MovedError where it is no
        longer the tip.
        """
        with locked(self.repository.git_dir / _LOCK):  # two imports of the same content would meet in one pack
            self._refuse_checked_out()
            return self._put(_stream(_head(message, now, after), instead_of, files), after)

    def _put(self, stream: Iterator[bytes], after: str | None) -> str:
        making = f"refs/splitclock/making-{uuid4().hex}"
        before = self._commit(self.ref)
        if self.tip() != after:
            raise MovedError(f"branch {self.name} was written meanwhile; try again")
        try:
            self.repository.run(
                "fast-import", "--quiet", stdin=itertools.chain([f"commit {making}\n".encode()], stream)
            )
            made = self.repository.run("rev-parse", "--verify", making).decode("ascii").strip()
            self._move(made, before)
        finally:
            with contextlib.suppress(CheckoutError):
                self.repository.run("update-ref", "-d", making)
        return made

    def take_back(self, commit: str, before: str | None) -> None:
        """Undo `put`, unless somebody else has gone on from there; `before` is where the branch itself was."""
        with contextlib.suppress(CheckoutError):
            if before is None:
                self.repository.run("update-ref", "-d", self.ref, commit)
            else:
                self.repository.run("update-ref", self.ref, before, commit)

    def local(self) -> str | None:
        """The commit of the branch of this repository itself."""
        return self._commit(self.ref)

    def push(self, remote: str, environment: Mapping[str, str]) -> None:
        """Send the branch to a remote as the user's own git would, without hooks; never over what is newer there."""
        ours = {"GIT_DIR": str(self.repository.git_dir), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        argv = [
            "-c",
            "core.hooksPath=/dev/null",
            "push",
            "--quiet",
            "--no-verify",
            "--",
            remote,
            f"{self.ref}:{self.ref}",
        ]
        try:
            done = subprocess.run(
                [git_program(), *argv],
                env={**environment, **ours},
                cwd=self.repository.cwd,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=GIT_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckoutError(f"git push did not end within {GIT_TIMEOUT_S} s; look at the network") from error
        if done.returncode:
            raise CheckoutError(self._why_not_pushed(_CREDENTIALS.sub("", remote), done.stderr))

    def _why_not_pushed(self, remote: str, problems: bytes) -> str:
        said = _CREDENTIALS.sub("", problems.decode("utf-8", "replace"))
        if any(sign in said for sign in _OVERTAKEN):
            return (
                f"{remote} has a newer {self.name}, so nothing was changed; "
                f"`git fetch {remote} +{self.name}:{self.name}` takes what is there, then try again"
            )
        refused = (line.strip(" !") for line in said.splitlines() if _REFUSED in line)
        why = next(refused, None) or last_line(said.encode())
        return f"{self.name} cannot be pushed to {remote}, so nothing was changed: {why}"

    def _commit(self, ref: str) -> str | None:
        try:
            return self.repository.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").decode("ascii").strip()
        except CheckoutError:
            return None

    def _holds(self, newer: str, older: str) -> bool:
        try:
            self.repository.run("merge-base", "--is-ancestor", older, newer)
        except CheckoutError:
            return False
        return True

    def _move(self, made: str, before: str | None) -> None:
        try:
            self.repository.run("update-ref", self.ref, made, before or "")
        except CheckoutError as error:
            raise MovedError(f"branch {self.name} was written meanwhile; try again") from error

    def _refuse_checked_out(self) -> None:
        listed = self.repository.run("worktree", "list", "--porcelain").decode("utf-8", "replace")
        if f"branch {self.ref}" in listed.splitlines():
            raise CheckoutError(f"branch {self.name} is checked out in a work tree; baselines want one of their own")


def _head(message: str, now: datetime, after: str | None) -> bytes:
    text = message.encode("utf-8", "replace")
    parent = f"from {after}\n".encode() if after else b""
    return f"committer {_WHO} {int(now.timestamp())} +0000\ndata {len(text)}\n".encode() + text + b"\n" + parent


def _stream(head: bytes, instead_of: str, files: Iterable[File]) -> Iterator[bytes]:
    """One commit without its first line, in the language of `git fast-import`: a folder goes, files come."""
    yield head
    yield f'D "{instead_of}"\n'.encode()
    for file in files:
        check_path(file.path)
        yield from file_line(file)
