"""Trials as OpenTelemetry traces by the GenAI conventions, named as in their release 1.41.1.

`invoke_workflow {trial}` > `invoke_agent {model}` > `chat {model}` (client) and `execute_tool {tool}`. A chat span
covers the logical call with its retries, of which the failed ones are events. Set-up and grading are spans of our own
beside the agent's. Ids are made from the run and the trial, so that exporting twice gives the same trace.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from harness.record import CallRow, Record, ToolRow
from harness.untrusted import plain
from scoreboards.flat import Told
from scoreboards.report.spreadsheet import Writes
from scoreboards.timeline import Kind, Row, timeline_rows

CONVENTIONS = "1.41.1"
"""The release of the semantic conventions whose names are used."""

_SCHEMA_URL = f"https://opentelemetry.io/schemas/{CONVENTIONS}"
_SCOPE = InstrumentationScope("splitclock", schema_url=_SCHEMA_URL)
_FAILED = "failed_call"


def otel_spans(told: Told) -> tuple[ReadableSpan, ...]:
    """A trial's spans, parents first; moments in nanoseconds since 1970, anchored where the record says it began."""
    return tuple(_Trial(told).spans())


def write_otlp(batches: Iterable[tuple[ReadableSpan, ...]], to: Writes) -> None:
    """The spans of all batches as one OTLP/JSON trace request, written as they come."""
    to.write('{"resourceSpans": [')
    resources = (one for spans in batches for one in otlp_value(spans).get("resourceSpans", []))
    for number, resource in enumerate(resources):
        to.write(("," if number else "") + "\n" + json.dumps(resource, allow_nan=False))
    to.write("]}\n")


def otlp_value(spans: tuple[ReadableSpan, ...]) -> dict[str, Any]:
    """The spans as an OTLP/JSON trace request: what a collector's HTTP endpoint takes, ids in hexadecimal digits."""
    from google.protobuf.json_format import MessageToDict

    value = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource in value.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                span.update({name: _hexadecimal(span[name]) for name in _IDS if name in span})
    return dict(value)


_IDS = ("traceId", "spanId", "parentSpanId")


def _hexadecimal(base64_text: str) -> str:
    """OTLP's JSON has ids in hexadecimal digits, where protobuf's own mapping has base64."""
    return b64decode(base64_text).hex()


class _Trial:
    """One trial's trace under construction."""

    def __init__(self, told: Told) -> None:
        self._told = told
        record = told.record
        self._name = f"{record.run}/{record.trial.id}/{record.attempt}"
        self._trace = int.from_bytes(blake2b(self._name.encode(), digest_size=16).digest(), "big") or 1
        self._start = round(datetime.fromisoformat(record.started_utc).timestamp() * 1e6) * 1000
        self._resource = Resource(
            {"service.name": "splitclock", "splitclock.run": plain(record.run), **_host(record.provenance)}
        )

    def spans(self) -> Iterator[ReadableSpan]:
        """All of them, each after its parent."""
        record, trial = self._told.record, self._told.record.trial
        rows = timeline_rows(record, self._told.spans)
        label = f"{trial.model} {trial.feature} {trial.repeat}"
        root = self._span(f"invoke_workflow {label}", (0, record.wall_ns), None, _workflow(record))
        yield root
        own = [row for row in rows if row.kind in (Kind.CALL, Kind.TOOL)]
        if own:
            whole = (min(row.t0 for row in own), max(row.t1 for row in own))
            agent = self._span(f"invoke_agent {trial.model}", whole, root, _agent(record))
            yield agent
            for row in own:
                yield self._call(row, agent) if row.kind is Kind.CALL else self._tool(row, agent)
        for row in rows:
            if row.kind not in (Kind.CALL, Kind.TOOL):
                yield self._span(row.label, (row.t0, row.t1), root, {"splitclock.phase": row.spans[0].phase})

    def _call(self, row: Row, parent: ReadableSpan) -> ReadableSpan:
        record = self._told.record
        asked = record.trial.requested_model or record.trial.model
        events = tuple(
            Event(
                "splitclock.failed_attempt",
                {"error.type": plain(str(span.details.get("fault") or "unknown"))},
                self._start + span.t1,
            )
            for span in row.spans
            if span.sub == _FAILED
        )
        about = _chat(record, row.call)
        failed = row.call is None
        return self._span(
            f"chat {asked}", (row.t0, row.t1), parent, about, kind=SpanKind.CLIENT, events=events, failed=failed
        )

    def _tool(self, row: Row, parent: ReadableSpan) -> ReadableSpan:
        name = row.tool.tool if row.tool else row.spans[0].name
        failed = row.tool is None or row.tool.failed
        return self._span(f"execute_tool {name}", (row.t0, row.t1), parent, _tool(name, row.tool), failed=failed)

    def _span(  # noqa: PLR0913 - what an OpenTelemetry span is made of
        self,
        name: str,
        when: tuple[int, int],
        parent: ReadableSpan | None,
        attributes: Mapping[str, Any],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        events: tuple[Event, ...] = (),
        failed: bool = False,
    ) -> ReadableSpan:
        begin, end = when
        number = blake2b(f"{self._name}/{name}/{begin}/{end}".encode("utf-8", "replace"), digest_size=8).digest()
        return ReadableSpan(
            plain(name),
            context=SpanContext(self._trace, int.from_bytes(number, "big") or 1, False, TraceFlags(1)),  # noqa: FBT003
            parent=None if parent is None else parent.get_span_context(),
            resource=self._resource,
            attributes={key: plain(v) if isinstance(v, str) else v for key, v in attributes.items() if v is not None},
            events=events,
            kind=kind,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=self._start + begin,
            end_time=self._start + end,
            instrumentation_scope=_SCOPE,
        )


