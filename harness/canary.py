"""The proof, before a run writes anything, that its redactor takes out the keys that the run really uses."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

from harness.errors import ConfigError
from harness.redact import SHORTEST, Redactor

_AROUND = ("", "u", "us", "use")
"""What stands before the key in a longer text: base64 looks different at each of the three alignments."""


def proven_redactor(keys: Mapping[str, str]) -> Redactor:
    """The redactor for keys by the names of their variables. Raises ConfigError where one would get through."""
    redactor = Redactor(keys.values())
    leaks = [f"{name}: {why}" for name, key in keys.items() if len(key) >= SHORTEST for why in _leaks(redactor, key)]
    if leaks:
        raise ConfigError(*leaks)
    return redactor


def unprotected(keys: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each key that is too short to be told from ordinary text, and so stays in what is written."""
    return tuple(
        f"{name}: its value has {len(key)} characters; fewer than {SHORTEST} are taken for a placeholder and are not "
        "kept out of what is written. If it is a key, use a longer one"
        for name, key in keys.items()
        if len(key) < SHORTEST
    )


def encoded(key: str) -> Iterator[tuple[str, str]]:
    """Every form that is promised to be taken out, with its name; made without the redactor's own help."""
    raw = key.encode("utf-8", "surrogatepass")
    yield "plain", key
    yield "JSON-escaped", json.dumps(key)[1:-1]
    yield "JSON-escaped, not ASCII", json.dumps(key, ensure_ascii=False)[1:-1]
    yield "URL-encoded", quote(raw, safe="")
    yield "URL-encoded, slashes kept", quote(raw)
    yield "form-encoded", quote_plus(raw)
    yield "hexadecimal", raw.hex()
    yield "hexadecimal, upper case", raw.hex().upper()
    for lead in _AROUND:
        yield f"base64 after {len(lead)} bytes", base64.b64encode(lead.encode() + raw).decode()
        yield f"base64 for URLs after {len(lead)} bytes", base64.urlsafe_b64encode(lead.encode() + raw).decode()


def _leaks(redactor: Redactor, key: str) -> Iterator[str]:
    """What is wrong, never the key itself."""
    for name, form in encoded(key):
        sentence = f"a server said {form} and more"
        ways = {
            "text": redactor.text(sentence),
            "bytes": redactor.data(sentence.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass"),
            "JSON": json.loads(redactor.json({"message": sentence}))["message"],
        }
        for way, left in ways.items():
            if _tells(left, form, key):
                yield f"this key cannot be kept out of {way} ({name}); use another one"


def _tells(left: str, form: str, key: str) -> bool:
    """Whether the form, or what of its middle the key alone decides, is still there."""
    core = form[4:-4] if form != key and len(form) > _LONG else form
    return core in left


_LONG = 16
