"""No secret is written, in no usual encoding."""

import base64
import json
import re
from itertools import pairwise
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

SHIFTED = [
    re.sub(r".=*$", "", encode(b"\0" * lead + KEY.encode()).decode()[cut:])
    for encode in (base64.b64encode, base64.urlsafe_b64encode)
    for lead, cut in ((1, 2), (2, 3))
]
"""Base64 at the other alignments, without the digits that it shares with its neighbours."""


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


SECRETS = st.lists(st.text("aAb1=", min_size=6, max_size=9), min_size=1, max_size=3)
PIECES = st.lists(st.one_of(st.integers(0, 2), st.text("aAb1=", max_size=4)), max_size=12)


@given(secrets=SECRETS, pieces=PIECES, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_a_stream_is_redacted_as_the_whole(secrets: list[str], pieces: list[int | str], cuts: list[int]) -> None:
    """However the bytes are cut: secrets that overlap, begin each other, and nearly begin."""
    data = "".join(piece if isinstance(piece, str) else secrets[piece % len(secrets)] for piece in pieces).encode()
    redactor = Redactor(secrets)
    stream, edges = redactor.stream(), sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    given_out = b"".join(stream.feed(data[start:end]) for start, end in pairwise(edges)) + stream.finish()
    assert given_out == redactor.data(data)


@pytest.mark.parametrize("form", ENCODINGS.values(), ids=ENCODINGS)
def test_a_secret_is_found_in_single_bytes(form: str) -> None:
    """Each usual encoding, one byte at a time."""
    stream = Redactor([KEY]).stream()
    data = b"".join(stream.feed(bytes([byte])) for byte in f"<{form}>".encode())
    assert data + stream.finish() == f"<{REDACTED}>".encode()


@given(data=st.binary(max_size=300))
def test_only_what_may_begin_a_secret_is_held_back(data: bytes) -> None:
    """Everything else is told at once; without secrets, everything."""
    redactor = Redactor([KEY])
    stream = redactor.stream()
    held = redactor.data(data).removeprefix(stream.feed(data))
    assert held == stream.finish()
    forms = [form.encode() for form in (*ENCODINGS.values(), *SHIFTED)]
    assert not held or any(form.startswith(held) for form in forms)
    assert Redactor().stream().feed(data) == data


def test_an_event_stream_is_not_held_back() -> None:
    """A chunk that ends with its line is written whole, also where its text looks like the beginning of a key."""
    stream = Redactor(["sk-proj-0123456789"]).stream()
    assert stream.feed(b'data: {"a": "sk-proj-"}\n\n') == b'data: {"a": "sk-proj-"}\n\n'
    assert stream.feed(b"data: sk-pro") == b"data: "
    assert stream.feed(b"duct\n") == b"sk-product\n"
