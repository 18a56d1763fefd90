"""What a run says at its end: one screen that names what to look at, a document, and the user's own hook."""

import json
import os
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.on_finish import call, hook_of
from harness.commands.summing_up import HEIGHT, document, screen, sum_up
from harness.config import ModelConfig, environment_without_keys
from harness.errors import ConfigError
from harness.journal import Entry, Journal, Kind
from harness.plan import Trial
from harness.record import Record, Verdict
from tests.harness.progress.runs import record_of, trials, write_plan

VERDICTS = (Verdict.PASS, Verdict.FAIL, Verdict.TAMPERED, Verdict.ERROR_PROVIDER, Verdict.ERROR_INFRA, Verdict.UNSTABLE)


def finished(folder: Path, number: int, models: int = 1) -> Path:
    """A run of so many trials of each model, of which the last one was left unrun."""
    every = [trial for model in range(models) for trial in trials(number, f"model-{model}")]
    every = [replace(trial, id=f"{at:012x}") for at, trial in enumerate(every)]
    with Journal.create(folder) as journal:
        for at, trial in enumerate(every[:-1]):
            journal.append_record(_record(record_of(trial), at))
    write_plan(folder, every)
    return folder


def _record(record: Record, at: int) -> Record:
    verdict = VERDICTS[at % len(VERDICTS)]
    error = f"reason {at % 7}: \x1b[31m[/nope] {'and so on ' * 20}" if verdict.value.startswith("error") else ""
    return record.model_copy(update={"verdict": verdict, "error": error, "in_doubt": at % 2, "noisy": at % 3 == 0})


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(("number", "models"), [(1, 1), (2, 1), (7, 1), (40, 3), (30, 12)])
def test_it_fits_one_screen(tmp_path: Path, width: int, number: int, models: int) -> None:
    """At most 23 lines; none wider than the terminal but commands, which are to be copied and are whole."""
    folder = finished(tmp_path / "run", number, models)
    found = sum_up(folder, number * models)
    lines = screen(found, width)
    assert len(lines) < HEIGHT
    commands = [line.plain for line in lines if line.plain.startswith("splitclock ")]
    assert all(line.cell_len <= width for line in lines if not line.plain.startswith("splitclock "))
    assert f"splitclock board {folder}" in commands
    assert f"splitclock resume {folder}" in commands
    assert all(letter.isprintable() for line in lines for letter in line.plain)


def test_it_names_what_to_look_at(tmp_path: Path) -> None:
    """The strangest trials first: tampered before errors before failures; reasons; what to do next."""
    folder = finished(tmp_path / "run", 8)
    lines = [line.plain for line in screen(sum_up(folder, 8), 200)]
    shows = [line for line in lines if line.startswith("splitclock show ")]
    assert shows[0] == f"splitclock show {folder} 000000000002  # tampered, model-0 shop/one 3"
    assert shows[1].startswith(f"splitclock show {folder} 000000000004")
    text = "\n".join(lines)
    assert "8 trials: pass 2 · fail 1" in text
    assert "cost $0.07 · 3 noisy · 3 calls in doubt" in text
    assert "model-0 (simulated)" in text
    assert "1 x error:infra, model-0: reason 4" in text
    assert f"splitclock status {folder} --failed" in text


def test_names_with_blanks_can_be_copied(tmp_path: Path) -> None:
    """A folder's name is quoted as a shell wants it."""
    folder = finished(tmp_path / "my run", 2)
    command = next(line.plain for line in screen(sum_up(folder, 2), 80) if line.plain.startswith("splitclock board"))
    assert shlex.split(command) == ["splitclock", "board", str(folder)]


def test_the_document_adds_up(tmp_path: Path) -> None:
    """The verdicts sum to the planned trials, what never ran is not_run."""
    found = document(sum_up(finished(tmp_path / "run", 8), 8))
    assert found["trials"]["total"] == sum(number for name, number in found["trials"].items() if name != "total") == 8
    assert found["trials"]["not_run"] == 1
    assert not found["finished"]
    assert (found["in_doubt"], found["noisy"], found["cost_usd"]) == (3, 3, pytest.approx(0.07))
    assert json.dumps(found)


