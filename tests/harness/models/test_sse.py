"""Server-sent events, however the bytes are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.models.sse import EventParser, ServerEvent

STREAM = (
    '\ufeff: comment\n\ndata: {"a": "ü🙂"}\r\n\r\nevent: error\ndata:one\ndata: two\nid: 7\n\n'
    "retry: 5\n\n\n\ndata\n\ndata: last"
).encode()
EVENTS = [
    ServerEvent(data='{"a": "ü🙂"}'),
    ServerEvent(data="one\ntwo", name="error"),
    ServerEvent(data="last"),
]


def parsed(pieces: list[bytes]) -> list[ServerEvent]:
    """The events of a stream that arrives in these pieces."""
    parser = EventParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [*found, *parser.finish()]


def test_events_are_framed() -> None:
    """Comments and unknown fields are dropped, data lines joined, the last event kept without its blank line."""
    assert parsed([STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_cut_of_the_bytes_does_not_matter(cuts: list[int]) -> None:
    """The same bytes give the same events, also where a cut goes through a character or a line end."""
    ends = [0, *sorted(cuts), len(STREAM)]
    assert parsed([STREAM[a:b] for a, b in pairwise(ends)]) == EVENTS
