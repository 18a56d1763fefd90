"""The base image `splitclock/base`: found, pulled, or built from Debian packages without any image registry."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import labels
from sandbox.contract import OnLine
from sandbox.engine import Engine
from sandbox.errors import ImageError
from sandbox.host_settings import PROXIES
from sandbox.locks import locked
from sandbox.system import is_debian, run_lines

BASE = "splitclock/base"
"""Name under which targets ask for the base image."""

BASE_VERSION = "bookworm"
"""Tag of the base image of this release."""

BASE_REF = f"{BASE}:{BASE_VERSION}"

PACKAGES = ("python3", "python3-venv", "python3-pip", "git", "ca-certificates")
"""Debian packages in it beside the minimal system."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NOT_KEPT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
_KEPT = "/usr/share/doc/*/copyright"
_NEXT = "or run as root on Debian or Ubuntu, or load an image of that name with `docker load`"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """Where the base image may come from: this engine, a registry if one is named, Debian packages.

    `ref` is the name that it gets here.
    """

    engine: Engine
    cache: Path
    registry: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ref: str = BASE_REF

    def ensure(self, on_line: OnLine) -> str:
        """The base image's id; made if it is not there. Raises ImageError with the next step."""
        with locked(self.cache / "locks/base.lock"):
            return self.engine.image_id(self.ref) or self._obtain(on_line)

    def _obtain(self, on_line: OnLine) -> str:
        if self.registry:
            ref = f"{self.registry.rstrip('/')}/{BASE_REF}"
            on_line(f"pulling {ref}")
            image = self.engine.pull(ref)
            self.engine.tag(image, self.ref)
            return image
        return self.build(on_line)

    def build(self, on_line: OnLine) -> str:
        """Make the base image from Debian packages; returns its id. Takes about a minute. Raises ImageError."""
        program = _mmdebstrap(on_line)
        mode = "root" if os.getuid() == 0 else "unshare"
        on_line(f"building {self.ref} from Debian packages with mmdebstrap ({mode} mode)")
        with tempfile.TemporaryDirectory(prefix="splitclock-base-") as folder:
            tar = Path(folder) / "base.tar"
            Path(folder).chmod(0o755)  # unshare mode writes as another user
            code, last = run_lines(_argv(program, mode, tar), self._environment(), on_line)
            if code != 0:
                raise ImageError(f"mmdebstrap could not build {self.ref}: {last}; look at its lines above, {_NEXT}")
            return self.engine.import_tar(tar, self.ref, _changes())

    def _environment(self) -> dict[str, str]:
        passed = {name: self.environment[name] for name in (*PROXIES, "TMPDIR", "HOME") if self.environment.get(name)}
        return {**passed, "PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _argv(program: str, mode: str, tar: Path) -> list[str]:
    rules = [f"--dpkgopt=path-exclude={path}" for path in _NOT_KEPT] + [f"--dpkgopt=path-include={_KEPT}"]
    include = "--include=" + ",".join(PACKAGES)
    return [program, f"--mode={mode}", "--variant=minbase", include, *rules, "--format=tar", BASE_VERSION, str(tar)]


def _changes() -> list[str]:
    return [f"ENV PATH={PATH}", "ENV LANG=C.UTF-8", 'CMD ["/bin/sh"]', f"LABEL {labels.KIND}=base"]


def _mmdebstrap(on_line: OnLine) -> str:
    """Path of mmdebstrap, installed first where we may. Raises ImageError where we may not."""
    program = shutil.which("mmdebstrap", path=PATH)
    if program is None and os.getuid() == 0 and is_debian():
        on_line("installing mmdebstrap with apt-get")
        install = ["apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"]
        environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        for argv in (["apt-get", "update"], install):
            run_lines(argv, environment, on_line)
        program = shutil.which("mmdebstrap", path=PATH)
    if program is None:
        raise ImageError(
            f"there is no image {BASE_REF}; install mmdebstrap (`sudo apt-get install mmdebstrap`), {_NEXT}"
        )
    return program
