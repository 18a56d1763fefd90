"""Where local sandboxes come from: environments that set-up lines build in a cache folder, on this machine itself."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from sandbox.contract import BoxSpec, Environment, OnLine, Recipe, Sandbox, Snapshot, fingerprint, sha256
from sandbox.errors import ImageError, NoNetworkError, NothingToReopenError
from sandbox.export import export_folder, inventory_with
from sandbox.local_box import LocalSandbox, lay_over, remove_tree
from sandbox.locks import locked

__all__ = ["LocalProvider", "LocalSandbox"]

PREFIX = "SPLITCLOCK_PREFIX"
SETUP_TIMEOUT_S = 1800
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle")


class LocalProvider:
    """Unisolated sandboxes on this machine; what set-up installs is kept in `cache`, by the recipe's content.

    `environment` are the caller's environment variables: PATH is taken from them, and for set-up alone what leads to
    the network (proxies, pip's settings). Nothing else of them reaches a command.
    """

    def __init__(self, cache: Path, environment: Mapping[str, str] | None = None) -> None:
        self._cache = cache.resolve() / "environments"
        self._outside = environment or {}

    @property
    def kind(self) -> str:
        """The word "local"."""
        return "local"

    def prepare(self, recipe: Recipe, on_line: OnLine) -> Environment:
        """The recipe's environment, built if it is not there yet. Raises ImageError."""
        _refuse_foreign(recipe)
        key = _key(recipe)
        folder = self._cache / key
        with locked(self._cache / f"{key}.lock"):
            if not (folder / "path.json").is_file():
                remove_tree(folder)
                self._build(recipe, folder, on_line)
        files, links = self._generated(folder)
        return Environment(key=key, digest=key, workdir=recipe.workdir, generated=files, generated_links=links)

    def _generated(self, folder: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What set-up left in the workspace of an environment."""
        left = folder / "generated"
        return inventory_with(lambda collector: export_folder(left, collector)) if left.is_dir() else ({}, {})

    def _build(self, recipe: Recipe, folder: Path, on_line: OnLine) -> None:
        """Run the set-up where only the inputs lie; `path.json` is written last and says that all is there."""
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="splitclock-setup-") as scratch:
            workdir, home = Path(scratch) / "workspace", Path(scratch) / "home"
            workdir.mkdir()
            home.mkdir()
            lay_over(workdir, recipe.inputs, {})
            env = {**self._base(), **self._network(), "HOME": str(home), PREFIX: str(folder / "prefix")}
            for line in recipe.setup:
                on_line(f"$ {line}")
                _run_line(recipe.name, line, workdir, env, on_line)
            for file in recipe.inputs:
                (workdir / file.path).unlink(missing_ok=True)
            if any(place.is_file() for place in workdir.rglob("*")):
                shutil.copytree(workdir, folder / "generated", symlinks=True)
        path = [entry.replace(f"${PREFIX}", str(folder / "prefix")) for entry in recipe.path]
        (folder / "path.json").write_text(json.dumps(path), encoding="utf-8")

    def _base(self) -> dict[str, str]:
        return {"PATH": self._outside.get("PATH", _USUAL_PATH), "LANG": "C.UTF-8", "TERM": "dumb"}

    def _network(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self._outside.items()
            if name.lower() in _NETWORK or name.startswith("PIP_") or name == "UV_INDEX_URL"
        }

    def stage(self, environment: Environment, snapshot: Snapshot) -> None:
        """Nothing to make: the snapshot is copied from its folder."""

    def open(self, spec: BoxSpec) -> Sandbox:
        """A sandbox, not yet entered. Raises ImageError when its environment is not in the cache, NoNetworkError."""
        if spec.joins:
            raise NoNetworkError("a local sandbox cannot join the network of another; use Docker")
        folder = self._cache / spec.environment.digest
        try:
            path = json.loads((folder / "path.json").read_text(encoding="utf-8"))
        except OSError:
            raise ImageError(f"environment {spec.environment.key[:12]} is not in the cache; prepare it first") from None
        base = self._base()
        env = {**base, "PATH": ":".join([*path, base["PATH"]])}
        return LocalSandbox(spec, generated=folder / "generated", env=env)

    def reopen(self, spec: BoxSpec) -> NoReturn:
        """Raises NothingToReopenError: what a dead process left here is a folder that nobody watched over."""
        raise NothingToReopenError(f"no sandbox to go on with: none on this machine itself, {spec.identity.trial}")

    def provenance(self) -> Mapping[str, str]:
        """What commands run on here."""
        return {
            "engine": "none (local, unisolated)",
            "kernel": platform.release(),
            "os": platform.platform(),
            "architecture": platform.machine(),
            "cpus": str(os.cpu_count() or ""),
            "python": platform.python_version(),
        }


def _refuse_foreign(recipe: Recipe) -> None:
    if recipe.dockerfile is not None:
        raise ImageError(f"environment `{recipe.name}` has a Dockerfile and can only be built in Docker")
    if recipe.setup and not any(PREFIX in line for line in recipe.setup):
        raise ImageError(
            f"environment `{recipe.name}` can only be built in Docker: its setup installs outside ${PREFIX}"
        )


def _key(recipe: Recipe) -> str:
    inputs = sorted((file.path, fingerprint(file)) for file in recipe.inputs)
    parts = [recipe.image, recipe.setup, inputs, recipe.path, sys.version, sys.executable]
    return sha256(json.dumps(parts).encode())


def _run_line(name: str, line: str, workdir: Path, env: Mapping[str, str], on_line: OnLine) -> None:
    """One line of set-up through the shell. Raises ImageError with its last words."""
    last: deque[str] = deque(maxlen=3)
    with _started(["sh", "-ec", line], workdir, env) as process:
        assert process.stdout is not None  # noqa: S101 (it was opened with PIPE)
        for raw in process.stdout:
            text = raw.decode("utf-8", "replace").rstrip()
            last.append(text)
            on_line(text)
        code = process.wait()
    if code != 0:
        raise ImageError(f"set-up of `{name}` failed with exit code {code}: {line}: {' / '.join(last)[:500]}")


@contextlib.contextmanager
def _started(argv: list[str], cwd: Path, env: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that lives no longer than this block, nor than the time that set-up may take."""
    with subprocess.Popen(
        argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        watch = threading.Timer(SETUP_TIMEOUT_S, process.kill)
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            process.kill()
