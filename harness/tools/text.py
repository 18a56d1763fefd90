"""Bytes from a sandbox as text for a model: valid, bounded, and honest about what was cut."""

import re

from harness.untrusted import plain
from sandbox.contract import Output

HEAD_CHARACTERS = 8_000
TAIL_CHARACTERS = 12_000
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def readable(data: bytes) -> str:
    """UTF-8 text with colour sequences and control characters taken out; invalid bytes become U+FFFD."""
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return plain(_ANSI.sub("", text))


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


def first_line(text: str, most: int = 100) -> str:
    """One short line that stands for a text in tables and logs."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
