"""Bytes from a sandbox as text for a model: valid, bounded, and honest about what was cut."""

from dataclasses import dataclass

from harness.untrusted import plain
from sandbox.contract import Output

HEAD_CHARACTERS = 8_000
TAIL_CHARACTERS = 12_000


def readable(data: bytes) -> str:
    """UTF-8 text with colour sequences and control characters taken out; invalid bytes become U+FFFD."""
    return plain(data.decode("utf-8", errors="replace").replace("\r\n", "\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a model is shown: the text with its notes on what was cut, and the bytes in it that are no such note."""

    text: str
    kept_bytes: int


def shorten(text: str, head: int = HEAD_CHARACTERS, tail: int = TAIL_CHARACTERS) -> Shown:
    """The text, or its first `head` and last `tail` characters with a line between that counts what was cut."""
    if len(text) <= head + tail:
        return _around("", text)
    return _around(f"\n[... {len(text) - head - tail} characters cut ...]\n", text[:head], text[-tail:])


def _around(note: str, *pieces: str) -> Shown:
    return Shown(text=note.join(pieces), kept_bytes=sum(len(piece.encode()) for piece in pieces))


def output_text(output: Output) -> Shown:
    """A stream's output for a model: its head and tail, saying how many bytes were not kept."""
    head, tail = readable(output.head), readable(output.tail)
    if not output.cut:
        return shorten(head + tail)
    return _around(f"\n[... {output.cut} bytes cut ...]\n", head[:HEAD_CHARACTERS], tail[-TAIL_CHARACTERS:])
