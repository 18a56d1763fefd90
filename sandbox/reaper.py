"""Clears away what dead processes left in the engine: by our labels only, never by name, never another's."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.claims import is_ours, ownerless
from sandbox.engine import Engine
from sandbox.labels import DISK, KIND, OWNER, RUN, owner
from sandbox.volume import HardVolume, drop_volume, reap_images_of_volumes, reap_volumes

_PROCESS_KINDS = frozenset({"sandbox", "build", "inspection"})
_IMAGE_KINDS = ("checkout", "environment", "dockerfile", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """Ids of the containers and images that were removed."""

    containers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def reap_abandoned(engine: Engine, *, keep_run: str = "", disks: Path | None = None) -> Reaped:
    """Remove containers whose owner is dead or whose deadline has passed, with their volumes. Raises SandboxError.

    `disks` is the folder in which volumes lie, where a killed process may have left one half made.

    What belongs to `keep_run` stays, for who resumes that run and may go on with it; and so does what a living process
    goes on with already.
    """
    gone = []
    for found in engine.containers({KIND: "", OWNER: ""}):
        if found.labels.get(KIND) not in _PROCESS_KINDS or (keep_run and found.labels.get(RUN) == keep_run):
            continue
        with ownerless(found.labels) as free:
            if free:
                engine.remove(found.id)
                gone.append(found.id)
    reap_volumes(engine, keep_run=keep_run)
    if disks is not None:
        reap_images_of_volumes(engine, disks)
    return Reaped(containers=tuple(gone))


def reap_own(engine: Engine) -> Reaped:
    """Remove every container of this very process, alive or not: the last thing an interrupted run does.

    What it took over from a dead process is its own too.
    """
    me = owner()
    mine = [
        found.id for found in engine.containers({OWNER: ""}) if found.labels.get(OWNER) == me or is_ours(found.labels)
    ]
    for container in mine:
        engine.remove(container)
    for name, marks in engine.volumes({OWNER: "", DISK: ""}).items():
        if marks.get(OWNER) == me or is_ours(marks):
            drop_volume(engine, HardVolume(name=name, image=Path(marks[DISK])))
    return Reaped(containers=tuple(mine))


def reap_images(engine: Engine) -> Reaped:
    """Remove all images that we made, newest layers first; those in use by a container stay. Raises SandboxError."""
    gone = []
    for kind in _IMAGE_KINDS:
        for found in engine.images({KIND: kind}):
            for name in found.names or (found.id,):
                engine.remove_image(name)
            if engine.image_id(found.id) is None:
                gone.append(found.id)
    return Reaped(images=tuple(gone))
