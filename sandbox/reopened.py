"""A container that an earlier process of the run left alive: taken over, with a fresh executor, or removed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from sandbox.claims import Claim
from sandbox.container import DockerSandbox
from sandbox.errors import NothingToReopenError, SandboxDiedError, SandboxError, SandboxLostError
from sandbox.image_calls import Labelled
from sandbox.labels import CLAIM, DISK, MADE, is_orphaned, left_s, of_identity
from sandbox.volume import HardVolume


class ReopenedSandbox(DockerSandbox):
    """As DockerSandbox, but entering it goes on with the container that a dead process made for the same spec.

    Whoever works in a container keeps its claim, so of several processes one at most comes by it, and no reaper takes
    it away.
    """

    _held: Claim | None = None

    def __enter__(self) -> Self:
        """Find, check and take over; returns when a fresh executor has answered.

        Raises NothingToReopenError, with the container removed if there was one, and SandboxError for the engine's own.
        """
        try:
            if self._options.watch is not None:
                self._options.watch.admit()
            self._take_over()
            self._spec.on_stage("image")
            self._watch()
            self._begin()
            self._answered()
            self._spec.on_stage("checkout")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Hang up and remove the container; idempotent."""
        try:
            super().__exit__()
        finally:
            held, self._held = self._held, None
            if held is not None:
                held.drop()

    def _take_over(self) -> None:
        """Make the container that was left ours, by its claim. Raises NothingToReopenError; what is no good goes."""
        left = [(found, claim) for found in self._orphans() if (claim := _claim(found.labels)) is not None]
        why = "an earlier process left none"
        for found, claim in left:
            self._held, self._container = claim, found.id
            why = self._refusal(found) if len(left) == 1 else f"{len(left)} were left, and one at most can be the last"
            if why:
                ReopenedSandbox.__exit__(self)
        if why:
            raise NothingToReopenError(f"no sandbox to go on with: {why}")

    def _orphans(self) -> Iterator[Labelled]:
        """Containers of this identity whose maker is dead; an identity without a run is nobody's in particular."""
        labels = of_identity(self._spec.identity)
        if all(labels.values()):
            yield from (found for found in self._engine.containers(labels) if is_orphaned(found.labels))

    def _refusal(self, found: Labelled) -> str:
        """Why this container cannot be gone on with; empty when it can."""
        try:
            known = self._engine.inspect(found.id)
        except SandboxLostError:
            raise
        except SandboxDiedError:
            return "it is gone"
        self._volume = self._volume_of(known)
        state = known.get("State") or {}
        if not state.get("Running") or state.get("Paused"):
            return f"it does not run (exit code {state.get('ExitCode')})"
        if known.get("Image") != self._image.image or found.labels.get(MADE) != self._made():
            return "it was made from another image, or with other settings"
        if left_s(found.labels) < self._spec.limits.lifetime_s / 2:
            return "it ends too soon"
        return ""

    def _volume_of(self, known: Mapping[str, Any]) -> HardVolume | None:
        """The volume with a hard bound that the workspace of an inspected container lies on."""
        names = {str(mount.get("Name")) for mount in known.get("Mounts") or ()}
        for name, labels in self._engine.volumes({DISK: ""}).items():
            if name in names:
                return HardVolume(name=name, image=Path(labels[DISK]))
        return None

    def _answered(self) -> None:
        try:
            self._live_client()
        except SandboxLostError:
            raise
        except SandboxError as error:
            raise NothingToReopenError(f"no sandbox to go on with: no executor starts in it: {error}") from error


def _claim(labels: Mapping[str, str]) -> Claim | None:
    """The claim on a container; None where another process has it, or nobody can."""
    if CLAIM not in labels:
        return None
    try:
        path = Path(labels[CLAIM])
        path.parent.mkdir(parents=True, exist_ok=True)
        return Claim.take(path)
    except OSError:
        return None
