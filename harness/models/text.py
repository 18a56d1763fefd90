"""Text from outside, made fit to be kept."""

import json
from collections.abc import Mapping
from typing import Any


class Pieces:
    """Text that grows piece by piece: joined when it is read, so that a long one costs no more a piece than a short."""

    __slots__ = ("_pieces",)

    def __init__(self, *pieces: str) -> None:
        self._pieces = list(pieces)

    def add(self, piece: str) -> None:
        """Put a piece behind the others."""
        self._pieces.append(piece)

    def __str__(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def __bool__(self) -> bool:
        return any(self._pieces)


def text_of(value: object) -> str:
    """The value where it is text, else ""."""
    return value if isinstance(value, str) else ""


def mapping_of(value: object) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def sound(text: str) -> str:
    """The text with halves of characters joined where two meet, and replaced where they stand alone.

    JSON can escape such halves (surrogates), and a server may cut a character in two; no file or wire takes them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object this text is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def sound_object(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON object with all its text made sound. Raises ValueError for one that cannot be sent at all."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    whole = sound(text)
    return value if whole is text else mapping_of(json.loads(whole))


def sendable_arguments(arguments: str) -> str:
    """Strict servers reject a history whose arguments are no JSON object: the model's slip must not end the trial."""
    return arguments if json_object(arguments) is not None else "{}"
