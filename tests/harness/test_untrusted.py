"""Text from outside cannot steer the terminal."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.untrusted import one_line, plain, rich_text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain ☃ é 日本\n\tindented", "plain ☃ é 日本\n\tindented"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jscreen", "screen"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("unfinished \x1b]0;title", "unfinished ]0;title"),
        ("bell\x07 back\x08 return\rline\x00", "bell back returnline"),
        ("abc\u202edef\u2066g\u200f", "abcdefg"),
        ("tag\U000e0041 bom\ufeff sep\u2028", "tag bom sep"),
        ("lone \ud800", "lone "),
        ("[/nope] [bold]", "[/nope] [bold]"),
    ],
)
def test_what_is_left(text: str, left: str) -> None:
    """Sequences go as a whole, letters stay."""
    assert plain(text) == left


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x9d[];0m\x07\\\u202e\n\t"))))
def test_nothing_unsafe_is_left(text: str) -> None:
    """No control but newline and tab, no bidirectional control; cleaning twice changes nothing."""
    left = plain(text)
    assert all(unicodedata.category(letter) != "Cc" for letter in left if letter not in "\n\t")
    assert not set(left) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert plain(left) == left
    left.encode("utf-8")


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    """Never longer than asked, never a line end."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_cut_lines_say_so() -> None:
    """An ellipsis stands for what is missing, only where something is."""
    assert one_line("a  b\n c", 5) == "a b c"
    assert one_line("a b c d", 5) == "a b …"


def test_rich_reads_no_markup() -> None:
    """Brackets from outside are printed, not obeyed."""
    out = io.StringIO()
    Console(file=out, width=80, color_system=None).print(rich_text("[/nope] [red]x[/red] \x1b[2J"))
    assert out.getvalue() == "[/nope] [red]x[/red] \n"
