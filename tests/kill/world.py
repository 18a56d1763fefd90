"""What is killed: a small matrix over all three APIs, against a provider that lives on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.simulator.config import Pace
from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.end_to_end.desk import Desk
from tests.end_to_end.outside import Outside, outside
from tests.end_to_end.targets import ADD, DOUBLE, FINISH, SETUP, WRONG, FeatureFiles, TargetFiles, edit, matrix, shell

PRICE = {"input": 1.0, "output": 4.0}
"""USD per million tokens; cached input costs the same, for a new connection holds nothing."""

PACE = Pace(first_token_ms=15, tokens_per_s=250)
PARALLEL = 3
REPEATS = 2

_BUSY = ScriptedFault(kind="status", status=429, message="scripted: slow down")
_CUT = ScriptedFault(kind="cut", after_tokens=4)
_WORDS = "I look at what is there before I change anything, and I write down what I see as I go along."


def _read(path: str) -> ScriptedCall:
    return ScriptedCall(name="read", arguments={"path": path})


def _turns(
    solution: str, busy: tuple[ScriptedFault, ...] = (), cut: tuple[ScriptedFault, ...] = ()
) -> tuple[Turn, ...]:
    """What is done twice shows: each command adds to what is there."""
    note = shell("echo seen >> notes.txt; cat notes.txt; wc -l < notes.txt")
    return (
        Turn(reasoning="First a look.", content=_WORDS, tool_calls=(_read("calc.py"), note)),
        Turn(content="Now the change.", tool_calls=(edit("calc.py", ADD, solution),), faults=busy),
        Turn(content=_WORDS, tool_calls=(shell("echo more >> notes.txt; sleep 0.2; cat notes.txt"), note)),
        Turn(content=_WORDS, tool_calls=(shell("cat calc.py notes.txt > all.txt; wc -c < all.txt"),), faults=cut),
        FINISH,
    )


SCRIPTS: Mapping[str, tuple[Turn, ...]] = {
    "smooth": _turns(DOUBLE),
    "rough": _turns(DOUBLE, busy=(_BUSY,), cut=(_CUT,)),
    "wrong": _turns(WRONG, cut=(_CUT,)),
}
MODELS = {
    "chat": ("chat", "smooth"),
    "rough-chat": ("chat", "rough"),
    "responses": ("responses", "rough"),
    "socket": ("responses-websocket", "smooth"),
    "wrong-socket": ("responses-websocket", "wrong"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A provider, and a command line that runs the matrix against it; `run` is the run folder."""

    desk: Desk
    provider: Outside
    file: Path
    sandbox: str

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.desk.folder / "run"

    @property
    def scratch(self) -> Path:
        """Where the commands put what is temporary: whoever works below it was left by one of them."""
        return self.desk.folder / "scratch"

    def first(self) -> tuple[object, ...]:
        """The command that starts the run."""
        given = ("--fixtures", self.desk.folder / "targets", "--sandbox", self.sandbox)
        return ("run", self.file, "--out", self.run, *given)

    def again(self) -> tuple[object, ...]:
        """The command that goes on with it."""
        return ("resume", self.run)


@contextmanager
def world(
    folder: Path, cache: Path, sandbox: str = "local", models: Mapping[str, tuple[str, str]] = MODELS
) -> Iterator[World]:
    """A new one in a folder of its own."""
    folder.mkdir(parents=True)
    (folder / "scratch").mkdir()
    target = TargetFiles() if sandbox == "local" else TargetFiles(setup=SETUP, path="$SPLITCLOCK_PREFIX/bin")
    target.write(folder / "targets", FeatureFiles(turns=SCRIPTS))
    scripts = {f"calc/double:{name}": turns for name, turns in SCRIPTS.items()}
    desk = Desk(folder=folder, cache=cache, variables={"TMPDIR": str(folder / "scratch")})
    with outside(folder, dict.fromkeys(models, PACE), scripts) as provider:
        tables = {name: provider.table(turns, api, price=PRICE) for name, (api, turns) in models.items()}
        file = matrix(folder / "kill.toml", tables, trials=PARALLEL)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("[limits]", f"repeats = {REPEATS}\n[limits]", 1), encoding="utf-8")
        yield World(desk=desk, provider=provider, file=file, sandbox=sandbox)
