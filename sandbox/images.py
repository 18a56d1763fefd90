"""Environments and checkouts as images, each made once and found again by its content."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import labels
from sandbox.base_image import BASE, BASE_REF, BaseImage
from sandbox.container import BoxImage, BoxOptions, DockerSandbox, program
from sandbox.contract import (
    FLOOR_BYTES,
    BoxSpec,
    Environment,
    File,
    OnLine,
    Recipe,
    Sandbox,
    Snapshot,
    fingerprint,
    sha256,
)
from sandbox.disk import DiskWatch
from sandbox.engine import Engine
from sandbox.environments import EnvironmentBuilder, environment_key, environment_tag, refuse_leaks
from sandbox.errors import ImageError
from sandbox.export import export_archive, inventory_with
from sandbox.hardening import ContainerSpec
from sandbox.history import write_repository
from sandbox.host_settings import HostSettings, read_host_settings
from sandbox.locks import locked
from sandbox.reopened import ReopenedSandbox
from sandbox.tars import AGENT_UID, Load, pack, pack_loads
from sandbox.trees import entries_of

_SCHEMA = 1
_STAGING_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """What a provider is told: its cache folder, the host's environment variables, a registry, an OCI runtime.

    `disk_floor` is how many bytes of the engine's disk must be free for a box to start.
    """

    cache: Path
    host_environment: Mapping[str, str] = field(default_factory=dict)
    registry: str | None = None
    runtime: str | None = None
    disk_floor: int = FLOOR_BYTES


class DockerProvider:
    """Sandboxes from a Docker engine. Safe to use from several threads, and by several processes at once."""

    def __init__(self, engine: Engine, settings: DockerSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.watch = DiskWatch(engine, settings.disk_floor)
        self._locks = settings.cache / "locks"

    @property
    def kind(self) -> str:
        """The word "docker"."""
        return "docker"

    def prepare(self, recipe: Recipe, on_line: OnLine) -> Environment:
        """The recipe's environment, built if it is not there yet. Raises ImageError."""
        host = read_host_settings(self.settings.host_environment)
        base = self._base(recipe, host, on_line)
        key = environment_key(recipe, base)
        with locked(self._locks / f"environment-{key}.lock"):
            digest = self.engine.image_id(environment_tag(key))
            if digest is None:
                on_line(f"building environment {recipe.name} ({key})")
                digest = EnvironmentBuilder(engine=self.engine, settings=host).build(recipe, base, key, on_line)
            files, links = self._generated(digest, recipe.workdir)
        return Environment(key=key, digest=digest, workdir=recipe.workdir, generated=files, generated_links=links)

    def _generated(self, digest: str, workdir: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What set-up left in an environment's workspace; looked at once per image, then kept in the cache."""
        notes = self.settings.cache / "generated" / f"{digest.removeprefix('sha256:')}.json"
        if notes.is_file():
            held = json.loads(notes.read_text(encoding="utf-8"))
            return held["files"], held["links"]
        container = self.engine.create(self._unstarted(digest, workdir))
        try:
            with self.engine.archive(container, workdir) as pieces:
                files, links = inventory_with(lambda collector: export_archive(pieces, collector))
        finally:
            self.engine.remove(container)
        notes.parent.mkdir(parents=True, exist_ok=True)
        making = notes.with_suffix(f".{os.getpid()}")
        making.write_text(json.dumps({"files": dict(files), "links": dict(links)}), encoding="utf-8")
        making.replace(notes)
        return files, links

    def _unstarted(self, image: str, workdir: str) -> ContainerSpec:
        """A container that is only read from or written to, never started."""
        return ContainerSpec(
            image=image,
            user=f"{AGENT_UID}:{AGENT_UID}",
            workdir=workdir,
            command=("true",),
            labels=labels.of_process("build", _STAGING_S),
        )

    def prepare_base(self, on_line: OnLine) -> str:
        """Id of the base image, pulled or built if it is not there. Raises ImageError."""
        return BaseImage(
            engine=self.engine,
            cache=self.settings.cache,
            registry=self.settings.registry,
            environment=self.settings.host_environment,
        ).ensure(on_line)

    def _base(self, recipe: Recipe, host: HostSettings, on_line: OnLine) -> str:
        """The image that a recipe starts from: exactly the named one, never another in its place."""
        if recipe.dockerfile is not None:
            return self._from_dockerfile(recipe, recipe.dockerfile, host, on_line)
        if recipe.image is None:
            raise ImageError(f"environment {recipe.name} names neither an image nor a dockerfile; give it one of them")
        if recipe.image in {BASE, BASE_REF}:
            return self.prepare_base(on_line)
        return self.engine.image_id(recipe.image) or self._pulled(recipe.image, on_line)

    def _pulled(self, ref: str, on_line: OnLine) -> str:
        on_line(f"pulling {ref}")
        try:
            return self.engine.pull(ref)
        except ImageError as error:
            raise ImageError(
                f"image {ref} is neither here nor to be had: {error}; load it with `docker load` or name {BASE}"
            ) from error

    def _from_dockerfile(self, recipe: Recipe, dockerfile: str, host: HostSettings, on_line: OnLine) -> str:
        files = sorted((file.path, file.data) for file in recipe.inputs)
        name = sha256(dockerfile.encode(), *(part for path, data in files for part in (path.encode(), b"\0", data)))[
            :24
        ]
        tag = f"splitclock/dockerfile:{name}"
        with locked(self._locks / f"dockerfile-{name}.lock"):
            found = self.engine.image_id(tag)
            if found is not None:
                return found
            on_line(f"building {tag} from the dockerfile of {recipe.name}")
            with pack([File(path="Dockerfile", data=dockerfile.encode()), *recipe.inputs]) as context:
                marks = {labels.KIND: "dockerfile", labels.NAME: recipe.name}
                for line in self.engine.build(context, tag, labels=marks, arguments=host.proxies):
                    on_line(host.redact(line))
            refuse_leaks(self.engine, host, tag)
            return self.engine.image_id(tag) or ""

    def stage(self, environment: Environment, snapshot: Snapshot) -> None:
        """Make the image that boxes of this snapshot start from, once. Raises SandboxError."""
        self.checkout_image(environment, snapshot)

    def checkout_image(self, environment: Environment, snapshot: Snapshot) -> str:
        """Id of the environment's image with the snapshot in its workspace, as the agent's one-commit repository."""
        key = _checkout_key(environment, snapshot)
        with locked(self._locks / f"checkout-{key}.lock"):
            return self.engine.image_id(_checkout_tag(key)) or self._stage(environment, snapshot, key)

    def _stage(self, environment: Environment, snapshot: Snapshot, key: str) -> str:
        """The container never runs: the engine unpacks the tree into its layer, and the layer is kept."""
        container = self.engine.create(self._unstarted(environment.digest, environment.workdir))
        try:
            with tempfile.TemporaryDirectory(prefix="splitclock-stage-") as folder:
                git_dir = Path(folder) / "git"
                write_repository(snapshot, git_dir)
                tree = Load(entries=entries_of(snapshot), below=environment.workdir, owner=AGENT_UID, git_dir=git_dir)
                with pack_loads((Load(entries=(program(),)), tree)) as tar:
                    self.engine.put(container, "/", tar)
            kept = {labels.KIND: "checkout", labels.KEY: key, labels.OWNER: "", labels.DEADLINE: ""}
            return self.engine.commit(container, _checkout_tag(key), kept, ["ENTRYPOINT []", 'CMD ["/bin/sh"]'])
        finally:
            self.engine.remove(container)

    def open(self, spec: BoxSpec) -> Sandbox:
        """A sandbox in a container of its own, not yet entered."""
        return DockerSandbox(self.engine, spec, self._image(spec), self._options())

    def reopen(self, spec: BoxSpec) -> AbstractContextManager[Sandbox]:
        """The container that a dead process left for this spec and identity; see the contract."""
        return ReopenedSandbox(self.engine, spec, self._image(spec), self._options())

    def _image(self, spec: BoxSpec) -> BoxImage:
        """What boxes of this spec start from. Raises ImageError when it was removed."""
        staged = None
        if spec.snapshot is not None:
            staged = self.engine.image(_checkout_tag(_checkout_key(spec.environment, spec.snapshot)))
        image = staged or self.engine.image(spec.environment.digest)
        if image is None:
            raise ImageError(
                f"the image of environment {spec.environment.key} was removed; start again to build it anew"
            )
        marks = (image.get("Config") or {}).get("Labels") or {}
        return BoxImage(image=str(image["Id"]), python=str(marks.get(labels.PYTHON, "none")), has_snapshot=bool(staged))

    def _options(self) -> BoxOptions:
        cache = self.settings.cache.absolute()
        return BoxOptions(
            runtime=self.settings.runtime, watch=self.watch, disks=cache / "disks", claims=cache / "claims"
        )

    def provenance(self) -> Mapping[str, str]:
        """Versions and settings of the engine, and the OCI runtime that was asked for."""
        return {**self.engine.provenance(), "runtime": self.settings.runtime or "default"}


def _checkout_key(environment: Environment, snapshot: Snapshot) -> str:
    parts = (_SCHEMA, environment.digest, environment.workdir, snapshot.digest, fingerprint(program()))
    return sha256(" ".join(map(str, parts)).encode())[:24]


def _checkout_tag(key: str) -> str:
    return f"splitclock/checkout:{key}"
