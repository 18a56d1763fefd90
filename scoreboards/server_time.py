"""A provider's own clock beside ours: what it says of a call, and what is left for the network and buffers. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from harness.record import CallRow
from scoreboards.statistics import median_int
from scoreboards.sums import Adder, Numbers, numbers

MS, S = 10**6, 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTime:
    """What the server says of one call, in nanoseconds; what it does not say is None.

    `queue_ns` waited in the server, `first_token_ns` until its first token, the queue included, `generation_ns` from
    there to the last, `total_ns` all of it; `coarse_total_ns` is that by a clock of whole seconds. `headers_ns` is what
    it worked before it sent its headers.
    """

    source: str
    queue_ns: int | None = None
    first_token_ns: int | None = None
    generation_ns: int | None = None
    total_ns: int | None = None
    coarse_total_ns: int | None = None
    headers_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One stretch of the calls on both clocks, summed over the calls that have both, in nanoseconds.

    `difference_ns` is network and buffering: client less server, below 0 where the server counts more. The median is
    of the differences.
    """

    calls: int
    client_ns: int
    server_ns: int
    median_ns: int

    @property
    def difference_ns(self) -> int:
        """Client less server."""
        return self.client_ns - self.server_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class BothClocks:
    """The calls on both clocks.

    `stretches` are "headers", "first_token", "generation", "total" and "coarse_total", as far as known. `sources`
    counts calls by who the server is taken for, `queue_ns` is the time in the servers' own queues, None where nobody
    says.
    """

    sources: Mapping[str, int]
    queue_ns: int | None
    stretches: Mapping[str, Compared]


def server_time(timings: Mapping[str, float]) -> ServerTime | None:
    """What a server's figures mean, by their keys and units; None where nothing in them is known.

    Sources: llama.cpp `timings` and vLLM per-request metrics (ms; its first-token time begins when the request leaves
    the queue), Cerebras `time_info` and Groq `usage` (s), OpenAI's header
    `openai-processing-ms` and the moments of a response.
    """
    for reader in (_llama_cpp, _vllm, _timed_usage, _openai):
        found = reader(timings)
        if found is not None:
            return found
    return None


def both_clocks(calls: Iterable[CallRow]) -> BothClocks | None:
    """The calls that carry a server's figures, on both clocks; None when none does."""
    pool = ClockPool()
    for call in calls:
        pool.add(call)
    return pool.both()


_Pair = tuple[CallRow, ServerTime]
_STRETCHES: Mapping[str, Callable[[_Pair], tuple[int | None, int | None]]] = {
    "headers": lambda pair: (pair[0].connect_ns, pair[1].headers_ns),
    "first_token": lambda pair: (pair[0].first_token_ns, pair[1].first_token_ns),
    "generation": lambda pair: (pair[0].decode_ns, pair[1].generation_ns),
    "total": lambda pair: (pair[0].total_ns, pair[1].total_ns),
    "coarse_total": lambda pair: (pair[0].total_ns, pair[1].coarse_total_ns),
}


@dataclass(slots=True)
class _Stretch:
    client_ns: int = 0
    server_ns: int = 0
    differences: Numbers = field(default_factory=numbers)

    def compared(self) -> Compared:
        return Compared(
            calls=len(self.differences),
            client_ns=self.client_ns,
            server_ns=self.server_ns,
            median_ns=median_int(self.differences) or 0,
        )


@dataclass(slots=True)
class ClockPool:
    """Calls on both clocks, one by one."""

    sources: Counter[str] = field(default_factory=Counter)
    queue: Adder = field(default_factory=Adder)
    stretches: dict[str, _Stretch] = field(default_factory=lambda: {name: _Stretch() for name in _STRETCHES})

    def add(self, call: CallRow) -> None:
        """One more call."""
        server = server_time(call.server_timings) if call.server_timings else None
        if server is None:
            return
        self.sources[server.source] += 1
        self.queue.add(server.queue_ns)
        for name, of in _STRETCHES.items():
            client_ns, server_ns = of((call, server))
            if client_ns is not None and server_ns is not None:
                stretch = self.stretches[name]
                stretch.client_ns += client_ns
                stretch.server_ns += server_ns
                stretch.differences.append(client_ns - server_ns)

    def take(self, other: "ClockPool") -> None:
        """All of another's."""
        self.sources.update(other.sources)
        self.queue.take(other.queue)
        for name, stretch in self.stretches.items():
            stretch.client_ns += other.stretches[name].client_ns
            stretch.server_ns += other.stretches[name].server_ns
            stretch.differences.extend(other.stretches[name].differences)

    def both(self) -> BothClocks | None:
        """The calls so far on both clocks; None when none carries a server's figures."""
        if not self.sources:
            return None
        return BothClocks(
            sources=dict(sorted(self.sources.items())),
            queue_ns=self.queue.total if self.queue.known else None,
            stretches={name: found.compared() for name, found in self.stretches.items() if found.differences},
        )


def _llama_cpp(timings: Mapping[str, float]) -> ServerTime | None:
    prompt, predicted = (_ns(timings, key, MS) for key in ("prompt_ms", "predicted_ms"))
    if prompt is None and predicted is None:
        return None
    return ServerTime(
        source="llama.cpp", first_token_ns=prompt, generation_ns=predicted, total_ns=_sum(prompt, predicted)
    )


def _vllm(timings: Mapping[str, float]) -> ServerTime | None:
    queue = _ns(timings, "queue_time_ms", MS)
    first = _sum(queue, _ns(timings, "time_to_first_token_ms", MS))
    generation = _ns(timings, "generation_time_ms", MS)
    if queue is None and generation is None:
        return None
    return ServerTime(
        source="vLLM",
        queue_ns=queue,
        first_token_ns=first,
        generation_ns=generation,
        total_ns=_sum(first, generation),
    )


def _timed_usage(timings: Mapping[str, float]) -> ServerTime | None:
    """Cerebras and Groq name the same four; Groq's total leaves the queue out, so the larger reading counts."""
    queue, prompt, completion, total = (
        _ns(timings, key, S) for key in ("queue_time", "prompt_time", "completion_time", "total_time")
    )
    if prompt is None and completion is None and total is None:
        return None
    first = _sum(queue, prompt)
    parts = _sum(first, completion)
    return ServerTime(
        source="Cerebras or Groq",
        queue_ns=queue,
        first_token_ns=first,
        generation_ns=completion,
        total_ns=None if parts is None else max(parts, total or 0),
    )


def _openai(timings: Mapping[str, float]) -> ServerTime | None:
    """Its header is sent before the stream, so that it speaks of the time until then; its moments are whole seconds."""
    headers = _ns(timings, "openai-processing-ms", MS)
    moments = [timings[key] for key in ("server.created_at", "server.completed_at") if key in timings]
    total = _ns({"total": moments[1] - moments[0]}, "total", S) if moments[1:] else None
    if headers is None and total is None:
        return None
    return ServerTime(source="OpenAI", headers_ns=headers, coarse_total_ns=total)


def _ns(timings: Mapping[str, float], key: str, unit: int) -> int | None:
    """A figure in nanoseconds; None where it is missing or makes no sense."""
    value = timings.get(key)
    return round(value * unit) if value is not None and 0 <= value < 10**9 else None  # NaN compares false


def _sum(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
