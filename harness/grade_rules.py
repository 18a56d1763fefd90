"""What no candidate may hand in, by path: a grade must not depend on it."""

import sys
from collections.abc import Container, Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from sandbox.contract import CACHES

_CONFIGURATION = {"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini"}
_STARTUP = {"sitecustomize", "usercustomize"}
_STARTUP_SUFFIXES = {".pth", ".egg-link"}
_BUILT_SUFFIXES = {".so", ".pyd", ".dylib", ".dll", ".pyc", ".pyo"}
_PACKAGED_SUFFIXES = (".egg-info", ".dist-info")
_GIT_ALLOWED = {
    ".gitignore",
    ".gitattributes",
    ".gitkeep",
    ".github",
    ".gitlab",
    ".gitlab-ci.yml",
    ".git-blame-ignore-revs",
}
_TEST_DEPENDENCIES = {
    *("pytest", "py", "pluggy", "iniconfig", "packaging", "exceptiongroup", "tomli", "tomllib", "pygments", "colorama"),
    *("attr", "attrs", "hypothesis", "anyio", "xdist", "execnet", "coverage", "mock", "trio", "typing_extensions"),
}
_TEST_DEPENDENCY_PREFIXES = ("_pytest", "pytest_", "_hypothesis", "splitclock_")


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern means the path: itself, a folder above it, or a wildcard that fits the whole path."""
    return any(path == one or path.startswith(f"{one}/") or fnmatchcase(path, one) for one in map(_bare, patterns))


def is_litter(path: str) -> bool:
    """Whether it is what running tools leave behind: never handed in, and nobody's attempt at anything."""
    return not CACHES.isdisjoint(path.split("/"))


def denial(path: str) -> str:
    """Why nothing of a candidate may stand at `path`; empty when it may."""
    parts = path.lower().split("/")
    by_part = next((reason for part in parts if (reason := _by_part(part))), "")
    return not_a_path(path) or _by_name(parts[-1]) or by_part


def shadow(path: str, roots: Iterable[str], taken: Container[str]) -> str:
    """Why a new module at `path` may not stand: it would be imported in place of one that the tests need; else empty.

    `roots` are the folders on the import path beside the workspace and its src, `taken` the module paths that the
    pristine tree has itself: a project may keep a module that is called as one of the standard library.
    """
    module = module_path(path)
    parent, _, name = module.rpartition("/")
    if name and module not in taken and parent in {"", "src", *roots} and _is_known(name):
        return f"shadows the module `{name}` that tests may need"
    return ""


def module_path(path: str) -> str:
    """A source file as import sees it: its path without suffix, its folder's for an `__init__.py`; "" for no module."""
    pure = PurePosixPath(path)
    if pure.suffix != ".py":
        return ""
    return pure.parent.as_posix() if pure.name == "__init__.py" else pure.with_suffix("").as_posix()


def link_denial(path: str, target: str, forbidden: Iterable[str]) -> str:
    """Why a link from `path` to `target` may not stand; empty when it may. `forbidden` are the tests' own paths."""
    if target.startswith("/"):
        return "a link to an absolute path"
    parts = PurePosixPath(target).parts
    ups = len([part for part in parts if part == ".."])
    if ".." in parts[ups:]:
        return "a link whose path turns back"
    above = path.split("/")[:-1]
    if ups > len(above):
        return "a link out of the workspace"
    end = "/".join([*above[: len(above) - ups], *parts[ups:]])
    if not end or matches(end, forbidden) or denial(end):
        return "a link to a path that may not be handed in"
    return ""


def _bare(pattern: str) -> str:
    return pattern.removeprefix("./").rstrip("/")


def not_a_path(path: str) -> str:
    """Why it is no path in the workspace, by its form alone; empty when it is one."""
    odd = path.startswith("/") or not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path
    return "not a path in the workspace" if odd else ""


def _by_name(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if name in _CONFIGURATION:
        return "configures the tests"
    if name.partition(".")[0] in _STARTUP or suffix in _STARTUP_SUFFIXES:
        return "runs when Python starts"
    return "built code, not source" if suffix in _BUILT_SUFFIXES else ""


def _by_part(part: str) -> str:
    if part.endswith(_PACKAGED_SUFFIXES):
        return "metadata of an installed package"
    if part in _STARTUP:
        return "runs when Python starts"
    return "git's own files" if part.startswith(".git") and part not in _GIT_ALLOWED else ""


def _is_known(name: str) -> bool:
    known = name in sys.stdlib_module_names or name in _TEST_DEPENDENCIES
    return known or name.startswith(_TEST_DEPENDENCY_PREFIXES)
