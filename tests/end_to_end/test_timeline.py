"""`timeline` through the real command line, on a real run in local sandboxes."""

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands.picking import pick
from harness.errors import ConfigError
from harness.journal import Journal, read_records
from harness.record import Record
from harness.run_folder import RunFolder
from harness.run_plan import planned_rows
from harness.turns import ScriptedCall, ScriptedFault, Turn
from scoreboards import words
from tests.end_to_end.desk import Desk, Said, by_model
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, say, shell, simulated

pytestmark = pytest.mark.slow

NASTY = "echo '\x1b[31m[/nope][bold]\u202e\x9b2J'"
SUITE = shell("python -m pytest -q")
SCRIPT = (
    say(
        "I look around.",
        ScriptedCall(name="read", arguments={"path": "calc.py"}),
        ScriptedCall(name="read", arguments={"path": "tests/test_add.py"}),
    ),
    SOLVE,
    Turn(tool_calls=(SUITE,), faults=(ScriptedFault(kind="status", status=429, headers={"Retry-After": "1"}),)),
    say("Once more.", SUITE, shell(NASTY)),
    FINISH,
)
TALK = (say("word " * 300, SOLVE.tool_calls[0]), FINISH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A finished run and the desk it was made at."""

    desk: Desk
    folder: Path

    def of(self, model: str) -> Record:
        """The record of a model's trial."""
        return by_model(self.folder)[model]

    def timeline(self, *arguments: object, **variables: str) -> Said:
        """What `timeline` says of it."""
        desk = replace(self.desk, variables={**self.desk.variables, **variables})
        return desk.give("timeline", self.folder, *arguments)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Ran:
    """One model that runs the suite twice, and one that talks slowly."""
    desk = Desk(folder=tmp_path_factory.mktemp("timeline"), cache=shared_cache)
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns={"works": SCRIPT, "talks": TALK}))
    models = {"works": simulated("works"), "talks": simulated("talks", 100)}
    file = matrix(desk.folder / "two.toml", models)
    desk.must("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
    return Ran(desk=desk, folder=desk.folder / "out")


@pytest.fixture
def copied(ran: Ran, tmp_path: Path) -> Ran:
    """The same run, to be changed."""
    shutil.copytree(ran.folder, tmp_path / "out")
    return Ran(desk=ran.desk, folder=tmp_path / "out")


def test_every_call_and_tool_is_on_it(ran: Ran) -> None:
    """Calls, tools, set-up and grading in order; two runs of one command are one piece; 80 columns are enough."""
    said = ran.timeline("works", COLUMNS="80")
    assert (said.code, said.err) == (0, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "works (simulated) on calc/double, repeat 1: pass, finished" in said.out
    table = said.out[said.out.index("Timeline") : said.out.index("Most expensive")]
    starts = [table.index(name) for name in ("set-up", "call 1 ·", "call 2 ·", "call 5 ·", "finish", "grading: suite")]
    assert starts == sorted(starts)
    assert " · 2 attempts" in table
    for name in ("▒▒ rate limit", "read", "calc.py", "edit", "shell", "finish: Done.", "██ decode", "▓▓ exec"):
        assert name in table
    assert "2 runs of `python -m pytest -q`" in said.out
    last = " ".join(said.out.splitlines()[-2:])  # it may take two lines
    assert "Bound by " in last or "Nothing dominates: " in last


def test_the_talker_is_bound_by_decode(ran: Ran) -> None:
    """A slow model and little else: the sentence has its speed, from the record's own sums."""
    record = ran.of("talks")
    tokens, ns = (sum(getattr(call, name) or 0 for call in record.calls) for name in ("decode_tokens", "decode_ns"))
    share = record.sub_phases["model.decode"] / record.agent_wall_ns
    assert share > 0.5
    sentence = ran.timeline("talks").out.splitlines()[-1]
    told = f"{share * 100:.0f} % of agent wall in 2 calls at {words.speed(tokens / ns * 1e9)} tokens/s"
    assert sentence == f"Bound by decode: {told}."


def test_json_says_the_same_to_machines(ran: Ran) -> None:
    """One document: the trial, a row for each span, the portions summing to the agent wall."""
    record = ran.of("works")
    value = ran.timeline(record.trial.id, "--json").json()
    assert (value["schema"], value["trial"]["id"], value["trial"]["wall_ns"]) == (1, record.trial.id, record.wall_ns)
    spans = json.loads((ran.folder / "trials" / record.trial.id / "spans.json").read_text("utf-8"))
    assert len(value["rows"]) == len([span for span in spans if span["t0"] < span["t1"]])
    assert sum(portion["ns"] for portion in value["bound"]["portions"]) == record.agent_wall_ns
    assert value["bound"]["sentence"] == ran.timeline("works").out.splitlines()[-1]
    tools = {row["row"]: row for row in value["rows"] if row["kind"] == "tool"}
    assert len(tools) == len(record.tool_calls) == 7
    assert all(row["turn"] for row in tools.values())


def test_rows_are_the_records_tool_calls(ran: Ran) -> None:
    """Each span says whose it is: a row is as long as that tool call, to the nanosecond, parallel reads too."""
    record = ran.of("works")
    value = ran.timeline("works", "--json").json()
    spans = json.loads((ran.folder / "trials" / record.trial.id / "spans.json").read_text("utf-8"))
    places = {(span["details"]["turn"], span["details"]["index"]) for span in spans if span["phase"] == "tool"}
    assert places == {(1, 0), (1, 1), (2, 0), (3, 0), (4, 0), (4, 1), (5, 0)}
    lengths: dict[int, tuple[int, int]] = {}
    names: dict[int, str] = {}
    for row in value["rows"]:
        if row["kind"] == "tool":
            t0, t1 = lengths.get(row["row"], (row["t0_ns"], row["t1_ns"]))
            lengths[row["row"]] = (min(t0, row["t0_ns"]), max(t1, row["t1_ns"]))
            names[row["row"]] = row["summary"]
    assert sorted((names[number], t1 - t0) for number, (t0, t1) in lengths.items()) == sorted(
        (" ".join(tool.summary.split()), tool.total_ns) for tool in record.tool_calls
    )


def test_nothing_hostile_reaches_the_terminal(ran: Ran) -> None:
    """What the model wrote into a command is shown as text, on wide terminals and on narrow ones."""
    wide, narrow = (ran.timeline("works", "--all", COLUMNS=width, NO_COLOR="1") for width in ("200", "60"))
    for said in (wide, narrow):
        assert said.code == 0
        assert all(letter == "\n" or letter.isprintable() for letter in said.out)
    assert "[/nope][bold]" in wide.out
    assert ran.timeline("works", "--json").out.isascii()


def test_a_trial_is_found_by_all_its_names(ran: Ran) -> None:
    """By id, by the beginning of the id, by label with slashes or blanks, by the beginning of the label."""
    trial = ran.of("works").trial.id
    rows = planned_rows(ran.folder)
    for name in (trial, trial[:8], "works/calc/double/1", "works calc/double 1", "works/calc", "works"):
        assert pick(rows, name, ran.folder)["id"] == trial, name


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "'' is 2 of the trials of out; name one: "),
        ("nobody", "'nobody' is none of the trials of out; name one: "),
        ("wor", "'wor' is none of the trials of out; name one: "),
        ("a/b\x1b[31m", "'a/b' is none of the trials of out; name one: "),
    ],
)
def test_what_is_unclear_is_one_line_with_the_candidates(ran: Ran, name: str, complaint: str) -> None:
    """Every trial that could be meant; of many the first eight."""
    rows = planned_rows(ran.folder)
    with pytest.raises(ConfigError) as raised:
        pick(rows, name, Path("out"))
    assert str(raised.value).startswith(complaint)
    assert "works/calc/double/1" in str(raised.value)
    with pytest.raises(ConfigError, match=r"\(m/f/8\) and 32 more, see `splitclock status`$"):
        pick([{"id": f"{n:012x}", "model": "m", "feature": "f", "repeat": n} for n in range(1, 41)], "m", Path("out"))
    with pytest.raises(ConfigError, match=r"^out has no trials$"):
        pick([], name, Path("out"))


