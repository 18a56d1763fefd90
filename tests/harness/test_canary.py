"""Before a run writes anything, its redactor is proven on the real keys; what is claimed is what a test asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.canary import encoded, proven_redactor, unprotected
from harness.errors import ConfigError
from harness.redact import SHORTEST, Redactor

KEY = 'sk-proj/Ab+9"~\\x'


def test_usual_keys_are_proven() -> None:
    """And their redactor is given back, which takes all of them out."""
    redactor = proven_redactor({"ONE_KEY": KEY, "OTHER_KEY": "gsk_1234567890"})
    assert redactor.text(f"{KEY} gsk_1234567890") == "[redacted] [redacted]"


@pytest.mark.parametrize("key", ["redacted", "[redacted]"])
def test_a_key_that_stays_is_refused(key: str) -> None:
    """What stands instead of a key would hold it: one line names the variable, and never the key's own form."""
    with pytest.raises(ConfigError) as caught:
        proven_redactor({"ONE_KEY": key})
    assert all(line.startswith("ONE_KEY: this key cannot be kept out of ") for line in caught.value.problems)


def test_too_short_to_be_a_key_is_told_of() -> None:
    """A line with the variable and the number of characters; nothing for a real one."""
    (line,) = unprotected({"ONE_KEY": "none", "OTHER_KEY": KEY})
    assert line.startswith(f"ONE_KEY: its value has 4 characters; fewer than {SHORTEST} are taken for a placeholder")
    assert "none" not in line


def test_a_redactor_of_other_keys_is_caught() -> None:
    """The proof is made of forms of its own: it finds what a redactor leaves."""
    left = [name for name, form in encoded(KEY) if Redactor(["something-else"]).text(form) == form]
    assert left == [name for name, _ in encoded(KEY)]


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=200))
def test_every_key_is_proven_or_refused(key: str) -> None:
    """No key of visible characters makes the proof itself fail; few are refused."""
    try:
        proven_redactor({"KEY": key})
    except ConfigError:
        assert key in "[redacted]" or len(set(key)) < len(key)
