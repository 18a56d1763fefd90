"""What only R3 stops, against the same target with a service: the suite and its probes are fooled, HTTP is not."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.clock import Stopwatch, SystemClock
from harness.features import Feature, Service
from harness.grade_policy import Submission
from harness.judge import Judgement, judge
from harness.prepare import Prepared, prepare
from harness.record import Verdict
from harness.runners.contract import BLACK_BOX, Outcome, is_black_box
from harness.suite import SuiteJob, hidden_tests, reference
from sandbox.checkout import Checkouts
from sandbox.contract import SandboxProvider
from tests.attacks.cases import TARGET, load_attacks
from tests.attacks.lab import feature

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SERVER = """
import http.server, json
import calc

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "up")

    def do_POST(self):
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self.answer(200, calc.double(value))
        except (AttributeError, TypeError) as error:
            self.answer(422, str(error))

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""
OUTSIDE = """
import json, os, urllib.error, urllib.request
import pytest

def ask(value):
    request = urllib.request.Request(os.environ["SPLITCLOCK_SERVICE"], data=json.dumps(value).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)

@pytest.mark.parametrize("value,double", [(31, 62), ("x y", "x yx y"), ([1, 2], [1, 2, 1, 2])])
def test_double(value, double):
    assert ask(value) == double

def test_refused():
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(None)
    assert refused.value.code == 422
    assert ask(2) == 4
"""
NAMES = ("test_double[31-62]", "test_double[x y-x yx y]", "test_double[value2-double2]", "test_refused")
ATTACKS = {attack.name: attack for attack in load_attacks() if attack.rung == "R3"}
SERVICE = Service(command=("python", "server.py"), ready="http://127.0.0.1:8000/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The target with its service, prepared."""

    prepared: Prepared
    provider: SandboxProvider
    checkouts: Checkouts

    def judge(self, handed_in: Submission) -> Judgement:
        """The whole judgement of a submission, black-box tests and all."""
        job = SuiteJob(
            feature=self.prepared.feature,
            environment=self.prepared.environment,
            snapshot=self.prepared.snapshot,
            submission=handed_in,
            hidden=hidden_tests(self.prepared.feature),
            acceptance=self.prepared.acceptance,
        )
        return judge(job, self.provider.open, Stopwatch(SystemClock()), lambda _report: None)

    def reference(self) -> Submission:
        """The reference solution."""
        return reference(self.prepared.feature, self.prepared.snapshot, self.checkouts)


def with_service(folder: Path) -> Feature:
    """A copy of the target that speaks HTTP, and its feature with black-box tests."""
    shutil.copytree(TARGET, folder)
    (folder / "app" / "server.py").write_text(SERVER, encoding="utf-8")
    known = feature()
    place = folder / "features" / "double"
    (place / "acceptance").mkdir()
    (place / "acceptance" / "test_outside.py").write_text(OUTSIDE, encoding="utf-8")
    assert known.manifest is not None
    source = replace(known.target.source, path=folder / "app")
    ids = tuple(f"{BLACK_BOX}acceptance/test_outside.py::{name}" for name in NAMES)
    return replace(
        known,
        folder=place,
        target=replace(known.target, folder=folder, source=source, service=SERVICE),
        black_box=("acceptance",),
        manifest=replace(known.manifest, fail_to_pass=(*known.manifest.fail_to_pass, *ids)),
    )


@pytest.fixture(scope="module")
def outside(docker_provider: SandboxProvider, tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """The target with a service, prepared once."""
    folder = tmp_path_factory.mktemp("outside")
    checkouts = Checkouts(folder / "checkouts")
    made = prepare(with_service(folder / "target"), docker_provider, checkouts, print)
    return Outside(prepared=made, provider=docker_provider, checkouts=checkouts)


def test_the_reference_passes_with_probes_and_from_outside(outside: Outside) -> None:
    """The suite, its probes, and the black-box tests all have their say."""
    found = outside.judge(outside.reference())
    assert (found.grade.verdict, found.grade.rung) == (Verdict.PASS, "R3")
    assert found.probes


def test_nothing_at_all_fails_from_outside(outside: Outside) -> None:
    """No black-box test passes without the feature."""
    found = outside.judge(Submission())
    said: Mapping[str, str] = {one: how for one, how in found.grade.fail_to_pass.items() if is_black_box(one)}
    assert (found.grade.verdict, set(said.values())) == (Verdict.FAIL, {Outcome.FAILED.value})


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_what_passes_in_the_process_fails_from_outside(outside: Outside, name: str) -> None:
    """Each documented hole: every new test of the suite passes, and the verdict is fail."""
    found = outside.judge(Submission(kept=ATTACKS[name].files))
    inside = {how for one, how in found.grade.fail_to_pass.items() if not is_black_box(one)}
    assert (inside, found.grade.verdict) == ({Outcome.PASSED.value}, Verdict.FAIL)
