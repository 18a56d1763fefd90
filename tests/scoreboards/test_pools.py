"""Boards whose records come one by one: the same figures as by the plain definition, and the same text for machines."""

import io
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.record import Record, Verdict, latest
from scoreboards.board import Board, BoardPool, build_board
from scoreboards.report.machine import board_json, write_board_json
from tests.scoreboards.conftest import make_call, make_record, make_tool
from tests.scoreboards.plain_board import plain_board

NS = st.integers(0, 10**12)
MAYBE_NS = st.none() | NS
TOKENS = st.none() | st.integers(0, 5000)
SERVERS: tuple[dict[str, float], ...] = (
    {},
    {"prompt_ms": 12.5, "predicted_ms": 250.25},
    {"queue_time_ms": 3.0, "time_to_first_token_ms": 40.0},
    {"openai-processing-ms": 77.0, "server.created_at": 5.0, "server.completed_at": 9.0},
)


@st.composite
def calls(draw: st.DrawFn) -> Any:
    """A call of which anything may be unknown, and that may be of a record from before a field existed."""
    call = make_call(
        draw(st.integers(1, 9)),
        connect_ns=draw(MAYBE_NS),
        first_token_ns=draw(MAYBE_NS),
        decode_ns=draw(MAYBE_NS),
        decode_tokens=draw(TOKENS),
        total_ns=draw(NS),
        output_tokens=draw(TOKENS),
        input_tokens=draw(TOKENS),
        faults=draw(st.lists(st.sampled_from(["timeout", "http_500"]), max_size=3)),
        transport=draw(st.sampled_from(["", "http"])),
        served_model=draw(st.sampled_from(["", "a-1", "a-1-2026-01-01"])),
        server_timings=draw(st.sampled_from(SERVERS)),
    )
    later = {"wait_ns": draw(NS), "largest_gap_ns": draw(NS)}
    return call if draw(st.booleans()) else type(call).model_validate({**call.model_dump(exclude_unset=True), **later})


@st.composite
def tools(draw: st.DrawFn) -> Any:
    """A tool call, perhaps without a process, a class of work or a signature."""
    known = make_tool(
        tool=draw(st.sampled_from(["shell", "read"])),
        total_ns=draw(st.integers(0, 2 * 10**11)),
        exec_ns=draw(st.none() | st.integers(0, 10**9)),
        cpu_s=draw(st.none() | st.floats(0, 10)),
        work=draw(st.sampled_from(["test", "other"])),
        signature=draw(st.sampled_from(["", "a"])),
        failed=draw(st.booleans()),
    ).model_dump(exclude_unset=True)
    for name in draw(st.sets(st.sampled_from(["work", "signature"]), max_size=1)):
        del known[name]
    return known


@st.composite
def attempts(draw: st.DrawFn) -> Record:
    """An attempt at one of few trials, so that several are of the same one."""
    lengths = draw(st.lists(st.integers(0, 50), min_size=7, max_size=7))
    names = ("setup", "model", "tool", "overlap", "wait", "grade", "harness")
    phases = dict(zip(names, lengths, strict=True))
    model = draw(st.sampled_from(["slow", "fast"]))
    subs = {"model.decode": phases["model"] * 10**9, "tool.exec": 5, "wait.tool_slot": draw(st.integers(0, 9))}
    return make_record(
        phases,
        run=draw(st.sampled_from(["one", "two"])),
        model=model,
        requested_model=draw(st.sampled_from(["", "a-1"])),
        feature=draw(st.sampled_from(["a/x", "a/y"])),
        repeat=draw(st.integers(1, 2)),
        attempt=draw(st.integers(1, 3)),
        claimed_tokens_per_s=draw(st.none() | st.just(65.0)),
        verdict=draw(st.sampled_from(list(Verdict))),
        simulated=draw(st.booleans()),
        noisy=draw(st.booleans()),
        noise=draw(st.lists(st.sampled_from(["busy for 12 %", "busy for 30 %", "steal"]), max_size=2)),
        sub_phases={key: ns for key, ns in subs.items() if draw(st.booleans())},
        summed={"tool": 3} if draw(st.booleans()) else {},
        calls=draw(st.lists(calls(), max_size=3)),
        tool_calls=draw(st.lists(tools(), max_size=4)),
        unanswered_calls=draw(st.integers(0, 1)),
        unanswered_faults=draw(st.lists(st.just("timeout"), max_size=2)),
        turns=draw(st.integers(0, 9)),
        cost_usd=draw(st.none() | st.floats(0, 3)),
        cost_is_lower_bound=draw(st.booleans()),
    )


def marked(records: Iterable[Record]) -> list[tuple[Record, bool]]:
    """The attempts in the order that a reader gives them: those at one trial together, the last one marked."""
    every = list(records)
    last = {(record.run, record.trial.id): record for record in latest(every)}
    own = [[record for record in every if (record.run, record.trial.id) == key] for key in last]
    return [(record, record is found) for group, found in zip(own, last.values(), strict=True) for record in group]


def pooled(records: Iterable[Record]) -> Board:
    """The board of records that come one by one."""
    pool = BoardPool()
    trials = []
    for record, final in marked(records):
        pool.add(record, final=final)
        trials += [record] if final else []
    return pool.board(tuple(trials))


@given(st.lists(attempts(), max_size=12))
def test_a_board_in_one_pass_is_the_board(records: list[Record]) -> None:
    """Whatever is unknown, failed or tried again: every figure is that of the plain definition, to the last digit."""
    plain = plain_board(records)
    assert build_board(records) == plain
    assert pooled(records) == plain


@given(st.lists(attempts(), max_size=6))
def test_a_board_for_machines_is_the_same_text_in_one_pass(records: list[Record]) -> None:
    """Trials are written as they come; the text is that of the whole board."""
    written = io.StringIO()
    write_board_json(marked(records), written)
    assert written.getvalue() == board_json(build_board(records)) + "\n"
