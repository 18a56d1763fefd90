"""Measured first token and decode against the simulator's own log of when it sent each byte; one clock for both."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.models.contract import Message, Model, Reply, Role
from harness.models.factory import APIS, load_api, open_model
from harness.models.settings import ModelSettings
from harness.models.wire_file import FileWireLog
from harness.models.wire_log import WireLog, recording
from harness.redact import Redactor
from harness.simulator.config import Pace
from harness.simulator.handler import SCRIPT_HEADER
from harness.simulator.log import SentRow, read_log
from harness.simulator.process import Simulator
from harness.turns import Turn
from tests.bench.figures import Details, Figure, Findings
from tests.bench.rig import Rig

STREAMS = {65: (1, 16), 1000: (1, 4)}
"""By tokens/s: how many at once."""

APART_MS = 10.0
"""A stream begins so long after the one before. Sixteen that begin in the same millisecond wait for each other in the
two interpreters, ours and the simulator's, before a byte is sent or read; a line of the table shows it.
"""

DECODE_S = 1.5
ROUNDS = 3
LEAST_ALLOWED_MS = 5.0
ALLOWED_SHARE = 0.01
WHATS = ("first token", "decode")

KEY = "sk-bench-" + "0123456789abcdef" * 10
"""As long as keys are: what looks for it takes longer then."""

WARM_UP = Turn(content="warm")
"""A first turn on each connection, as a trial has one; it is not measured."""

_CHUNKS_A_SECOND = 125
_LOG_PATIENCE_S = 10.0
_NS_A_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many streams at once over a wire API, each at so many tokens/s."""

    api: str
    speed: int
    streams: int
    apart_ms: float = APART_MS

    def __str__(self) -> str:
        """As it stands in tables."""
        herd = "" if self.apart_ms else ", begun at once"
        return f"{self.api}, {self.speed:,} tokens/s x {self.streams}{herd}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One interval as the client measured it and as the server's log has it, in milliseconds.

    `what` is one of `WHATS`. `begins` and `ends` are the client's moments after the server's; their difference is the
    error. `t0` and `t1` are the client's moments in nanoseconds.
    """

    what: str
    t0: int
    t1: int
    measured: float
    truth: float
    begins: float
    ends: float

    @property
    def error(self) -> float:
        """By how much the measurement misses the truth."""
        return abs(self.measured - self.truth)

    @property
    def allowed(self) -> float:
        """1 % of the truth, at least 5 ms."""
        return max(ALLOWED_SHARE * self.truth, LEAST_ALLOWED_MS)

    @property
    def severity(self) -> float:
        """The error as a share of what is allowed."""
        return self.error / self.allowed


Ask = Callable[[Load], tuple[Pair, ...]]
"""Lets a load run once; a first-token pair and a decode pair of each stream."""


def pace(speed: int) -> Pace:
    """A model of so many tokens/s: the slow one has a chunk for each token, fast ones several in each, as real ones."""
    slow = speed <= _CHUNKS_A_SECOND
    first_token_ms, chunk = (400, 1) if slow else (200, -(-speed // _CHUNKS_A_SECOND))
    return Pace(first_token_ms=first_token_ms, tokens_per_s=speed, tokens_per_chunk=chunk)


@contextmanager
def asking(rig: Rig, speeds: Collection[int]) -> Iterator[Ask]:
    """A simulator that speaks at these speeds, for 1.5 s each time, and what measures loads on it."""
    log = rig.scratch / "sent.jsonl"
    paces = {str(speed): pace(speed) for speed in speeds}
    scripts = {str(speed): [WARM_UP, Turn(content="four" * round(speed * DECODE_S))] for speed in speeds}
    with Simulator(paces, scripts, log) as simulator:
        yield lambda load: _asked(rig, simulator.base_url, log, load)


def _asked(rig: Rig, base_url: str, log: Path, load: Load) -> tuple[Pair, ...]:
    name = str(load.speed)
    settings = ModelSettings(model=name, base_url=base_url, api=load.api, headers={SCRIPT_HEADER: name})
    load_api(load.api)
    models = [open_model(settings, None, rig.clock) for _ in range(load.streams)]
    try:
        with ThreadPoolExecutor(load.streams) as pool:
            logs = (
                FileWireLog(rig.scratch / f"wire-{number}.jsonl", Redactor([KEY])) for number in range(load.streams)
            )
            after_ms = (load.apart_ms * number for number in range(load.streams))
            replies = list(pool.map(_reply, models, logs, after_ms))
    finally:
        for model in models:
            model.close()
    sent = _sent(log, {reply.attempts[-1].request_id for reply in replies})
    return tuple(pair for reply in replies for pair in _pairs(reply, sent[reply.attempts[-1].request_id]))


def _reply(model: Model, log: WireLog, after_ms: float) -> Reply:
    """The second answer, written down as it comes, as it is in a run."""
    time.sleep(after_ms / 1e3)
    go = Message(role=Role.USER, content="go")
    with recording(log):
        log.begin(1, "")
        warm = model.reply([go], [])
        log.begin(2, "")
        reply = model.reply([go, warm.message, go], [])
        log.settle()
    return reply


def _sent(log: Path, requests: Collection[str]) -> dict[str, SentRow]:
    """The server's lines about these requests, which it writes after the client has everything."""
    until = time.monotonic() + _LOG_PATIENCE_S
    while time.monotonic() < until:
        found = {row.id: row for row in read_log(log) if row.id in requests}
        if len(found) == len(requests):
            return found
        time.sleep(0.02)
    raise RuntimeError(f"the simulator's log lacks answers to {len(requests) - len(found)} of {len(requests)} requests")


