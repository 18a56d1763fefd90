"""Which store is meant, and which folder a baseline is in it: what `gate` and `baseline` ask."""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.baselines.branch_store import BranchStore
from harness.baselines.contract import Store, Version
from harness.baselines.folder_store import FolderStore
from harness.baselines.note import baseline_name
from harness.config import Settings, environment_without_keys, settings
from harness.edge import user_path
from harness.errors import ConfigError
from harness.run_folder import RunFolder
from harness.untrusted import one_line
from sandbox.branches import DataBranch
from sandbox.errors import CheckoutError

GIT = "git:"
"""How a store in a git branch begins: git:BRANCH, or git:BRANCH@REPOSITORY for one that does not lie here."""

_MOST = 80


def open_store(text: str | None, *, push: str = "", found: Settings | None = None) -> Store:
    """The store that --store names, else SPLITCLOCK_BASELINES. A branch is pushed to remote `push` when it is written.

    Raises ConfigError, with the next step, where none is named or it cannot be one.
    """
    known = found or settings()
    where = text or known.baselines
    if where is None:
        raise ConfigError(
            "which baselines? Give --store FOLDER or --store git:BRANCH, or set SPLITCLOCK_BASELINES to one of them"
        )
    if where.startswith(GIT):
        return _branch_store(where.removeprefix(GIT), known, push)
    if push:
        raise ConfigError(f"--push {one_line(push, _MOST)}: is for a store in a git branch, and {where} is a folder")
    return FolderStore(root=user_path(where).absolute())


def baseline_folder(text: str, store: str | None = None) -> Path:
    """The folder that a baseline names: the path of a run, or of a folder that holds some, or a name in a store.

    A path goes before a name, which may be NAME@VERSION. What comes from a store has been found to be what was written.
    Raises ConfigError for what is neither, InfraError for one that is damaged.
    """
    path = user_path(text)
    if _holds_runs(path) or "/" in text or path.is_absolute():
        return path  # where no run lies there, whoever reads it says so
    if store is None and settings().baselines is None:
        raise ConfigError(
            f"{one_line(text, _MOST)}: no run lies here, and no baselines are named to look in; give a run folder, or "
            "--store FOLDER or git:BRANCH (or SPLITCLOCK_BASELINES)"
        )
    opened = open_store(store)
    return opened.folder(version_of(text, opened))


def _holds_runs(path: Path) -> bool:
    if RunFolder(root=path).journal.is_file():
        return True
    return path.is_dir() and any(RunFolder(root=inside).journal.is_file() for inside in path.iterdir())


def version_of(text: str, store: Store) -> Version:
    """The version that NAME or NAME@VERSION means. Raises ConfigError, with what there is."""
    name, _, mark = text.partition("@")
    versions = store.versions(baseline_name(name))
    if not versions:
        there = ", ".join(store.names()) or "none yet"
        raise ConfigError(
            f"{name}: no baseline of that name in {store.where} (there: {there}); "
            f"`splitclock baseline set RUN --as {name}` with the same --store makes it"
        )
    found = [one for one in versions if not mark or one.mark == mark or (len(mark) > 3 and one.key.startswith(mark))]  # noqa: PLR2004 - as short as a commit is written
    if not found:
        raise ConfigError(f"{one_line(text, _MOST)}: no such version; `splitclock baseline show {name}` lists them")
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """Sends a branch to a remote as the user's git does, without the keys of providers."""

    remote: str

    def __call__(self, branch: DataBranch) -> None:
        branch.push(self.remote, environment_without_keys(()))


def _branch_store(text: str, known: Settings, push: str) -> Store:
    name, _, repository = text.partition("@")
    try:
        branch = DataBranch.find(user_path(repository or "."), name)
    except CheckoutError as error:
        raise ConfigError(str(error)) from error
    store = BranchStore(branch=branch, cache=known.cache / "baselines")
    return replace(store, send=_Push(remote=push)) if push else store
