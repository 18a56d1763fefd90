"""Text from a model, a repository or a sandbox is data: made safe to print, and never read as markup."""

import re

from rich.text import Text

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
)
_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029\ufeff"  # separators that some terminals take for line ends, byte-order mark
    "\U000e0000-\U000e007f"  # tags: invisible text
    "\ud800-\udfff"  # lone surrogates: no terminal can be sent one
    "]"
)


def plain(text: str) -> str:
    """The text without terminal sequences, control characters but newline and tab, and bidirectional controls."""
    return _UNSAFE.sub("", _SEQUENCES.sub("", text))


def one_line(text: str, limit: int = 200) -> str:
    """The text as one plain line of at most `limit` characters, blanks folded, with "…" where it was cut."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: max(0, limit - 1)] + "…"


def rich_text(text: str, style: str = "") -> Text:
    """The plain text for rich, in which no `[markup]` is ever read."""
    return Text(plain(text), style=style)
