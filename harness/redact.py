"""One redactor for everything that is written: no key leaves the process, in no encoding that a server may echo."""

import base64
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
"""What stands where a secret stood."""

SHORTEST = 6
"""Values of fewer characters are placeholders ("none", "x"), not keys: replacing them would mangle ordinary text."""

_DEPTH = 200


class Redactor:
    """Replaces secrets, and their base64, URL-encoded, hexadecimal and JSON-escaped forms, by `[redacted]`.

    Base64 is found at any alignment, so also inside a longer encoded text such as a basic-auth header. Values shorter
    than `SHORTEST` characters are left alone.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        kept = {secret for secret in secrets if len(secret) >= SHORTEST}
        forms = sorted({form for secret in kept for form in _forms(secret)}, key=lambda form: (-len(form), form))
        pattern = "|".join(re.escape(form) for form in forms)
        self._text = re.compile(pattern) if forms else None
        self._forms = tuple(form.encode("utf-8", "surrogatepass") for form in forms)
        self._bytes = re.compile(b"|".join(map(re.escape, self._forms))) if forms else None

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return self._text.sub(REDACTED, text) if self._text else text

    def data(self, data: bytes) -> bytes:
        """The bytes without the secrets; everything else stays byte for byte."""
        return self._bytes.sub(REDACTED.encode(), data) if self._bytes else data

    def stream(self) -> "StreamRedactor":
        """The same for bytes that come in pieces."""
        return StreamRedactor(self._bytes, self._forms)

    def value(self, value: Any) -> Any:
        """A JSON value ready to be written.

        Secrets are replaced in every key and string, lone surrogates by "?", figures that JSON cannot carry (NaN,
        infinity) by None. What lies deeper than 200 levels becomes a note that says so.
        """
        return self._value(value, _DEPTH)

    def json(self, value: Any, indent: int | None = None) -> str:
        """The value as JSON text. Raises TypeError for what JSON does not know."""
        return json.dumps(self.value(value), ensure_ascii=False, allow_nan=False, indent=indent)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value).encode("utf-8", "replace").decode("utf-8")
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if not isinstance(value, (Mapping, list, tuple)):
            return value
        if depth == 0:
            return "[nested too deeply to be kept]"
        if isinstance(value, Mapping):
            return {self._value(str(key), depth): self._value(item, depth - 1) for key, item in value.items()}
        return [self._value(item, depth - 1) for item in value]


class StreamRedactor:
    """`Redactor.data` for bytes that come in pieces, a secret cut in two included; made by `Redactor.stream`.

    All that it gives, joined, is what the redactor makes of the whole, however that is cut. Only an end that may begin
    a secret is held back until more is known.
    """

    def __init__(self, pattern: re.Pattern[bytes] | None, forms: Iterable[bytes]) -> None:
        self._pattern = pattern
        self._forms = sorted(set(forms))
        self._begins = re.compile(b"|".join({re.escape(form[:1]) for form in self._forms}))
        self._longest = max(map(len, self._forms), default=0)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be told after these bytes."""
        if self._pattern is None:
            return data
        data, given, position = self._held + data, bytearray(), 0
        held = self._open(data, position)
        while (match := self._pattern.search(data, position)) is not None and match.start() < held:
            given += data[position : match.start()] + REDACTED.encode()
            position = match.end()
            held = held if position <= held else self._open(data, position)
        self._held = data[held:]
        return bytes(given + data[position:held])

    def finish(self) -> bytes:
        """What was held back: nothing more comes."""
        held, self._held = self._held, b""
        return self._pattern.sub(REDACTED.encode(), held) if self._pattern else held

    def _open(self, data: bytes, position: int) -> int:
        """Where an end begins that a secret may begin with too, from `position` on; the length where there is none."""
        for found in self._begins.finditer(data, max(position, len(data) - self._longest + 1)):
            end = data[found.start() :]
            next_one = bisect_right(self._forms, end)  # in order, what goes on from `end` stands right behind it
            if next_one < len(self._forms) and self._forms[next_one].startswith(end):
                return found.start()
        return len(data)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield raw.hex()
    yield raw.hex().upper()
    for encoded_bytes in _base64_forms(raw):
        yield encoded_bytes.decode("ascii")


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """What base64 makes of the bytes, whole and at each of the three alignments inside a longer text.

    At an alignment only those digits count that the secret alone decides: neighbours share the first and the last.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw)
        for lead in range(3):
            shared = (0, 2, 3)[lead]
            whole = (lead + len(raw)) * 8 // 6
            yield encode(b"\0" * lead + raw)[shared:whole]
