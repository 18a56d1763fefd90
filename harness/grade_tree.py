"""What lies in a grading sandbox: the pristine tree, the agent's work over it, the tests over both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.grade_policy import Submission, parents
from harness.grade_rules import matches
from sandbox.contract import File, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingTree:
    """The files and links of one grading sandbox. Iterating reads pristine files one at a time, and may be repeated.

    `own` are files that do not come from the pristine tree as they are; `pristine` are the paths of those that do.
    """

    snapshot: Snapshot
    pristine: tuple[str, ...] = ()
    own: Mapping[str, File] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[File]:
        """Every file, the pristine ones first, each group in order of path."""
        for path in self.pristine:
            yield self.snapshot.file(path)
        yield from (self.own[path] for path in sorted(self.own))

    def paths(self) -> frozenset[str]:
        """The paths of all files."""
        return frozenset((*self.pristine, *self.own))

    def data(self, path: str) -> bytes | None:
        """A file's content, None when there is none."""
        if path in self.own:
            return self.own[path].data
        return self.snapshot.file(path).data if path in self.pristine else None


def grading_tree(
    snapshot: Snapshot, submission: Submission, hidden: tuple[File, ...] = (), replaced: tuple[str, ...] = ()
) -> GradingTree:
    """Lay the tree out: pristine, less what was deleted, with the submission over it and the hidden tests over all.

    `replaced` are paths or folders whose pristine files make way for the hidden tests of the same place.
    """
    tests = {file.path: file for file in hidden}
    blocked = _Blocked(tests)
    kept = {file.path: file for file in submission.kept if not blocked.at(file.path)}
    links = {**snapshot.links, **submission.links}
    links = {
        path: target
        for path, target in links.items()
        if not (blocked.at(path) or path in kept or path in submission.deleted or matches(path, replaced))
    }
    gone = {*submission.deleted, *kept, *links}
    pristine = (path for path in sorted(snapshot.index) if path not in gone and not blocked.at(path))
    return GradingTree(
        snapshot=snapshot,
        pristine=tuple(path for path in pristine if not matches(path, replaced)),
        own={**kept, **tests},
        links=links,
    )


class _Blocked:
    """The places that hidden tests take: their own paths, all above that are no folders, all below."""

    def __init__(self, tests: Mapping[str, File]) -> None:
        self._paths = frozenset(tests)
        self._above = frozenset(parent for path in tests for parent in parents(path))

    def at(self, path: str) -> bool:
        """Whether a file or link at `path` would be in the way."""
        return path in self._paths or path in self._above or not self._paths.isdisjoint(parents(path))