def _pairs(reply: Reply, sent: SentRow) -> tuple[Pair, Pair]:
    times = reply.times
    measured = _moments(times.send, times.first_token, times.last_token)
    truth = _moments(sent.received_ns, sent.first_token_ns, sent.last_token_ns)
    return _pair(WHATS[0], measured[:2], truth[:2]), _pair(WHATS[1], measured[1:], truth[1:])


def _moments(*moments: int | None) -> tuple[int, ...]:
    """Sending, first and last token, on the clock that all processes of a machine share, in nanoseconds."""
    known = tuple(moment for moment in moments if moment is not None)
    if len(known) < len(moments):
        raise RuntimeError("an answer of the simulator came without a token")
    return known


def _pair(what: str, client: Sequence[int], server: Sequence[int]) -> Pair:
    (client_t0, client_t1), (server_t0, server_t1) = client, server
    return Pair(
        what=what,
        t0=client_t0,
        t1=client_t1,
        measured=(client_t1 - client_t0) / _NS_A_MS,
        truth=(server_t1 - server_t0) / _NS_A_MS,
        begins=(client_t0 - server_t0) / _NS_A_MS,
        ends=(client_t1 - server_t1) / _NS_A_MS,
    )


def measure(rig: Rig) -> Findings:
    """Every API at 65 tokens/s with 1 and 16 streams and at 1,000 with 1 and 4, three rounds; of each the worst.

    Sixteen that begin in the same millisecond are shown beside them.
    """
    loads = [
        Load(api=api, speed=speed, streams=streams)
        for api in APIS
        for speed, counts in STREAMS.items()
        for streams in counts
    ]
    herd = Load(api="chat", speed=65, streams=16, apart_ms=0)
    rounds: dict[Load, list[tuple[Pair, ...]]] = {load: [] for load in (*loads, herd)}
    with asking(rig, STREAMS) as ask:
        for _ in range(ROUNDS):
            for load, mine in rounds.items():
                mine.append(ask(load))
    figures = tuple(_figure(load, rounds[load]) for load in loads)
    return Findings(figures=figures, details=(details(rounds),))


def _figure(load: Load, rounds: Sequence[tuple[Pair, ...]]) -> Figure:
    """The middle round's worst error: one hiccup of a shared machine is not the clock's."""
    worst = middle(rounds)
    return Figure(
        name=f"truth_{load.api}_{load.speed}_tokens_per_s_{load.streams}_streams",
        value=worst.error,
        unit="ms",
        reference=f"1 % of {worst.truth:,.0f} ms of {worst.what}, at least {LEAST_ALLOWED_MS:g} ms",
        reference_value=worst.allowed,
        target="a round's worst error within it",
        met=worst.error <= worst.allowed,
    )


def middle(rounds: Sequence[tuple[Pair, ...]]) -> Pair:
    """Of the worst pairs of each round the one in the middle, by what is allowed."""
    worsts = sorted((max(pairs, key=lambda pair: pair.severity) for pairs in rounds), key=lambda pair: pair.severity)
    return worsts[len(worsts) // 2]


def details(rounds: Mapping[Load, Sequence[tuple[Pair, ...]]]) -> Details:
    """The worst of all rounds, for first token and decode of each load."""
    rows = []
    for load, mine in rounds.items():
        for what in WHATS:
            pairs = [pair for each in mine for pair in each if pair.what == what]
            rows.append((str(load), what, *_cells(max(pairs, key=lambda pair: pair.error)), f"{len(pairs)}"))
    columns = ("streams", "what", "measured", "server's log", "worst difference", "client begins", "client ends", "of")
    return Details(title="measured against the simulator's own log", columns=columns, rows=tuple(rows))


def _cells(worst: Pair) -> tuple[str, ...]:
    return (
        f"{worst.measured:,.2f} ms",
        f"{worst.truth:,.2f} ms",
        f"{worst.measured - worst.truth:+.2f} ms",
        f"{worst.begins:+.2f} ms",
        f"{worst.ends:+.2f} ms",
    )
