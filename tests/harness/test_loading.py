"""What is loaded when nobody needs it: nothing that takes long."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"numpy", "scipy", "duckdb", "openai", "genai_prices", "tree_sitter"}
"""What some commands need, and no other shall pay for."""

SCRIPT = """
import contextlib, io, json, sys

import harness.pytest_plugin

ours = [name for name in sys.modules if name.partition(".")[0] in {"harness", "sandbox", "scoreboards"}]
from harness.cli import main

loaded = []
for arguments in (["gate", "--help"], ["status", "nowhere"], ["--help"]):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(arguments)
    loaded.append(list(sys.modules))
print(json.dumps([ours, *loaded]))
"""


def test_help_and_status_load_nothing_heavy_nor_does_the_plugin_load_us(tmp_path: Path) -> None:
    """No figures for help, no table of prices, no grammar; a pytest session without a gate has the plugin alone."""
    argv = (sys.executable, "-c", SCRIPT)
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    ours, gate, _, everything = json.loads(done.stdout)
    assert ours == ["harness", "harness.pytest_plugin"]
    assert "harness.commands.gate" in gate
    assert {"harness.commands.run", "harness.commands.report"}.isdisjoint(gate), "one command loads the others"
    assert "nowhere" in done.stderr
    assert "harness.commands.run" in everything
    assert HEAVY.isdisjoint(everything)
