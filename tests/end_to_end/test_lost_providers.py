"""A provider that is lost, or wants to be left alone, costs its own trials only, and hardly a call."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.journal import Kind, read_records
from harness.record import Record
from tests.end_to_end.desk import Desk, Said, journalled, until
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix, simulated

pytestmark = pytest.mark.slow

SOLVED = {"demo": (SOLVE, FINISH)}
KEY = "sk-canary-of-this-test"


ANSWERS: dict[str, tuple[int, dict[str, str], str, str]] = {
    "locked": (401, {}, "invalid_api_key", f"Incorrect API key: {KEY}"),
    "unheard-of": (404, {}, "model_not_found", "no such model"),
    "busy": (429, {"retry-after": "86400"}, "rate_limit_exceeded", "slow down"),
    "hasty": (429, {"retry-after": "600"}, "rate_limit_exceeded", "slow down"),
}


class Refusing(ThreadingHTTPServer):
    """Refuses every model in its own way, and counts: 401, 404 or 429 with a Retry-After, by the model's name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.asked: Counter[str] = Counter()

    def table(self, model: str, **more: object) -> dict[str, object]:
        """The table of a model that is served here."""
        return {"base_url": f"http://127.0.0.1:{self.server_address[1]}/v1", "model": model, **more}


class _Refusal(BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        model = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        self.server.asked[model] += 1
        status, headers, code, message = ANSWERS[model]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps({"error": {"message": message, "code": code}}).encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def refusing() -> Iterator[Refusing]:
    """Such a server at work."""
    with Refusing() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a run over models that are refused, one trial after the other."""

    said: Said
    summary: dict[str, object]
    records: dict[tuple[str, str], Record]
    asked: Counter[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Ran:
    """Two features, a sound model and four that are refused by three keys of one machine."""
    folder = tmp_path_factory.mktemp("lost")
    desk = Desk(folder=folder, cache=shared_cache, variables={"FIRST_KEY": KEY, "OTHER_KEY": "another-key"})
    TargetFiles().write(folder / "targets", *(FeatureFiles(name=name, turns=SOLVED) for name in ("double", "triple")))
    with refusing() as server:
        models = {
            "closed": server.table("locked", key_env="FIRST_KEY"),
            "shut": server.table("busy", key_env="FIRST_KEY"),
            "misnamed": server.table("unheard-of", key_env="OTHER_KEY"),
            "tired": server.table("busy"),
            "sound": simulated("demo"),
        }
        file = matrix(folder / "lost.toml", models, ["calc/*"], trials=1)
        said = desk.give("run", file, "--fixtures", folder / "targets", "--sandbox", "local", "--json")
    (run,) = desk.runs()
    records = {(record.trial.model, record.trial.feature): record for record in read_records(run)}
    return Ran(said=said, summary=said.json(), records=records, asked=server.asked)


def of(ran: Ran, model: str) -> list[Record]:
    """The records of a model, in the order of the plan."""
    return [ran.records[model, feature] for feature in ("calc/double", "calc/triple")]


def test_a_lost_provider_is_called_once(ran: Ran) -> None:
    """One refused key, one call, whatever the trials; a model that does not exist likewise."""
    assert (ran.asked["locked"], ran.asked["unheard-of"]) == (1, 1)


def test_trials_of_a_lost_provider_are_not_begun(ran: Ran) -> None:
    """The first stops at its call; no later one gets a sandbox, also of another model by the same key."""
    first, later = of(ran, "closed")
    assert (first.verdict, first.stop, first.error) == (
        "error:provider",
        "error:provider",
        later.error[-len(first.error) :],
    )
    assert first.phases["setup"] > 0
    assert later.trial.requested_model == first.trial.requested_model != ""
    for record in (later, *of(ran, "shut")):
        assert (record.verdict, record.stop, record.wall_ns, record.attempt) == (
            "error:provider",
            "error:provider",
            0,
            1,
        )
        assert record.error.startswith("not tried, for this provider failed before: HTTP 401: ")


def test_the_others_go_on(ran: Ran) -> None:
    """A key that is refused here is nobody's elsewhere, and a missing model is missed by itself."""
    assert [record.verdict for record in of(ran, "sound")] == ["pass", "pass"]
    assert [record.verdict for record in of(ran, "misnamed")] == ["error:provider"] * 2
    assert all("HTTP 404: no such model" in record.error for record in of(ran, "misnamed"))


def test_a_long_wait_is_not_waited_for(ran: Ran) -> None:
    """Put off until tomorrow, in words; the next trial is not even begun."""
    first, later = of(ran, "tired")
    for record in (first, later):
        assert (record.verdict, record.stop) == ("not_run", "deferred")
        assert "the provider wants to be left alone until " in record.error
    assert (later.wall_ns, later.error.startswith("not tried: ")) == (0, True)
    assert ran.asked["busy"] == 1


def test_the_run_does_not_look_passed(ran: Ran) -> None:
    """Exit code 5; a line for each lost provider names it, its models and what to do; the key stays unsaid."""
    assert ran.said.code == 5
    closed, misnamed, *rest = ran.said.complaints
    assert "custom (127.0.0.1)" in closed
    assert "`closed`, `shut`" in closed
    assert closed.endswith("; check the key in FIRST_KEY")
    assert "`misnamed`" in misnamed
    assert "[models.misnamed]" in misnamed
    assert len(rest) == 2
    assert KEY not in ran.said.err + ran.said.out
    assert ran.summary["finished"] is False
    assert "Traceback" not in ran.said.err


def test_a_wait_is_seen_and_can_be_ended(desk: Desk) -> None:
    """`status` says what a trial waits for, and Ctrl-C does not wait with it; the time is on its record."""
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=SOLVED))
    with refusing() as server:
        file = matrix(desk.folder / "wait.toml", {"m": server.table("hasty")})
        options = ("--fixtures", desk.folder / "targets", "--sandbox", "local", "--out", "out")
        started = desk.start("run", file, *options)
        until(lambda: bool(journalled(desk.folder / "out", Kind.NOTE)), started, "the first refusal")
        assert "(rate limit)" in desk.must("status", "out").out
        started.send(signal.SIGINT)
        said = started.wait()
    (record,) = read_records(desk.folder / "out")
    assert (said.code, record.stop, record.verdict) == (130, "interrupted", "not_run")
    assert record.sub_phases["wait.rate_limit"] > 0
    assert server.asked["hasty"] == 1


def test_a_feature_that_cannot_be_prepared_leaves_the_others_theirs(desk: Desk) -> None:
    """Its trials are errors of infrastructure without a sandbox; the other target's trial passes; exit code 4."""
    TargetFiles().write(desk.folder / "targets", FeatureFiles(turns=SOLVED))
    TargetFiles(name="broken", setup=("mkdir -p $SPLITCLOCK_PREFIX", "echo no such package; exit 3")).write(
        desk.folder / "targets", FeatureFiles(turns=SOLVED)
    )
    file = matrix(desk.folder / "half.toml", {"m": simulated("demo")}, ["broken/double", "calc/double"])
    said = desk.give("run", file, "--fixtures", desk.folder / "targets", "--sandbox", "local")
    (run,) = desk.runs()
    found = {record.trial.feature: record for record in read_records(run)}
    assert found["calc/double"].verdict == "pass"
    broken = found["broken/double"]
    assert (broken.verdict, broken.stop, broken.wall_ns, broken.attempt) == ("error:infra", "error:infra", 0, 1)
    assert "no such package" in broken.error
    assert said.code == 4
    assert "1 of 2 trials ended in error:infra" in said.err
