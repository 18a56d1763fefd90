"""Text from models, sandboxes and repositories is printed as text: no terminal sequence, no markup, no crash."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.turns import ScriptedCall
from tests.end_to_end.desk import Desk, Said, by_model, told
from tests.end_to_end.servers import serving
from tests.end_to_end.targets import SOLVE, FeatureFiles, TargetFiles, matrix, say, shell, simulated

pytestmark = pytest.mark.slow

NASTY = "\x1b[31m\x1b]0;owned\x07[/nope][bold]\x9b2J\r\x08\u202e"
HIDDEN = {
    "tests/test_double.py": "import pytest\nimport calc\n\n\n"
    "@pytest.mark.parametrize('case', ['[/nope]', '[bold]x'])\ndef test_double(case):\n"
    "    print(chr(27) + '[31m' + chr(0))\n    assert calc.double(2) == 4, chr(27) + '[2J' + case\n"
}
IDS = [f"tests/test_double.py::test_double[{case}]" for case in ("[/nope]", "[bold]x")]
ODD_NAMES = r"""
for name in '\nline' 'back\\slash' 'quote"s' "tick's" ' space ' '\377' '\303\050' '-dash' 'tab\t' 'a\r' ':(top)'; do
  printf 'text\n' > "./$(printf -- "$name")x.txt" || exit 9
done
mkdir -p "sub/$(printf '\033')"
ln -s "../$(printf 'a\033[0m')" sub/link && echo x > "sub/$(printf '\033')/y" && ls -la
"""
SHOUT = (
    say(
        NASTY,
        shell(r"printf '\033[31m\000\033]0;owned\007[/nope]\233 \377\n'"),
        shell(r"n=$(printf '\033[31mred[bold]\001.py'); echo 'a = 1' > " + '"$n"; ls'),
        shell(ODD_NAMES),
    ),
    say("", ScriptedCall(name=NASTY, arguments={}), ScriptedCall(name="shell", arguments=NASTY)),
    say("", ScriptedCall(name="read", arguments={"path": f"no\x00such{NASTY}"})),
    say("", ScriptedCall(name="finish", arguments={"summary": f"Done {NASTY}"})),
)
REFUSAL = (
    b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    b'{"error": {"message": "\\u001b[31m[/nope]\\u0000\\u009b2J\\u202e no", "code": "bad"}}'
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[tuple[Desk, Said]]:
    """A run whose models, tools, tests and provider all say nasty things."""
    desk = Desk(folder=tmp_path_factory.mktemp("untrusted"), cache=shared_cache)
    manifest = {"schema": 1, "fail_to_pass": IDS, "pass_to_pass": ["tests/test_add.py::test_add"]}
    feature = FeatureFiles(hidden=HIDDEN, manifest=manifest, turns={"shout": SHOUT, "solve": (SOLVE, *SHOUT)})
    TargetFiles().write(desk.folder / "targets", feature)
    with serving(REFUSAL) as server:
        models = {"shouts": simulated("shout"), "solves": simulated("solve"), "refused": server.table()}
        file = matrix(desk.folder / "untrusted.toml", models)
        yield desk, desk.give("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")


def is_safe(text: str) -> bool:
    """Whether a terminal would show this as it stands."""
    return all(letter in "\n\t" or letter.isprintable() for letter in text)


def test_trials_end_as_they_deserve(said: tuple[Desk, Said]) -> None:
    """Odd names and bytes change no verdict; the one provider's error is past the cap."""
    desk, run = said
    found = by_model(desk.folder / "out")
    assert {name: record.verdict.value for name, record in found.items()} == {
        "shouts": "fail",
        "solves": "pass",
        "refused": "error:provider",
    }
    assert found["solves"].stop == found["shouts"].stop == "finished"
    assert run.code == 5


def test_run_prints_plain_text(said: tuple[Desk, Said]) -> None:
    """Progress, summary and errors hold no control character, and markup stands as it was written."""
    _, run = said
    assert is_safe(run.out), run.out
    assert is_safe(run.err), run.err
    assert "[/nope]" in run.out


@pytest.mark.parametrize(
    "view",
    [
        ("status",),
        ("status", "--json"),
        ("board", "--inside", "--features"),
        ("board", "--markdown"),
        ("board", "--json"),
    ],
)
def test_views_print_plain_text(said: tuple[Desk, Said], view: tuple[str, ...]) -> None:
    """Every view of the run afterwards."""
    desk, _ = said
    shown = desk.must(view[0], "out", *view[1:])
    assert is_safe(shown.out), shown.out
    assert shown.err == ""
    if view == ("status",):
        assert "[/nope]" in shown.out


def test_artefacts_keep_what_was_said(said: tuple[Desk, Said]) -> None:
    """What the model was told holds the bytes that are text; the file with the odd name is in the difference."""
    desk, _ = said
    record = by_model(desk.folder / "out")["shouts"]
    assert "[/nope]" in told(desk.folder / "out", record)[0]
    patch = (desk.folder / "out" / "trials" / record.trial.id / "difference.patch").read_bytes()
    assert b"red[bold]" in patch
    assert b"\x1b" not in patch.splitlines()[0]


def test_words_of_the_command_line_are_plain(desk: Desk) -> None:
    """What the user pastes is repeated without its sequences, and markup in it is none."""
    text = "\x1b[31m[bold]x[/nope]"
    for arguments in (("status", text), ("plan", f"{text}.toml"), (text,), ("board", "--nope", text)):
        shown = desk.give(*arguments)
        assert shown.code == 2, shown
        assert is_safe(shown.err)
        assert shown.out == ""


def test_live_table_on_a_terminal_is_its_own(said: tuple[Desk, Said]) -> None:
    """On a terminal only the table's own sequences are written, and it ends with what the run came to."""
    desk, _ = said
    options = ("--fixtures", "targets", "--sandbox", "local", "--model", "shouts", "--model", "solves")
    argv = [*desk.argv, "run", "untrusted.toml", *options, "--out", "live"]
    ours, theirs = pty.openpty()
    environment = {**desk.environment(), "TERM": "xterm-256color"}
    with subprocess.Popen(
        argv, cwd=desk.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = _read_all(ours)
    os.close(ours)
    assert process.returncode == 0, shown
    assert "solves (simulated)" in shown
    assert "splitclock board live" in shown
    assert "\x1b[" in shown
    assert not any(mark in shown for mark in ("owned", "\x9b", "\u202e", "\x1b]", "\x00", "\x08"))
    assert "Traceback" not in shown


def _read_all(terminal: int) -> str:
    pieces = []
    with suppress(OSError):  # how a terminal says that nobody writes any more
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    return b"".join(pieces).decode("utf-8")
