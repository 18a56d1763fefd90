"""Views that fail, and readers who leave: a run comes to what it would have come to."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SystemClock
from harness.commands import finishing
from harness.commands.finishing import Ending, carry_out
from harness.commands.on_finish import hook_of
from harness.commands.running import Finished, Job
from harness.commands.session import Session
from harness.config import Matrix, settings
from harness.errors import InfraError
from harness.journal import Journal
from harness.plan import Trial
from harness.progress import Quiet
from harness.record import Record, Verdict
from sandbox.checkout import Checkouts
from sandbox.local import LocalProvider
from tests.harness.lives import Shop
from tests.harness.progress.runs import record_of, trials, write_plan

ROOT = Path(__file__).parents[2]


class Blind(Quiet):
    """A view that cannot show anything."""

    def event(self, trial: Trial, kind: str, body: Mapping[str, Any]) -> None:
        """Fails."""
        raise BrokenPipeError(trial.id, kind, body)

    def done(self, trial: Trial, record: Record) -> None:
        """Fails."""
        raise BrokenPipeError(trial.id, record)


def test_a_view_that_fails_ends_no_trial(tmp_path: Path) -> None:
    """One attempt, every turn asked for once, and its verdict."""
    ran = Shop(folder=tmp_path).run(progress=Blind())
    assert ran.record.verdict is Verdict.PASS
    assert ran.kinds().count("trial_started") == 1
    assert ran.turns_asked == [1, 2, 3, 4, 5, 6, 7]


def test_the_exit_code_is_the_runs_though_nobody_reads() -> None:
    """The summary goes into a pipe without a reader: the code is that of the run all the same."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from harness.cli import _let_go\n"
        "from harness.commands.finishing import Ending, _try_to_show\n"
        "from harness.commands.summing_up import Sum\n"
        "sys.stdin.read()\n"
        "found = Sum(folder=Path('run'), planned=1, attempts=(), latest=())\n"
        "_try_to_show(found, Ending())\n"
        "print('more')\n"
        "_let_go(sys.stdout)\n"
        "sys.exit(5)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(b"")
    assert (process.returncode, said) == (5, b"")


HOOK = "import os, sys; open(sys.argv[1], 'w').write(os.environ['SPLITCLOCK_EXIT_CODE'])"


def ended(folder: Path, *, lost: bool) -> tuple[int, str]:
    """The exit code of a run whose journal cannot be read any more at its end, and the one its hook was told."""
    planned = trials(1)
    run = folder / "run"

    def executed(job: Job, _session: Session, _console: Any) -> Finished:
        with Journal.create(run) as journal:
            journal.append_record(record_of(planned[0]))
        write_plan(run, planned)
        job.began(run)
        (run / "journal.sqlite").write_bytes(b"gone")
        (run / "plan.json").write_text(json.dumps({"schema": 1, "trials": [{"model": "no id"}]}), encoding="utf-8")
        if lost:
            raise InfraError("the engine went away")
        return Finished(folder=run, records=(), planned=1, interrupted=False)

    job = Job(matrix=Matrix(name="m", features=(), models={}, repeats=1), features=(), matrix_file=folder / "m.toml")
    session = Session(
        settings=settings({"HOME": str(folder)}),
        clock=SystemClock(),
        provider=LocalProvider(folder / "cache"),
        checkouts=Checkouts(folder / "checkouts", {}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "execute", executed)
        hook = hook_of(f'{sys.executable} -c "{HOOK}" {folder}/told', {"PATH": "/usr/bin:/bin"})
        code = carry_out(job, session, replace(Ending(), on_finish=hook), lambda _finished: 3)
    return code, (folder / "told").read_text(encoding="utf-8")


def test_a_run_that_cannot_be_summed_up_ends_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit code and its hook come; what cannot be read is said."""
    assert ended(tmp_path, lost=False) == (3, "3")
    assert "journal.sqlite" in capsys.readouterr().err


def test_what_stopped_a_run_is_not_masked_by_its_summary(tmp_path: Path) -> None:
    """The error that ended it is raised, and the hook was told of it."""
    with pytest.raises(InfraError, match="the engine went away"):
        ended(tmp_path, lost=True)
    assert (tmp_path / "told").read_text(encoding="utf-8") == "4"