def test_calls_without_a_record_cost_too(tmp_path: Path) -> None:
    """Answers of an attempt that was killed count, those that a record counts do not count again; unheard ones tell."""
    (trial,) = trials(1, "model-0")
    folder = tmp_path / "run"
    with Journal.create(folder) as journal:
        _call(journal, trial, 0.25)
        write_plan(folder, [trial])
        assert sum_up(folder, 1).spent == (0.25, False)
        journal.append_record(record_of(trial, cost_usd=0.25))
        assert sum_up(folder, 1).spent == (0.25, False)
        _call(journal, trial, 0.5)
        assert sum_up(folder, 1).spent == (0.75, False)
        journal.append(Entry(kind=Kind.INTENT, body={"turn": 3}, trial=trial.id, attempt=1))
        found = sum_up(folder, 1)
    assert found.spent == (0.75, True)
    assert found.spent_by("model-0") == 0.75
    assert document(found)["cost_is_lower_bound"]


def _call(journal: Journal, trial: Trial, cost_usd: float) -> None:
    journal.append(Entry(kind=Kind.INTENT, body={"turn": 1}, trial=trial.id, attempt=1))
    journal.append(Entry(kind=Kind.RESPONSE, body={"cost_usd": cost_usd}, trial=trial.id, attempt=1))


SHOWS = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(int(sys.argv[2]))"


def python(code: str, *arguments: object) -> str:
    """The command line of a Python program."""
    return shlex.join([sys.executable, "-c", code, *map(str, arguments)])


def test_the_hook_is_told_of_the_run_and_of_no_key(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the run lies, how it ended and where its summary is; no key, also not under another name."""
    given = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-one", "MINE": "sk-two", "COPY": "sk-two", "HOME": "/h"}
    given["AUTHORIZATION"] = "Bearer sk-two"
    model = ModelConfig(name="m", provider="x", api="chat", model="m", base_url="http://x", key_env="MINE")
    hook = hook_of(python(SHOWS, tmp_path / "told.json", 0), environment_without_keys([model], given))
    call(hook, tmp_path / "run", 5, tmp_path / "run" / "summary.json")
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert told["SPLITCLOCK_RUN"] == str(tmp_path / "run")
    assert told["SPLITCLOCK_EXIT_CODE"] == "5"
    assert told["SPLITCLOCK_SUMMARY"] == str(tmp_path / "run" / "summary.json")
    assert told["HOME"] == "/h"
    assert not {"OPENAI_API_KEY", "MINE", "COPY", "AUTHORIZATION"} & set(told)
    assert capfd.readouterr() == ("", "")


def test_a_hook_that_fails_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own output and the line about it go to standard error."""
    hook = hook_of(python("print('mine'); raise SystemExit(3)"), dict(os.environ))
    call(hook, tmp_path, 0, tmp_path / "summary.json")
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "mine"
    assert said.err.splitlines()[-1].endswith("exit code 3")


def test_a_hook_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """Its children too."""
    hook = hook_of("sh -c 'sleep 1000 & echo $! > pid; wait'", {"PATH": os.environ["PATH"]})
    assert hook is not None
    hook = replace(hook, words=("sh", "-c", f"sleep 1000 & echo $! > {tmp_path}/pid; wait"), patience_s=1.0)
    assert "was ended after 1 s" in hook.run(tmp_path, 0, tmp_path / "summary.json")
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while _is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_there(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("command", ["", "'unclosed", "no-such-program-anywhere --x"])
def test_a_hook_that_cannot_be_run_is_refused_at_the_start(command: str) -> None:
    """Not after hours."""
    with pytest.raises(ConfigError, match="--on-finish"):
        hook_of(command, {"PATH": os.environ["PATH"]})


def test_without_a_hook_nothing_is_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And nothing is said."""
    call(hook_of(None, {}), tmp_path, 0, tmp_path / "summary.json")
    assert capfd.readouterr() == ("", "")


def test_calls_in_doubt_of_replaced_attempts_count(tmp_path: Path) -> None:
    """In the document and on the screen; a trial whose first attempt was resumed is one that was."""
    (trial,) = planned = trials(1)
    with Journal.create(tmp_path / "run") as journal:
        journal.append_record(record_of(trial, verdict=Verdict.ERROR_INFRA, in_doubt=2, resumed=True, lives=2))
        journal.append_record(record_of(trial, attempt=2, in_doubt=1))
    write_plan(tmp_path / "run", planned)
    found = sum_up(tmp_path / "run", 1)
    assert (document(found)["in_doubt"], document(found)["resumed"]) == (3, 1)
    assert any("1 resumed · 3 calls in doubt" in line.plain for line in screen(found, 80))
