"""From a recipe to an environment image: base, agent user, Python, inputs, set-up lines, clean-up, commit."""

import json
from dataclasses import dataclass

from sandbox import labels
from sandbox.build import BuildContainer, Step
from sandbox.contract import OnLine, Recipe, fingerprint, sha256
from sandbox.engine import Engine
from sandbox.errors import ImageError
from sandbox.host_settings import CA_PLACE, HostSettings
from sandbox.tars import AGENT_UID

PREFIX = "/opt/environment"
"""Folder outside the workspace for what set-up lines install; $SPLITCLOCK_PREFIX."""

HOME = "/home/agent"
"""The agent's home folder."""

_SCHEMA = 2
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LAY_OUT = f"""
set -e
id={AGENT_UID}
grep -q "^[^:]*:[^:]*:$id:" /etc/group || echo "agent:x:$id:" >> /etc/group
grep -q "^[^:]*:[^:]*:$id:" /etc/passwd || echo "agent:x:$id:$id:Agent:{HOME}:/bin/sh" >> /etc/passwd
mkdir -p {HOME} {PREFIX} "$1"
"""

_FIND_PYTHON = """
for name in python3 python; do
  if "$name" -c 'import sys, json, subprocess; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    command -v "$name"
    exit 0
  fi
done
exit 1
"""

_INSTALL_PYTHON = """
set -e
if command -v apt-get; then
  apt-get update
  apt-get install -y --no-install-recommends python3-minimal libpython3-stdlib
  rm -rf /var/lib/apt/lists/*
elif command -v apk; then apk add --no-cache python3
elif command -v microdnf; then microdnf install -y python3
elif command -v dnf; then dnf install -y python3
else exit 9
fi
"""

_TAKE_INPUTS_AWAY = """
cd "$1" || exit 1
shift
for path in "$@"; do rm -f -- "$path"; done
for path in "$@"; do
  while case $path in */*) ;; *) false ;; esac; do
    path=${path%/*}
    rmdir -- "$path" 2>/dev/null || break
  done
done
exit 0
"""

_HAND_OVER = f"""
set -e
rm -f {CA_PLACE}
chown -Rh {AGENT_UID}:{AGENT_UID} "$1" {PREFIX} {HOME}
"""

