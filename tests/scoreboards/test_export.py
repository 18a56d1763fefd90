"""Exports: rows of every table in every format, traces that nest, spans that a collector takes, nothing that runs."""

import csv
import io
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.testing import CliRunner, Result

from harness.artefacts import TrialFolder
from harness.cli import command_line
from harness.journal import Journal
from harness.record import Record
from harness.redact import Redactor
from harness.run_folder import RunFolder
from scoreboards.flat import TABLES, Told
from scoreboards.report.perfetto import trace_events
from scoreboards.report.spreadsheet import write_csv, write_ndjson, write_parquet
from scoreboards.report.telemetry import otel_spans
from tests.scoreboards.conftest import make_call, make_tool
from tests.scoreboards.test_timeline import HOSTILE, SPANS, of_spans, span, tool_spans

FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def told() -> Told:
    """A trial with everything in it, and text that would run where it is not taken for data."""
    parallel = [
        *tool_spans("shell", 5000, 6600, turn=1, index=3),
        span("tool.transport", 3500, 6400, "read", turn=1, index=4),
    ]
    spans = (*SPANS, *parallel)
    calls = [make_call(1, served_model=FORMULA, finish_reason="tool_calls"), make_call(2, output_tokens=None)]
    tools = [make_tool(1, summary=HOSTILE, exit_code=1, failed=True), make_tool(2)]
    record = of_spans(spans, 12_200, calls=calls, tool_calls=tools, error=FORMULA, stop="finished")
    return Told(record=record, spans=spans)


@pytest.fixture
def run(tmp_path: Path, told: Told) -> Path:
    """A run that holds it."""
    with Journal.create(tmp_path / "run") as journal:
        journal.append_record(told.record)
        folder = TrialFolder(RunFolder(root=tmp_path / "run"), told.record.trial.id, 1, Redactor())
        folder.spans(told.spans)
    return tmp_path / "run"


def export(run: Path, *options: str) -> Result:
    """The command's outcome."""
    return CliRunner().invoke(command_line(), ["export", str(run), *options])


@pytest.mark.parametrize("name", TABLES)
def test_every_format_holds_the_same_rows(told: Told, name: str, tmp_path: Path) -> None:
    """NDJSON, CSV and Parquet agree, value by value; unknown is null, and empty in CSV."""
    table = TABLES[name]
    expected = list(table.rows(told))
    assert all(set(row) == set(table.columns) for row in expected)
    lines, sheet = io.StringIO(), io.StringIO()
    assert write_ndjson(table, [told], lines) == write_csv(table, [told], sheet) == len(expected)
    assert [json.loads(line) for line in lines.getvalue().splitlines()] == expected
    assert len(list(csv.DictReader(io.StringIO(sheet.getvalue())))) == len(expected)
    path = tmp_path / "it's.parquet"
    assert write_parquet(table, [told], path) == len(expected)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == expected
    assert {path.name for path in tmp_path.iterdir()} == {"it's.parquet"}


def test_formulas_stay_text(told: Told) -> None:
    """A spreadsheet that opens the CSV runs nothing that a model or a server wrote."""
    sheet = io.StringIO()
    write_csv(TABLES["calls"], [told], sheet)
    first, _ = csv.DictReader(io.StringIO(sheet.getvalue()))
    assert first["served_model"] == "'" + FORMULA


def test_trace_nests_and_counts_in_microseconds(told: Told) -> None:
    """On each track an event lies within another or beside it; a trial lasts as long as its record says."""
    events = [event for event in trace_events(told, 7, 0) if event["ph"] == "X"]
    tracks: dict[int, list[tuple[int, int]]] = {}
    for event in events:
        begin = round(event["ts"] * 1000)
        tracks.setdefault(event["tid"], []).append((begin, begin + round(event["dur"] * 1000)))
    for own in tracks.values():
        open_until: list[int] = []
        for begin, end in sorted(own, key=lambda pair: (pair[0], -pair[1])):
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)
    (whole,) = [event for event in events if event["name"] == "trial"]
    assert whole["dur"] == told.record.wall_ns / 1000
    assert {event["pid"] for event in events} == {7}
    assert "\x1b" not in json.dumps(events)


TRACE_PROCESSOR = os.environ.get("SPLITCLOCK_TRACE_PROCESSOR") or shutil.which("trace_processor_shell")


@pytest.mark.skipif(not TRACE_PROCESSOR, reason="no trace_processor_shell on PATH: the perfetto package downloads one")
def test_the_trace_processor_takes_the_trace(run: Path, told: Told, tmp_path: Path) -> None:
    """Perfetto's own reader finds every event where it should be, the trial as long as its record says, no error."""
    trace, query = tmp_path / "trace.json", tmp_path / "query.sql"
    export(run, "--format", "perfetto", "-o", str(trace))
    query.write_text(
        "select (select count(*) from slice), (select dur from slice where name = 'trial'),"
        " (select sum(value) from stats where severity = 'error');"
    )
    argv = [str(TRACE_PROCESSOR), "-q", str(query), str(trace)]
    printed = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
    events = [event for event in trace_events(told, 1, 0) if event["ph"] == "X"]
    assert printed.split()[-1].split(",") == [str(len(events)), str(told.record.wall_ns), "0"]


