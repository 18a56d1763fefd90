"""Attacks as they lie in cases/: a folder each, with attack.toml and the files that it hands in."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.record import Verdict
from sandbox.contract import File

HERE = Path(__file__).parent
TARGET = HERE / "target"
SECOND_RUN = "second run"
RUNGS = ("honest", "R1", SECOND_RUN, "R2", "R3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One submission: what lies in its workspace at the end, and what must come of it.

    `rung` is the weakest that stops it: at R1 it gets `verdict` already, at R2 only once probed; "second run" is what
    one run of the suite takes for a pass, and a second one in another order does not; "R3" are the documented ones,
    which pass here; "honest" is no attack. `seen` says where such a thing was seen. `evidence` must stand in the grade.
    `agent` is a script that runs in the agent's sandbox.
    """

    name: str
    verdict: Verdict
    rung: str
    seen: str
    evidence: str = ""
    files: tuple[File, ...] = ()
    deleted: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""

    @property
    def verdict_at_r1(self) -> Verdict:
        """What the suite alone must say, run once."""
        return Verdict.PASS if self.rung in {SECOND_RUN, "R2"} else self.verdict


def load_attacks(folder: Path = HERE / "cases") -> tuple[Attack, ...]:
    """Every attack, the honest first, then by the rung that stops it and by name. Raises on a wrong attack.toml."""
    found = [_attack(place) for place in sorted(folder.iterdir()) if (place / "attack.toml").is_file()]
    return tuple(sorted(found, key=lambda attack: RUNGS.index(attack.rung)))


def _attack(folder: Path) -> Attack:
    fields = tomllib.loads((folder / "attack.toml").read_text("utf-8"))
    return Attack(
        name=folder.name,
        verdict=Verdict(fields.pop("verdict")),
        deleted=tuple(fields.pop("deleted", ())),
        files=_files(folder / "files"),
        **fields,
    )


def _files(root: Path) -> tuple[File, ...]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return tuple(File(path=path.relative_to(root).as_posix(), data=path.read_bytes()) for path in paths)
