"""A whole run of one trial without Docker or network, and the same run gone on with from what a kill left of it."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.bench import Bench
from harness.clock import Clock, SystemClock
from harness.config import Matrix, ModelConfig, TrialLimits
from harness.features import EnvironmentSpec, Feature, Manifest, Source, Suite, Target
from harness.interrupt import Interrupts
from harness.journal import Entry, Journal, Kind, read_records, read_rows
from harness.journal_reader import Row
from harness.matrix import MatrixRun, journalled, run_matrix
from harness.models.contract import Model
from harness.models.prices import Price
from harness.models.replay import ReplayModel
from harness.past import How, Past, read_pasts
from harness.plan import Trial, plan
from harness.prepare import Prepared
from harness.progress import Progress, Quiet
from harness.record import Record
from harness.redact import Redactor
from harness.slots import Slots
from harness.submissions import keep_submission, read_submission
from harness.turns import Turn
from sandbox.checkout import Checkouts
from sandbox.contract import Limits, Recipe, SandboxProvider
from sandbox.local import LocalProvider
from tests.harness.play import FINISH, Recorder, calls

SUITE = """
if grep -q double calc.txt; then echo "ok 1 - double"; else echo "not ok 1 - double"; fi
if grep -q add calc.txt; then echo "ok 2 - add"; else echo "not ok 2 - add"; fi
echo 1..2
"""
TURNS = (
    calls(("read", {"path": "calc.txt"}), ("read", {"path": "."}), ("read", {"path": "missing.txt"})),
    calls(("shell", {"command": 'echo double >> calc.txt; echo "3 passed in 0.$(date +%N)s"; echo pid $$'})),
    calls(("edit", "{no json"), ("edit", {"path": "new.txt", "old": "", "new": "made\n"})),
    calls(("shell", {"command": "echo never run >> calc.txt"})).model_copy(update={"ending": "length"}),
    Turn(content="I am thinking.", reasoning="hm"),
    calls(("shell", {"command": "echo once >> new.txt; wc -l < new.txt; exit 3"}), ("read", {"path": "new.txt"})),
    FINISH,
)

OpenModel = Callable[[Clock], Model]


@dataclass(kw_only=True)
class Shop:
    """Where runs of one trial are made: a target of plain text files, graded by a shell script that prints TAP."""

    folder: Path
    turns: Sequence[Turn] = TURNS
    limits: TrialLimits = field(default_factory=TrialLimits)
    context_window: int | None = None
    model_provider: str = "replay"
    provider: SandboxProvider | None = None
    clock: Clock = field(default_factory=SystemClock)
    made: int = 0

    def __post_init__(self) -> None:
        """Lay out the target, and build its environment."""
        for path, text in {
            "app/calc.txt": "add\n",
            "app/tests/old.txt": "",
            "feature/tests/suite.sh": SUITE,
        }.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        self.provider = self.provider or LocalProvider(self.folder / "cache")
        self.checkouts = Checkouts(self.folder / "checkouts", {})
        self.prepared = Prepared(
            feature=self._feature(),
            snapshot=self.checkouts.from_folder(self.folder / "app"),
            environment=self.provider.prepare(Recipe(name="empty"), lambda _line: None),
        )

    def _feature(self) -> Feature:
        target = Target(
            name="shop",
            description="",
            folder=self.folder,
            source=Source(path=self.folder / "app"),
            environment=EnvironmentSpec(image="splitclock/base"),
            suite=Suite(runner="tap", command=("sh", "tests/suite.sh"), protected=("tests",), timeout_s=30),
            service=None,
            limits=Limits(),
        )
        manifest = Manifest(fail_to_pass=("double",), pass_to_pass=("add",))
        return Feature(name="one", target=target, folder=self.folder / "feature", brief="Build it.", manifest=manifest)

    @property
    def trial(self) -> Trial:
        """The one trial."""
        model = ModelConfig(
            name="a",
            provider=self.model_provider,
            api="chat",
            model="a",
            turns="solved",
            tokens_per_s=1e6,
            context_window=self.context_window,
            price=Price(input=1.0, output=10.0),
        )
        matrix = Matrix(name="m", features=("shop/*",), models={"a": model}, repeats=1, limits=self.limits)
        (trial,) = plan(matrix, [self.prepared.feature], {"shop/one": "1", "shop/one:solved": "2"})
        return trial

    @property
    def next_run(self) -> Path:
        """The folder of the run that is made next."""
        return self.folder / f"run-{self.made + 1}"

    def run(self, rows: Iterable[Row] = (), bodies: Path | None = None, **changes: Any) -> "Ran":
        """One process's work on a run that these rows are known of; `changes` go into the bench or the matrix."""
        root = self.next_run
        self.made += 1
        if bodies is not None and bodies.is_dir():
            shutil.copytree(bodies, root / "bodies")
        asked: list[Recorder] = []
        with ExitStack() as stack:
            journal = stack.enter_context(Journal.create(root))
            for row in rows:
                journal.append(Entry(kind=Kind(row.kind), body=row.body, trial=row.trial, attempt=row.attempt))
            pasts = read_pasts(root, (self.trial.id,))
            run_matrix(self._matrix_run(journal, asked, pasts, changes))
        return Ran(root=root, trial=self.trial, asked=asked, past=pasts.get(self.trial.id))

    def _matrix_run(
        self, journal: Journal, asked: list[Recorder], pasts: Mapping[str, Past], changes: dict[str, Any]
    ) -> MatrixRun:
        open_model: OpenModel = changes.pop("open_model", lambda clock: ReplayModel(self.turns, clock))
        how = changes.pop("how", How.REPLAY)
        unavailable = changes.pop("unavailable", lambda _trial: None)
        progress: Progress = changes.pop("progress", Quiet())

        def opened(_trial: Trial) -> Model:
            asked.append(Recorder(open_model(self.clock)))
            return asked[-1]

        assert self.provider is not None
        bench = Bench(
            run="run",
            provider=self.provider,
            clock=self.clock,
            slots=Slots(1),
            open_model=opened,
            on_event=lambda trial, attempt, kind, body: journalled(journal, progress, trial, attempt, (kind, body)),
            interrupts=Interrupts(),
            keep=lambda trial, attempt, handed_in, facts: keep_submission(journal, trial.id, attempt, handed_in, facts),
            kept=lambda row: read_submission(journal.folder.root, row),
        )
        return MatrixRun(
            trials=(self.trial,),
            prepared={"shop/one": self.prepared},
            bench=replace(bench, **changes),
            journal=journal,
            redactor=Redactor(),
            progress=progress,
            checkouts=self.checkouts,
            parallel=1,
            unavailable=unavailable,
            pasts=pasts,
            how=how,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run as one process left it: `asked` are the models that were opened, `past` what it knew when it began."""

    root: Path
    trial: Trial
    asked: list[Recorder]
    past: Past | None

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of its journal."""
        return read_rows(self.root)

    @property
    def record(self) -> Record:
        """The trial's record."""
        (record,) = read_records(self.root)
        return record

    @property
    def turns_asked(self) -> list[int]:
        """The turns that models were asked for, in order."""
        return [1 + sum(message.role == "assistant" for message in sent) for model in self.asked for sent in model.sent]

    def text(self, name: str) -> str:
        """A file of the trial's folder."""
        attempt = self.record.attempt
        folder = self.root / "trials" / self.trial.id
        return (folder if attempt == 1 else folder / f"attempt-{attempt}").joinpath(name).read_text(encoding="utf-8")

    def messages(self) -> list[dict[str, Any]]:
        """The transcript."""
        return [json.loads(line) for line in self.text("transcript.jsonl").splitlines()]

    def spans(self) -> list[dict[str, Any]]:
        """The spans."""
        spans: list[dict[str, Any]] = json.loads(self.text("spans.json"))
        return spans

    def kinds(self) -> list[str]:
        """What its rows tell, in order: kinds, and of notes what they note."""
        return [str(row.body.get("note", row.kind)) for row in self.rows]
