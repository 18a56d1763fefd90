"""Measured first token and decode against the simulator's own log of when it sent each byte; one clock for both."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.models.contract import Message, Model, Reply, Role
from harness.models.factory import load_api, open_model
from harness.models.settings import ModelSettings
from harness.simulator.config import Pace
from harness.simulator.handler import SCRIPT_HEADER
from harness.simulator.log import SentRow, read_log
from harness.simulator.process import Simulator
from harness.turns import Turn
from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig

PACES = {
    65: Pace(first_token_ms=400, tokens_per_s=65, tokens_per_chunk=1),
    1000: Pace(first_token_ms=200, tokens_per_s=1000, tokens_per_chunk=8),
}
TOKENS = {65: 130, 1000: 2000}
"""Two seconds of decoding each."""

WARM_UP = Turn(content="warm")
"""A first turn on each connection, as a trial has one; it is not measured."""

STREAMS = (1, 4)
ROUNDS = 3
LEAST_ALLOWED_MS = 5.0
ALLOWED_SHARE = 0.01
_LOG_PATIENCE_S = 10.0
_NS_A_MS = 1e6

_Cell = tuple[int, int]  # tokens/s, streams


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """One interval as the client measured it and as the server's log has it, in milliseconds.

    `begins` and `ends` are the client's moments after the server's; their difference is the error.
    """

    what: str
    measured: float
    truth: float
    begins: float
    ends: float

    @property
    def error(self) -> float:
        return abs(self.measured - self.truth)

    @property
    def allowed(self) -> float:
        return max(ALLOWED_SHARE * self.truth, LEAST_ALLOWED_MS)

    @property
    def severity(self) -> float:
        return self.error / self.allowed


def measure(rig: Rig) -> Findings:
    """1 and 4 streams at 65 and 1,000 tokens/s, three rounds each; of each round the worst error."""
    log = rig.scratch / "sent.jsonl"
    scripts = {str(speed): [WARM_UP, Turn(content="four" * count)] for speed, count in TOKENS.items()}
    cells: dict[_Cell, list[tuple[_Pair, ...]]] = {(speed, streams): [] for speed in PACES for streams in STREAMS}
    with Simulator({str(speed): pace for speed, pace in PACES.items()}, scripts, log) as simulator:
        for _ in range(ROUNDS):
            for cell, rounds in cells.items():
                rounds.append(tuple(_cell(rig, simulator.base_url, log, cell)))
    figures = tuple(_figure(cell, rounds) for cell, rounds in cells.items())
    return Findings(figures=figures, details=(_details(cells),))


def _cell(rig: Rig, base_url: str, log: Path, cell: _Cell) -> Iterator[_Pair]:
    speed, streams = cell
    settings = ModelSettings(model=str(speed), base_url=base_url, headers={SCRIPT_HEADER: str(speed)})
    load_api(settings.api)
    models = [open_model(settings, None, rig.clock) for _ in range(streams)]
    try:
        with ThreadPoolExecutor(streams) as pool:
            replies = list(pool.map(_asked, models))
    finally:
        for model in models:
            model.close()
    for reply in replies:
        yield from _pairs(reply, _sent(log, reply.attempts[-1].request_id))


def _asked(model: Model) -> Reply:
    go = Message(role=Role.USER, content="go")
    warm = model.reply([go], [])
    return model.reply([go, warm.message, go], [])


def _sent(log: Path, request: str) -> SentRow:
    """The server's line about a request, which it writes after the client has everything."""
    until = time.monotonic() + _LOG_PATIENCE_S
    while time.monotonic() < until:
        for row in read_log(log):
            if row.id == request:
                return row
        time.sleep(0.02)
    raise RuntimeError(f"the simulator's log has no answer to {request}")


def _pairs(reply: Reply, sent: SentRow) -> tuple[_Pair, _Pair]:
    times = reply.times
    if times.first_token is None or times.last_token is None:
        raise RuntimeError(f"a reply came without a token: {reply}")
    first = _Stretch(times.send, times.first_token)
    decode = _Stretch(times.first_token, times.last_token)
    return (
        _pair("first token", first, _Stretch(sent.received_ns, sent.first_token_ns)),
        _pair("decode", decode, _Stretch(sent.first_token_ns, sent.last_token_ns)),
    )


class _Stretch(NamedTuple):
    """Two moments on the clock that all processes of a machine share, in nanoseconds."""

    t0: int
    t1: int


def _pair(what: str, client: _Stretch, server: _Stretch) -> _Pair:
    return _Pair(
        what=what,
        measured=(client.t1 - client.t0) / _NS_A_MS,
        truth=(server.t1 - server.t0) / _NS_A_MS,
        begins=(client.t0 - server.t0) / _NS_A_MS,
        ends=(client.t1 - server.t1) / _NS_A_MS,
    )


def _figure(cell: _Cell, rounds: list[tuple[_Pair, ...]]) -> Figure:
    """The middle round's worst error: one hiccup of a shared machine is not the clock's."""
    worsts = sorted((max(pairs, key=lambda pair: pair.severity) for pairs in rounds), key=lambda pair: pair.severity)
    worst = worsts[len(worsts) // 2]
    return Figure(
        name=f"truth_{cell[0]}_tokens_per_s_{cell[1]}_streams",
        value=worst.error,
        unit="ms",
        reference=f"1 % of {worst.truth:,.0f} ms of {worst.what}, at least {LEAST_ALLOWED_MS:g} ms",
        reference_value=worst.allowed,
        target="a round's worst error within it",
        met=worst.error <= worst.allowed,
    )


def _details(cells: Mapping[_Cell, list[tuple[_Pair, ...]]]) -> Details:
    rows = []
    for (speed, streams), rounds in cells.items():
        for what in ("first token", "decode"):
            mine = [pair for pairs in rounds for pair in pairs if pair.what == what]
            worst = max(mine, key=lambda pair: pair.error)
            rows.append(
                (
                    f"{speed} tokens/s x {streams}",
                    what,
                    f"{worst.measured:,.2f} ms",
                    f"{worst.truth:,.2f} ms",
                    f"{worst.measured - worst.truth:+.2f} ms",
                    f"{worst.begins:+.2f} ms",
                    f"{worst.ends:+.2f} ms",
                    f"{len(mine)}",
                )
            )
    columns = ("streams", "what", "measured", "server's log", "worst difference", "client begins", "client ends", "of")
    return Details(title="measured against the simulator's own log", columns=columns, rows=tuple(rows))
