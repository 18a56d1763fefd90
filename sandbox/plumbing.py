"""The `git` program with nothing of the outside: our own repository folder, environment and configuration.

No command here ever reads the configuration, hooks or attributes of a repository that somebody else made: git runs in
a folder written by us, which borrows the other's objects (or a copy of its index) as plain data.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.errors import CheckoutError

GIT_TIMEOUT_S = 900
"""Seconds that one git command may take."""

PROTOCOLS = "https:http:ssh:git"
"""Transports that may carry a target's source. `ext` runs programs; local folders are read without any transport."""

PASSED = (
    "HOME", "SSH_AUTH_SOCK", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
"""Names of the host's environment variables that reach git: how to get through to a server, nothing else."""

_SAFE = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false", "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null", "core.autocrlf=false", "core.pager=cat", "credential.helper=", "gc.auto=0",
    "maintenance.auto=false",
    "core.logAllRefUpdates=false", "protocol.ext.allow=never", "protocol.fd.allow=never", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "fastimport.unpackLimit=0", "safe.directory=*",
)  # fmt: skip

CONFIG = tuple(part for setting in _SAFE for part in ("-c", setting))
"""Arguments before git's verb: hooks, monitors, helpers and background work are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository folder of ours, with the folder that git shall take for its work tree."""

    git_dir: Path
    work_tree: Path | None = None
    cwd: Path | None = None

    def run(self, *argv: str, stdin: Iterable[bytes] = ()) -> bytes:
        """Standard output of one git command. Raises CheckoutError with git's own last line."""
        with self.stream(*argv, stdin=stdin) as output:
            return output.read()

    @contextlib.contextmanager
    def stream(self, *argv: str, stdin: Iterable[bytes] = ()) -> Iterator[IO[bytes]]:
        """Standard output of one git command as a file on disk, so that its size does not matter."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as problems:
            process = subprocess.Popen(
                [git_program(), *CONFIG, *argv],
                cwd=self.cwd or self.work_tree or self.git_dir,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=problems,
            )
            code = _feed(process, stdin)
            output.seek(0)
            problems.seek(0)
            if code != 0:
                raise CheckoutError(f"git {argv[0]}: {last_line(problems.read())}")
            yield output

    def _environment(self) -> dict[str, str]:
        environment = {**isolated(), "PATH": os.defpath, "GIT_DIR": str(self.git_dir)}
        if self.work_tree is not None:
            environment["GIT_WORK_TREE"] = str(self.work_tree)
        return environment


def _feed(process: "subprocess.Popen[bytes]", stdin: Iterable[bytes]) -> int:
    """Give a process its input and wait for it; returns its exit code. It does not outlive this call."""
    assert process.stdin is not None  # noqa: S101 - it was opened with PIPE
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            for piece in stdin:
                process.stdin.write(piece)
        return process.wait(GIT_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise CheckoutError(f"git did not end within {GIT_TIMEOUT_S} s") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def isolated() -> dict[str, str]:
    """Environment in which git reads no configuration of system or user, asks nobody and keeps to our transports."""
    return {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "0",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "LC_ALL": "C",
    }


def git_program() -> str:
    """Path of the git program. Raises CheckoutError when there is none."""
    program = shutil.which("git")
    if program is None:
        raise CheckoutError("git is not installed; install it (`apt-get install git`) and try again")
    return program


def last_line(problems: bytes) -> str:
    """The line in which git says what is wrong."""
    lines = [line.strip() for line in problems.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or ["no reason given"])[-1][:500]


def make_repository(git_dir: Path, object_format: str = "sha1") -> None:
    """Write an empty repository folder by hand: no template, no hooks, one branch called main."""
    for folder in ("objects/info", "objects/pack", "refs/heads"):
        (git_dir / folder).mkdir(parents=True, exist_ok=True)
    extension = "" if object_format == "sha1" else f"[extensions]\n\tobjectformat = {object_format}\n"
    version = 0 if object_format == "sha1" else 1
    config = f"[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n{extension}"
    (git_dir / "config").write_text(config, encoding="utf-8")
    (git_dir / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")


@contextlib.contextmanager
def scratch_repository(object_format: str = "sha1") -> Iterator[Path]:
    """An empty repository folder of ours, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="splitclock-git-") as folder:
        git_dir = Path(folder) / "repository"
        make_repository(git_dir, object_format)
        yield git_dir


def borrow_objects(git_dir: Path, objects: Path) -> None:
    """Let a repository of ours read another one's objects, and nothing else of it."""
    (git_dir / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")


def passed_through(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the host's environment git gets to see when it talks to a server."""
    return {name: environment[name] for name in PASSED if environment.get(name)}