_GREP_CODES = frozenset({0, 1, 2})  # 2: some file could not be read, which says nothing of the others
_LOOK_FOR_SECRETS = 'grep -rlF -f - -- "$@" 2>/dev/null'


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentBuilder:
    """Builds environment images in one engine with the settings of this host."""

    engine: Engine
    settings: HostSettings

    def build(self, recipe: Recipe, base: str, key: str, on_line: OnLine) -> str:
        """Id of the image of the recipe's environment on a base image.

        Raises ImageError with the failing line and its last output.
        """
        with BuildContainer(self.engine, base, self.settings, on_line) as container:
            container.must(_LAY_OUT, recipe.workdir, doing="lay out the workspace")
            python = self._python(container, on_line)
            container.put(recipe.inputs, recipe.workdir)
            if self.settings.ca_bundle is not None:
                container.must(
                    f"cat > {CA_PLACE}", doing="trust this host's certificates", stdin=self.settings.ca_bundle
                )
            for line in recipe.setup:
                self._set_up(container, recipe, line)
            self._clean(container, recipe)
            tag = environment_tag(key)
            kept = {labels.KIND: "environment", labels.NAME: recipe.name, labels.KEY: key, labels.PYTHON: python}
            digest = container.commit(tag, kept, self._changes(recipe, base))
        refuse_leaks(self.engine, self.settings, tag)
        return digest

    def _python(self, container: BuildContainer, on_line: OnLine) -> str:
        """Where the image's Python is, installed if a package manager can; "none" if there is none to be had."""
        found = container.shell(_FIND_PYTHON)
        if found.exit_code != 0:
            on_line("the image has no Python 3.8 or newer for the executor: installing one")
            env = {**self.settings.env, **self.settings.proxies}
            installed = container.run(Step(argv=("sh", "-c", _INSTALL_PYTHON), env=env))
            if installed.exit_code == 0:
                found = container.shell(_FIND_PYTHON)
        if found.exit_code != 0 or not found.lines:
            on_line("no Python could be installed: commands will take the slower way")
            return "none"
        return found.lines[-1]

    def _set_up(self, container: BuildContainer, recipe: Recipe, line: str) -> None:
        env = {
            **self.settings.env,
            **self.settings.proxies,
            "HOME": "/root",
            "SPLITCLOCK_PREFIX": PREFIX,
            "PATH": self._path(recipe, container.image),
        }
        result = container.run(Step(argv=("sh", "-ec", line), workdir=recipe.workdir, env=env))
        if result.exit_code != 0:
            ended = "the build container died" if result.exit_code is None else f"exit {result.exit_code}"
            said = "\n".join(result.lines) or "it printed nothing"
            raise ImageError(f"environment {recipe.name}: set-up line `{line}` failed ({ended}):\n{said}")

    def _clean(self, container: BuildContainer, recipe: Recipe) -> None:
        """Inputs and certificates go, the agent gets the rest; what the host keeps secret must not have stayed."""
        container.shell(_TAKE_INPUTS_AWAY, recipe.workdir, *(file.path for file in recipe.inputs))
        container.must(_HAND_OVER, recipe.workdir, doing="hand the workspace to the agent")
        if not self.settings.secrets:
            return
        places = (recipe.workdir, PREFIX, HOME, "/root", "/etc", "/tmp", "/var/log", "/usr/local")  # noqa: S108 - inside
        pattern = "\n".join(self.settings.secrets).encode()
        found = container.run(Step(argv=("sh", "-c", _LOOK_FOR_SECRETS, "sh", *places), stdin=pattern), _ignore)
        if found.exit_code not in _GREP_CODES:
            raise ImageError(f"environment {recipe.name}: its image has no grep to look for passwords with; install it")
        if found.lines:
            files = ", ".join(found.lines)
            raise ImageError(
                f"environment {recipe.name}: set-up wrote a password of this host's package index to {files}"
            )

    def _changes(self, recipe: Recipe, base: str) -> list[str]:
        path = self._path(recipe, base).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        return [
            f'ENV PATH="{path}" HOME="{HOME}" SPLITCLOCK_PREFIX="{PREFIX}"',
            f"WORKDIR {recipe.workdir}",
            f"USER {AGENT_UID}:{AGENT_UID}",
            "ENTRYPOINT []",
            'CMD ["/bin/sh"]',
        ]  # fmt: skip

    def _path(self, recipe: Recipe, image: str) -> str:
        config = (self.engine.image(image) or {}).get("Config") or {}
        own = [value for name, _, value in (item.partition("=") for item in config.get("Env") or ()) if name == "PATH"]
        return ":".join([*(expand(folder) for folder in recipe.path), own[0] if own else _PATH])


def refuse_leaks(engine: Engine, settings: HostSettings, tag: str) -> None:
    """Look at an image as a stranger would: configuration, labels, history. A telling one goes, with an ImageError."""
    text = json.dumps(dict(engine.image(tag) or {})) + engine.image_history(tag)
    if any(secret in text for secret in settings.secrets):
        engine.remove_image(tag)
        raise ImageError(f"image {tag} would show a password of this host's proxy or package index; it was removed")


def expand(folder: str) -> str:
    """A folder of a recipe's path as it is inside."""
    return folder.replace("${SPLITCLOCK_PREFIX}", PREFIX).replace("$SPLITCLOCK_PREFIX", PREFIX)


def environment_tag(key: str) -> str:
    """Name of an environment's image."""
    return f"splitclock/environment:{key}"


def environment_key(recipe: Recipe, base: str) -> str:
    """Name of a recipe's content on a base image: the same recipe is built once, a changed one anew."""
    content = {
        "schema": _SCHEMA,
        "base": base,
        "setup": recipe.setup,
        "inputs": sorted((file.path, fingerprint(file)) for file in recipe.inputs),
        "path": recipe.path,
        "workdir": recipe.workdir,
    }
    return sha256(json.dumps(content, sort_keys=True).encode())[:24]


def _ignore(_line: str) -> None:
    """File names only; they go into the error."""