def test_a_run_of_several_asks_which(ran: Ran) -> None:
    """Exit code 2 and one line, also for an attempt that is not there."""
    for arguments, complaint in (((), "out has 2 trials; name one: "), (("works", "--attempt", "7"), "known: 1")):
        said = ran.timeline(*arguments)
        assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
        assert complaint in said.err
        assert "works/calc/double/1" in said.err


def test_a_terminal_too_narrow_is_told_what_is_needed(ran: Ran) -> None:
    """Below 60 columns nothing can be read."""
    said = ran.timeline("works", COLUMNS="59")
    assert (said.code, said.out) == (2, "")
    assert said.complaints == ["splitclock: a timeline needs 60 columns and has 59: widen it, or take --json"]


def planned(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Let the run have planned these trials."""
    RunFolder(root=folder).plan.write_text(json.dumps({"schema": 1, "trials": rows}), encoding="utf-8")


def test_an_unfinished_trial_says_so(copied: Ran) -> None:
    """No record yet is told with how far it is."""
    planned(copied.folder, [{"id": "00ab", "model": "m", "feature": "calc/double", "repeat": 3}])
    said = copied.timeline("m")
    assert said.code == 2
    assert "trial 00ab (m/calc/double/3) has no record yet (it has not begun)" in said.err


def test_the_only_trial_needs_no_name(copied: Ran) -> None:
    """A run of one trial."""
    trial = copied.of("talks").trial
    planned(copied.folder, [trial.model_dump(include={"id", "model", "feature", "repeat"})])
    assert copied.timeline().out == copied.timeline("talks").out != ""


def test_of_several_attempts_the_latest(copied: Ran) -> None:
    """Unless another one is asked for."""
    record = copied.of("works")
    folder = RunFolder(root=copied.folder)
    later = record.model_copy(update={"attempt": 2, "resumed": True})
    with Journal.open(copied.folder) as journal:
        journal.append_record(later)
    second = folder.trial(record.trial.id, 2)
    second.mkdir()
    shutil.copy(folder.trial(record.trial.id) / "spans.json", second)
    latest = copied.timeline("works").out
    assert ", attempt 2 of" in latest
    assert "resumed after an interruption" in latest
    assert ", attempt" not in copied.timeline("works", "--attempt", "1").out
    assert "known: 1, 2" in copied.timeline("works", "--attempt", "3").err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "spans.json: cannot be read: No such file"),
        ("[{}]", "spans.json: holds no readable spans: "),
        ('[{"phase": "nap", "t0": 0, "t1": 1}]', "spans.json: holds no readable spans: 'nap' is not a valid Phase"),
        ("[]", "the spans do not add up to the phases of the record"),
    ],
)
def test_spans_that_cannot_be_used_are_named(copied: Ran, text: str | None, complaint: str) -> None:
    """Missing, broken or another trial's: one line, exit code 4, and no sentence that is not true."""
    path = copied.folder / "trials" / copied.of("works").trial.id / "spans.json"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    said = copied.timeline("works")
    assert (said.code, said.out, len(said.complaints)) == (4, "", 1)
    assert complaint in said.err


def test_a_timeline_changes_nothing(copied: Ran) -> None:
    """The same files with the same content before and after."""
    before = contents(copied.folder)
    assert len(read_records(copied.folder)) == 2
    assert copied.timeline("works").code == 0
    assert contents(copied.folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, but for SQLite's own shared memory."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return {str(path): path.read_bytes() for path in found if not path.name.endswith("-shm")}