def test_trace_of_many_starts_with_the_first(tmp_path: Path, told: Told) -> None:
    """A process for each trial, where it began on one clock; the file is one JSON document."""
    with Journal.create(tmp_path / "run") as journal:
        for name, minute in (("late", 2), ("early", 1)):
            trial = told.record.trial.model_copy(update={"id": name})
            began = f"2026-01-01T00:0{minute}:00+00:00"
            journal.append_record(told.record.model_copy(update={"trial": trial, "started_utc": began}))
    value = json.loads(export(tmp_path / "run", "--format", "perfetto").stdout)
    begun = {one["args"]["trial"]: one["ts"] for one in value["traceEvents"] if one["name"] == "trial"}
    assert begun == {"late": 60_000_000, "early": 0}


def test_spans_are_the_conventions(told: Told) -> None:
    """A workflow over an agent over chats and tools, each inside its parent; figures in the units that are agreed."""
    spans = {one.context.span_id: one for one in otel_spans(told) if one.context is not None}
    assert len(spans) == len(otel_spans(told))
    by_name = {one.name.split()[0]: one for one in spans.values()}
    assert {"invoke_workflow", "invoke_agent", "chat", "execute_tool"} <= set(by_name)
    for one in spans.values():
        if one.parent is not None:
            parent = spans[one.parent.span_id]
            assert (parent.start_time or 0) <= (one.start_time or 0)
            assert (one.end_time or 0) <= (parent.end_time or 0)
    chats = [one for one in spans.values() if one.name.startswith("chat ")]
    about = dict(chats[0].attributes or {})
    assert about["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert about["gen_ai.usage.input_tokens"] == 1000
    assert [event.name for event in chats[1].events] == ["splitclock.failed_attempt"]
    assert "gen_ai.usage.output_tokens" not in dict(chats[1].attributes or {})


def test_otlp_file_is_what_the_protocol_says(run: Path) -> None:
    """The protocol's own message takes it, but for ids, which its JSON has in hexadecimal digits."""
    value = json.loads(export(run, "--format", "otlp").stdout)
    (scope,) = value["resourceSpans"][0]["scopeSpans"]
    for one in scope["spans"]:
        assert (len(bytes.fromhex(one["traceId"])), len(bytes.fromhex(one["spanId"]))) == (16, 8)
        for name in ("traceId", "spanId", "parentSpanId"):
            one.pop(name, None)
    message = ParseDict(value, ExportTraceServiceRequest())
    assert len(message.resource_spans[0].scope_spans[0].spans) == len(scope["spans"])


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes what is posted to it, and what it took."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_collector_gets_the_spans(run: Path, told: Told, collector: tuple[str, list[bytes]]) -> None:
    """Sent through the OpenTelemetry SDK over HTTP."""
    endpoint, taken = collector
    assert export(run, "--format", "otlp", "--endpoint", endpoint).exit_code == 0
    (body,) = taken
    request = ExportTraceServiceRequest.FromString(body)
    assert len(request.resource_spans[0].scope_spans[0].spans) == len(otel_spans(told))


def test_files_are_written(run: Path, tmp_path: Path, record: Callable[..., Record]) -> None:
    """Where -o says, all of it; a trial that was never tried has a row, and no spans to look for."""
    with Journal.open(run) as journal:
        journal.append_record(record({}, repeat=2, verdict="not_run", stop="deferred"))
    for format_ in ("json", "csv", "parquet", "perfetto"):
        out = tmp_path / f"it.{format_}"
        result = export(run, "--format", format_, "-o", str(out))
        assert (result.exit_code, result.stdout) == (0, "")
        assert out.stat().st_size > 100


def test_spans_that_are_gone_are_said_to_be(run: Path, tmp_path: Path) -> None:
    """A folder whose trials were cleared away still has its records, and an empty trace is a whole document."""
    shutil.rmtree(run / "trials")
    found = export(run, "--format", "otlp", "-o", str(tmp_path / "spans.json"))
    assert (found.exit_code, "holds no spans of 1 attempt" in found.stderr) == (0, True)
    assert "resourceSpans" in json.loads((tmp_path / "spans.json").read_text())


def test_runs_of_one_name_are_told_apart(tmp_path: Path, told: Told) -> None:
    """The same trial in two folders of the same name is two rows, each with its own run."""
    runs = [tmp_path / night / "run" for night in ("monday", "tuesday")]
    for one in runs:
        with Journal.create(one) as journal:
            journal.append_record(told.record.model_copy(update={"run": "run"}))
    found = CliRunner().invoke(command_line(), ["export", *map(str, runs), "--format", "json"])
    assert [json.loads(line)["run"] for line in found.stdout.splitlines()] == list(map(str, runs))
    page = tmp_path / "two.html"
    assert CliRunner().invoke(command_line(), ["report", *map(str, runs), "-o", str(page)]).exit_code == 0
    assert page.read_text(encoding="utf-8").count('id="body-') == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--format", "csv", "--endpoint", "http://x"), "add --format otlp"),
        (("--format", "otlp", "--endpoint", "http://x", "-o", "y"), "choose one"),
        (("--format", "otlp", "--endpoint", "localhost:4318"), "give the whole URL"),
        (("--format", "parquet"), "give a file with -o"),
        (("--format", "csv", "-o", "/nowhere/x.csv"), "/nowhere/x.csv"),
    ],
)
def test_what_is_refused(run: Path, options: tuple[str, ...], why: str) -> None:
    """One line that names the thing."""
    assert why in str(export(run, *options).exception)
