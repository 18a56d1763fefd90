"""Tiny targets, features, scripts and matrices, written by the tests for themselves."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.turns import ScriptedCall, Turn, dump_turns

Tree = Mapping[str, str]
"""Texts by path."""

ADD = "def add(a, b):\n    return a + b\n"
DOUBLE = ADD + "\n\ndef double(a):\n    return 2 * a\n"
WRONG = ADD + "\n\ndef double(a):\n    return a\n"
APPLICATION: Tree = {
    "calc.py": ADD,
    "tests/test_add.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}
HIDDEN: Tree = {"tests/test_double.py": "from calc import double\n\n\ndef test_double():\n    assert double(2) == 4\n"}
PATCH = """--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,6 @@
 def add(a, b):
     return a + b
+
+
+def double(a):
+    return 2 * a
"""
MANIFEST = {
    "schema": 1,
    "fail_to_pass": ["tests/test_double.py::test_double"],
    "pass_to_pass": ["tests/test_add.py::test_add"],
}
SETUP = ("python3 -m venv $SPLITCLOCK_PREFIX", "$SPLITCLOCK_PREFIX/bin/pip install --no-cache-dir pytest==9.0.1")
"""In Docker: a pytest of the target's own."""


def say(content: str = "", *calls: ScriptedCall) -> Turn:
    """A turn of a scripted model."""
    return Turn(content=content, tool_calls=calls)


def shell(command: str, timeout_s: int | None = None) -> ScriptedCall:
    """A call of the tool `shell`."""
    patience = {} if timeout_s is None else {"timeout_s": timeout_s}
    return ScriptedCall(name="shell", arguments={"command": command, **patience})


def edit(path: str, old: str, new: str) -> ScriptedCall:
    """A call of the tool `edit`."""
    return ScriptedCall(name="edit", arguments={"path": path, "old": old, "new": new})


FINISH = say("", ScriptedCall(name="finish", arguments={"summary": "Done."}))
SOLVE = say("I add the function.", edit("calc.py", ADD, DOUBLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFiles:
    """What a feature's folder holds; `fields` are further lines of feature.toml."""

    name: str = "double"
    hidden: Tree = field(default_factory=lambda: HIDDEN)
    patch: str | None = PATCH
    manifest: Mapping[str, object] | None = field(default_factory=lambda: MANIFEST)
    turns: Mapping[str, Iterable[Turn]] = field(default_factory=dict)
    fields: str = ""

    def write(self, target: Path) -> Path:
        """Put it below the target; returns its folder."""
        folder = target / "features" / self.name
        texts = {
            "feature.toml": f'schema = 1\nname = "{self.name}"\n{self.fields}',
            "brief.md": f"Add the function `{self.name}` to calc.py.\n",
            **self.hidden,
            **{f"turns/{name}.jsonl": dump_turns(turns) for name, turns in self.turns.items()},
        }
        if self.patch is not None:
            texts["solution.patch"] = self.patch
        if self.manifest is not None:
            texts["manifest.json"] = json.dumps(self.manifest)
        return write(folder, texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFiles:
    """What a target's folder holds. `source` are the lines of [source], `setup` and `path` those of a sandbox."""

    name: str = "calc"
    source: str = 'path = "app"'
    application: Tree | None = field(default_factory=lambda: APPLICATION)
    setup: Iterable[str] = ()
    path: str = str(Path(sys.executable).parent)

    def write(self, root: Path, *features: FeatureFiles) -> Path:
        """Put it below a folder of targets; returns its own."""
        folder = root / self.name
        environment = {"image": "splitclock/base", "setup": list(self.setup), "path": [self.path]}
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in environment.items())
        text = (
            f'schema = 1\nname = "{self.name}"\n[source]\n{self.source}\n[environment]\n{lines}'
            '[tests]\nrunner = "pytest"\ncommand = ["python", "-m", "pytest"]\nprotected = ["tests"]\n'
        )
        write(folder, {"target.toml": text})
        if self.application is not None:
            write(folder / "app", self.application)
        for feature in features:
            feature.write(folder)
        return folder


def in_docker(name: str = "calc", *more: str) -> TargetFiles:
    """A target with a pytest of its own, for Docker."""
    return TargetFiles(name=name, setup=(*SETUP, *more), path="$SPLITCLOCK_PREFIX/bin")


def write(root: Path, tree: Tree) -> Path:
    """Put a tree's texts under a folder, as they are, byte by byte."""
    for path, text in tree.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    return root


def simulated(turns: str, tokens_per_s: float = 2000, first_token_ms: float = 5) -> dict[str, object]:
    """The table of a model that plays the scripts of that name."""
    return {
        "provider": "simulator",
        "turns": turns,
        "first_token_ms": first_token_ms,
        "tokens_per_s": tokens_per_s,
        "claimed_tokens_per_s": tokens_per_s,
    }


def matrix(
    path: Path,
    models: Mapping[str, Mapping[str, object]],
    features: Iterable[str] = ("calc/*",),
    *,
    limits: Mapping[str, float] | None = None,
    trials: int = 4,
) -> Path:
    """Write a matrix; returns its file."""
    lines = ["schema = 1", f'name = "{path.stem}"', f"features = {json.dumps(list(features))}", "[limits]"]
    lines += [f"{name} = {value}" for name, value in (limits or {}).items()]
    lines += ["[parallel]", f"trials = {trials}", "tool_slots = 2"]
    for name, table in models.items():
        lines += [f"[models.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: object) -> str:
    """JSON is TOML, but for tables."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, without the settings of whoever runs the tests; returns what it printed."""
    settings = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=_GIT_ENVIRONMENT
    )
    return done.stdout.strip()


_GIT_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
