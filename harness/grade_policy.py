"""What of an agent's workspace reaches the grading sandbox, and what is denied or put back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.features import Suite
from harness.grade_rules import denial, is_litter, link_denial, matches, module_path, shadow
from harness.pytest_sections import SHARED_FILES, with_pristine_sections
from harness.runners.pytest import CONFIGURATION, import_roots
from sandbox.contract import Export, ExportCaps, File, Snapshot

MOST_TOLD = 200
"""Paths that are named of those that were denied, and of those that were put back."""

MOST_LETTERS = 200
"""Characters of such a path, or of a line about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What counts as the agent's work, against the pristine tree; empty is the untouched tree.

    `kept` are files to lay over the pristine ones, `links` symbolic links to lay, `deleted` pristine files and links
    that are gone. `denied` are (path, reason) of what was left out: a pristine file of that path stands as it was.
    `restored` are paths of tests that were edited, added or deleted, and are put back; that is no offence.
    Both lists hold the first `MOST_TOLD`, with paths of at most `MOST_LETTERS`; `denied_count` and `restored_count` say
    how many there were. `litter` counts files that tools left behind.
    """

    kept: tuple[File, ...] = ()
    deleted: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    denied: tuple[tuple[str, str], ...] = ()
    restored: tuple[str, ...] = ()
    litter: int = 0
    denied_count: int = 0
    restored_count: int = 0

    @property
    def denied_in_all(self) -> int:
        """How many paths were denied, told or not."""
        return max(self.denied_count, len(self.denied))

    @property
    def restored_in_all(self) -> int:
        """How many test paths were put back, told or not."""
        return max(self.restored_count, len(self.restored))


@dataclass(slots=True, kw_only=True)
class _Sorting:
    """The piles, while an export is sorted onto them."""

    snapshot: Snapshot
    suite: Suite
    caps: ExportCaps
    kept: dict[str, File] = field(default_factory=dict)
    kept_bytes: int = 0
    links: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    denied: dict[str, str] = field(default_factory=dict)
    restored: set[str] = field(default_factory=set)
    litter: int = 0

    def admits(self, path: str, reason: str) -> bool:
        """Whether nothing stands against a path; if something does, it is put on its pile."""
        if is_litter(path):
            self.litter += 1
        elif matches(path, self.suite.protected):
            self.restored.add(path)
        elif reason:
            self.denied[path] = reason
        else:
            return True
        return False

    def keep(self, file: File) -> None:
        """Keep a file within the caps, its tests' sections put back if it has any."""
        reason = self._excess(len(file.data))
        data: bytes | None = file.data
        if not reason and _name(file.path) in SHARED_FILES:
            data = with_pristine_sections(_name(file.path), file.data, self._pristine(file.path))
            reason = _about_sections(file.data, data)
        if reason:
            self.denied[file.path] = reason
        if data is not None and not self._excess(len(file.data)):
            self.kept[file.path] = File(path=file.path, data=data, executable=file.executable)
            self.kept_bytes += len(data)

    def keep_link(self, path: str, target: str) -> None:
        """Keep a link: it counts as a file, and its target as content."""
        size = len(target.encode("utf-8", "surrogateescape"))
        long = f"a link to a target longer than {self.caps.target_bytes} bytes"
        reason = long if size > self.caps.target_bytes else self._excess(size)
        if reason:
            self.denied[path] = reason
            return
        self.links[path] = target
        self.kept_bytes += size

    def untangle(self) -> None:
        """Nothing of the agent's may stand above or below a pristine file that was put back."""
        changed = self.deleted | self.kept.keys() | self.links.keys()
        standing = {*self.snapshot.index, *self.snapshot.links} - changed
        above = {parent for path in standing for parent in parents(path)}
        for path in [*self.kept, *self.links]:
            if path in above or not standing.isdisjoint(parents(path)):
                self.denied[path] = "stands in the way of a file that was put back"
                self.kept.pop(path, None)
                self.links.pop(path, None)

    def submission(self) -> Submission:
        """The piles as a value, in order of path."""
        return Submission(
            kept=tuple(self.kept[path] for path in sorted(self.kept)),
            deleted=tuple(sorted(self.deleted)),
            links=dict(sorted(self.links.items())),
            denied=tuple((shortened(path), self.denied[path]) for path in sorted(self.denied)[:MOST_TOLD]),
            restored=tuple(shortened(path) for path in sorted(self.restored)[:MOST_TOLD]),
            litter=self.litter,
            denied_count=len(self.denied),
            restored_count=len(self.restored),
        )

    def _pristine(self, path: str) -> bytes | None:
        return self.snapshot.file(path).data if path in self.snapshot.index else None

    def _excess(self, size: int) -> str:
        if size > self.caps.file_bytes:
            return f"larger than {self.caps.file_bytes} bytes"
        if self.kept_bytes + size > self.caps.kept_bytes:
            return f"beyond {self.caps.kept_bytes} bytes in all"
        is_full = len(self.kept) + len(self.links) >= self.caps.kept_files
        return f"beyond {self.caps.kept_files} files in all" if is_full else ""


def shortened(text: str, most: int = MOST_LETTERS) -> str:
    """A text of at most `most` characters, "…" where it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def parents(path: str) -> Iterator[str]:
    """The folders above a path, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _about_sections(data: bytes, merged: bytes | None) -> str:
    if merged is None:
        return "configures the tests, or cannot be read: put back whole"
    return "" if merged == data else "configures the tests: that section is put back, the rest is kept"


def submission(snapshot: Snapshot, export: Export, suite: Suite, caps: ExportCaps | None = None) -> Submission:
    """Sort what an agent's workspace holds against the pristine `snapshot`.

    Reads the snapshot's few configuration files and nothing else. `caps` bound the bytes of a file, of all kept
    files, and their number.
    """
    piles = _Sorting(snapshot=snapshot, suite=suite, caps=caps or ExportCaps())
    roots, taken = _roots(snapshot), {module_path(path) for path in snapshot.index}
    for path, reason in export.skipped.items():
        piles.admits(path, reason or "cannot be exported")
    for file in sorted(export.files, key=lambda file: (file.path not in snapshot.index, file.path)):
        if piles.admits(file.path, denial(file.path) or shadow(file.path, roots, taken)):
            piles.keep(file)
    for path, target in _changed_links(snapshot, export):
        reason = denial(path) or shadow(path, roots, taken) or link_denial(path, target, suite.protected)
        if piles.admits(path, reason):
            piles.keep_link(path, target)
    for path in sorted({*snapshot.index, *snapshot.links} - export.paths - export.links.keys() - export.skipped.keys()):
        if piles.admits(path, denial(path)):
            piles.deleted.add(path)
    piles.untangle()
    return piles.submission()


def _changed_links(snapshot: Snapshot, export: Export) -> list[tuple[str, str]]:
    """Links that the pristine tree has not so; those of its own places first, as they are never crowded out."""
    changed = export.links.items() - snapshot.links.items()
    return sorted(changed, key=lambda link: (link[0] not in snapshot.links, link[0]))


def _roots(snapshot: Snapshot) -> tuple[str, ...]:
    return import_roots({name: snapshot.file(name).data for name in CONFIGURATION if name in snapshot.index})
