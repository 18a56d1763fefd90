"""An attempt's own line of time through all of its lives, and the rows by which the next life finds its end."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.artefacts import span_rows
from harness.clock import Clock, Phase, Span, Stopwatch
from harness.past import STAMPED, Past
from harness.record import SpanRow


class TimeLine:
    """Earlier lives lie before the present one without a gap: what was under way when one ended is in none of them."""

    def __init__(self, clock: Clock, past: Past | None) -> None:
        self._clock = clock
        self.past = past
        self.stopwatch = Stopwatch(clock)
        self.start_ns = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """The present life begins now: the attempt did as long ago as its earlier lives took."""
        past = self.past
        self.start_ns = self._clock.now_ns() - (0 if past is None else past.elapsed_ns)
        self.stopwatch = Stopwatch(self._clock, () if past is None else map(self._placed, past.spans))

    @contextmanager
    def telling(self, kind: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The body as it is to be told, stamped where its kind is; told in the order of the stamps."""
        if kind not in STAMPED:
            yield body
            return
        with self._lock:
            yield self.stamped(body)

    def stamped(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body with the moment, ns since the attempt's start, and the spans that came since the last stamp."""
        news = span_rows(self.stopwatch.news(), self.start_ns)
        at_ns = self._clock.now_ns() - self.start_ns
        return {**body, "at_ns": at_ns, "spans": [row.model_dump() for row in news]}

    def _placed(self, row: SpanRow) -> Span:
        return Span(
            phase=Phase(row.phase),
            sub=row.sub,
            t0=row.t0 + self.start_ns,
            t1=row.t1 + self.start_ns,
            name=row.name,
            details=row.details,
        )