def _host(provenance: Mapping[str, str]) -> dict[str, str]:
    version = provenance.get("splitclock", "")
    return {"service.version": plain(version)} if version else {}


def _workflow(record: Record) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "invoke_workflow",
        "splitclock.trial": record.trial.id,
        "splitclock.feature": record.trial.feature,
        "splitclock.repeat": record.trial.repeat,
        "splitclock.attempt": record.attempt,
        "splitclock.simulated": record.trial.simulated,
        "splitclock.verdict": str(record.verdict),
        "splitclock.stop": record.stop,
        "splitclock.rung": record.grade.rung or None,
        "splitclock.cost_usd": record.cost_usd,
        **{f"splitclock.phase.{phase}_ns": ns for phase, ns in record.phases.items()},
        "error.type": record.stop if record.error else None,
    }


def _agent(record: Record) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": record.trial.model,
        "gen_ai.request.model": record.trial.requested_model or record.trial.model,
    }


def _chat(record: Record, call: CallRow | None) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": record.trial.requested_model or record.trial.model,
    }
    if call is None:
        return {**asked, "error.type": record.unanswered_faults[-1] if record.unanswered_faults else "no_answer"}
    chunk = call.first_chunk_ns
    return {
        **asked,
        "gen_ai.response.model": call.served_model or None,
        "gen_ai.response.id": call.request_id or None,
        "gen_ai.response.finish_reasons": (call.finish_reason,) if call.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": None if chunk is None else chunk / 1e9,
        "gen_ai.usage.input_tokens": call.input_tokens,
        "gen_ai.usage.output_tokens": call.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": call.cached_input_tokens,
        "gen_ai.usage.reasoning.output_tokens": call.reasoning_tokens,
        "splitclock.turn": call.turn,
        "splitclock.attempts": call.attempts,
    }


def _tool(name: str, tool: ToolRow | None) -> dict[str, Any]:
    base: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    if tool is None:
        return {**base, "error.type": "no_result"}
    ended = "timeout" if tool.timed_out else "failed" if tool.failed else None
    return {
        **base,
        "splitclock.turn": tool.turn,
        "splitclock.work": tool.work,
        "splitclock.exec_ns": tool.exec_ns,
        "splitclock.cpu_s": tool.cpu_s,
        "splitclock.exit_code": tool.exit_code,
        "error.type": ended,
    }
