"""A run against a simulator that is nobody's child: with a key, a header for each trial, and a life of its own."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.record import Verdict
from harness.simulator.config import Pace
from harness.simulator.log import read_log
from tests.end_to_end.desk import Desk, by_model
from tests.end_to_end.outside import outside
from tests.end_to_end.targets import FINISH, SOLVE, FeatureFiles, TargetFiles, matrix

pytestmark = pytest.mark.slow

SCRIPTS = {"demo": (SOLVE, FINISH)}


def test_simulator_elsewhere_outlives_the_run(tmp_path: Path, shared_cache: Path) -> None:
    """All three APIs reach it, the record says that it is simulated, and it answers after the run has ended."""
    TargetFiles().write(tmp_path / "targets", FeatureFiles(turns=SCRIPTS))
    apis = ("chat", "responses", "responses-websocket")
    desk = Desk(folder=tmp_path, cache=shared_cache, variables={"THE_KEY": "sk-outside"})
    with outside(tmp_path, dict.fromkeys(apis, Pace()), {"calc/double:demo": SCRIPTS["demo"]}) as simulator:
        models = {api: simulator.table("demo", api, key_env="THE_KEY") for api in apis}
        file = matrix(tmp_path / "outside.toml", models)
        desk.must("run", file, "--fixtures", "targets", "--sandbox", "local", "--out", "out")
        records = by_model(tmp_path / "out")
        assert {name: record.verdict for name, record in records.items()} == dict.fromkeys(apis, Verdict.PASS)
        assert all(record.trial.simulated for record in records.values())
        assert not (tmp_path / "out" / "simulator.jsonl").exists()
        asked = {(row.trial, row.turn) for row in read_log(simulator.log)}
        assert asked == {(record.trial.id, turn) for record in records.values() for turn in range(2)}
        plan = desk.must("plan", file, "--fixtures", "targets", "--sandbox", "local", "--json").json()
        assert plan["receivers"] == dict.fromkeys(apis, "127.0.0.1")
        connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=30)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 200
        connection.close()
