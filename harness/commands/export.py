"""`splitclock export`: runs in the formats that other people's tools read."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from harness.commands import options
from harness.commands.session import say
from harness.commands.telling import Telling
from harness.errors import ConfigError, InfraError
from harness.files import disk_errors
from harness.untrusted import one_line
from scoreboards.flat import TABLES, Told


class Format(StrEnum):
    """What to write."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    PERFETTO = "perfetto"
    OTLP = "otlp"


Table = StrEnum("Table", {name.upper(): name for name in TABLES})  # type: ignore[misc]  # the names are those of TABLES

DEFAULT_TABLE = Table("trials")
_AT_ONCE = 20
"""Trials of which the spans are sent to a collector in one request."""


def command(
    runs: options.RunFolders,
    *,
    format_: Annotated[Format, typer.Option("--format", "-f", help="What to write.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where to, instead of standard output.")
    ] = None,
    table: Annotated[Table, typer.Option("--table", help="Which rows json, csv and parquet hold.")] = DEFAULT_TABLE,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Send OTLP there, instead of writing it.")
    ] = None,
) -> None:
    """Every attempt of runs as rows (json a line each, csv, parquet), or as a trace (perfetto, otlp).

    Example: splitclock export runs/demo-20260101T120000Z --format perfetto -o trace.json
    """
    if endpoint is not None and format_ is not Format.OTLP:
        raise ConfigError("--endpoint sends OpenTelemetry spans: add --format otlp")
    if endpoint is not None and out is not None:
        raise ConfigError("--endpoint and --out: choose one")
    telling = Telling(spans=format_ in (Format.PERFETTO, Format.OTLP) or table.value == "spans")
    told = telling.of(runs)
    if format_ is Format.PARQUET:
        _parquet(table.value, told, out)
    elif endpoint is not None:
        _send(told, endpoint)
    elif format_ is Format.PERFETTO:
        first = _first(runs)
        with _opened(out) as to:
            _perfetto(told, first, to)
    else:
        with _opened(out) as to:
            _write(format_, table.value, told, to)
    telling.say_gone()


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with disk_errors(out, "written"), out.open("w", encoding="utf-8", newline="") as to:
        yield to


def _write(format_: Format, table: str, told: Iterable[Told], to: TextIO) -> None:
    from scoreboards.report.spreadsheet import write_csv, write_ndjson

    if format_ is Format.CSV:
        write_csv(TABLES[table], told, to)
    elif format_ is Format.JSON:
        write_ndjson(TABLES[table], told, to)
    else:
        from scoreboards.report.telemetry import otel_spans, write_otlp

        write_otlp((otel_spans(one) for one in told), to)


def _parquet(table: str, told: Iterable[Told], out: Path | None) -> None:
    if out is None:
        raise ConfigError("a Parquet file is no text: give a file with -o")
    from scoreboards.report.spreadsheet import write_parquet

    with disk_errors(out, "written"):
        number = write_parquet(TABLES[table], told, out)
    say(f"{out}: {number} rows")


def _perfetto(told: Iterable[Told], first: datetime | None, to: TextIO) -> None:
    """One trace of all trials, each where it began on the common clock, which starts with the first of them."""
    from scoreboards.report.perfetto import trace_events, write_trace

    def events() -> Iterator[dict[str, Any]]:
        for number, one in enumerate(told, start=1):
            at = datetime.fromisoformat(one.record.started_utc)
            yield from trace_events(one, number, round((at - (first or at)).total_seconds() * 1e6) * 1000)

    write_trace(events(), to)


def _first(runs: Iterable[Path]) -> datetime | None:
    """When the first trial of the runs began."""
    records = (one.record for one in Telling(spans=False).of(runs))
    return min((datetime.fromisoformat(record.started_utc) for record in records), default=None)


def _send(told: Iterable[Told], endpoint: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    from scoreboards.report.telemetry import otel_spans

    if not endpoint.startswith(("http://", "https://")):
        raise ConfigError(
            f"--endpoint {one_line(endpoint, 80)}: give the whole URL, such as http://localhost:4318/v1/traces"
        )
    exporter = OTLPSpanExporter(endpoint=endpoint)
    trials = sent = 0
    for batch in _batched(told):
        spans = [span for one in batch for span in otel_spans(one)]
        if exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise InfraError(f"{one_line(endpoint, 80)}: the collector did not take the spans; is it listening?")
        trials, sent = trials + len(batch), sent + len(spans)
    say(f"{one_line(endpoint, 80)}: {sent} spans of {trials} trials")


def _batched(told: Iterable[Told]) -> Iterator[list[Told]]:
    """Neighbours, as many as are sent at once."""
    rest = iter(told)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
