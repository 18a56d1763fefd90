"""No secret is written, in no usual encoding."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.redact import REDACTED, Redactor

KEY = 'sk-proj/Ab+9"ü~\\x'
ENCODINGS = {
    "as it is": KEY,
    "url": quote(KEY, safe=""),
    "url, slashes kept": quote(KEY),
    "url, lower case": quote(KEY, safe="").lower().replace("ab", "Ab"),
    "form": quote_plus(KEY),
    "json": json.dumps(KEY)[1:-1],
    "json, not ascii": json.dumps(KEY, ensure_ascii=False)[1:-1],
    "hex": KEY.encode().hex(),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 for urls": base64.urlsafe_b64encode(KEY.encode()).decode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_usual_encodings_are_replaced(name: str) -> None:
    """In text and in bytes, the rest untouched."""
    redactor = Redactor([KEY])
    form = ENCODINGS[name]
    assert redactor.text(f"<{form}> and {form}") == f"<{REDACTED}> and {REDACTED}"
    assert redactor.data(f"<{form}>".encode() + b"\xff\x00") == f"<{REDACTED}>".encode() + b"\xff\x00"


def test_bytes_that_are_no_text_stay_byte_for_byte() -> None:
    """A binary body without secrets is not touched."""
    data = bytes(range(256)) * 3
    assert Redactor([KEY]).data(data) == data


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "a longer name:"])
@pytest.mark.parametrize("after", ["", "!", "!!", ":more"])
def test_base64_of_a_longer_text_does_not_carry_the_secret(before: str, after: str) -> None:
    """At each alignment so little stays that the secret cannot be decoded."""
    encoded = base64.b64encode((before + KEY + after).encode()).decode()
    left = Redactor([KEY]).text(f"Authorization: Basic {encoded}")
    assert REDACTED in left
    assert base64.b64encode(KEY.encode()).decode()[4:-4] not in left
    rest = "".join(left.removeprefix("Authorization: Basic ").split(REDACTED))
    assert len(rest) <= len(encoded) - len(KEY.encode())


@given(secret=st.text(min_size=6, max_size=60), around=st.tuples(st.text(max_size=20), st.text(max_size=20)))
def test_no_secret_survives(secret: str, around: tuple[str, str]) -> None:
    """Whatever the secret is made of and wherever it stands."""
    if secret in REDACTED:
        return
    redactor = Redactor([secret])
    cleaned = redactor.text(secret.join(around))
    assert secret not in cleaned.replace(REDACTED, "\x00")
    value = redactor.value({"k": [secret.join(around), {secret: 1}]})
    assert REDACTED in value["k"][1]


def test_several_secrets_and_the_longest_first() -> None:
    """One secret that begins another does not leave the other's end behind."""
    redactor = Redactor(["secret-one", "secret-one-and-more"])
    assert redactor.text("secret-one-and-more secret-one") == f"{REDACTED} {REDACTED}"


def test_placeholders_are_not_secrets() -> None:
    """A local server's key "none" does not blacken every "none"."""
    assert Redactor(["", "none", "x"]).text("none of xyz") == "none of xyz"


def test_values_are_walked_and_made_writable() -> None:
    """Keys, lists and tuples; figures JSON cannot carry; nesting without end."""
    redactor = Redactor([KEY])
    assert redactor.value({KEY: (KEY, 1, True, None, 2.5)}) == {REDACTED: [REDACTED, 1, True, None, 2.5]}
    assert redactor.json({"a": [float("inf"), "\udfff"]}) == '{"a": [null, "?"]}'
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert "nested too deeply" in redactor.json(deep)


def test_what_json_does_not_know_is_an_error() -> None:
    """Nothing is quietly turned into text."""
    with pytest.raises(TypeError):
        Redactor().json({"a": object()})
