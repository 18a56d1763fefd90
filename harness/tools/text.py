"""Bytes from a sandbox as text for a model: valid, bounded, and honest about what was cut."""

from harness.untrusted import plain
from sandbox.contract import Output

HEAD_CHARACTERS = 8_000
TAIL_CHARACTERS = 12_000


def readable(data: bytes) -> str:
    """UTF-8 text with colour sequences and control characters taken out; invalid bytes become U+FFFD."""
    return plain(data.decode("utf-8", errors="replace").replace("\r\n", "\n"))


def shorten(text: str, head: int = HEAD_CHARACTERS, tail: int = TAIL_CHARACTERS) -> str:
    """The text, or its first `head` and last `tail` characters with a line between that counts what was cut."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n[... {len(text) - head - tail} characters cut ...]\n{text[-tail:]}"


def output_text(output: Output) -> str:
    """A stream's output for a model: its head and tail, saying how many bytes were not kept."""
    head, tail = readable(output.head), readable(output.tail)
    if not output.cut:
        return shorten(head + tail)
    cut = f"\n[... {output.cut} bytes cut ...]\n"
    return head[:HEAD_CHARACTERS] + cut + tail[-TAIL_CHARACTERS:]
