"""What goes wrong with a provider, by kind, and how to tell from a status, an error body or an error event."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from harness.models.contract import CallAttempt
from harness.models.text import mapping_of, sound


class Fault(StrEnum):
    """Why an attempt was not answered."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NO_SUCH_MODEL = "no_such_model"
    NO_QUOTA = "no_quota"
    CONTEXT_LENGTH = "context_length"
    BAD_REQUEST = "bad_request"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported_option"
    LOST_STATE = "lost_state"
    EXPIRED = "connection_expired"
    INTERRUPTED = "interrupted"
    DEFERRED = "deferred"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - a fault, not a password
    COST_LIMIT = "cost_limit"
    BUDGET = "budget"

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self in _PASSING


_PASSING = {
    Fault.RATE_LIMIT,
    Fault.SERVER_ERROR,
    Fault.CONNECTION,
    Fault.TIMEOUT,
    Fault.STALLED,
    Fault.MALFORMED,
    Fault.TRUNCATED,
    Fault.UNSUPPORTED,
    Fault.LOST_STATE,
    Fault.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A fault as it was seen: one line for the user, the HTTP status, and how long the server asks to be left alone."""

    fault: Fault
    message: str
    status: int | None = None
    request_id: str = ""
    retry_after_s: float | None = None


_MOST_MESSAGE = 500
"""Characters of a message that are kept, however long a text it quotes."""


class FaultError(Exception):
    """What an attempt ends with inside the adapter, before it is written down as a call attempt."""

    def __init__(self, fault: Fault, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.failure = Failure(fault=fault, message=message[:_MOST_MESSAGE], **facts)


class FailedAttemptError(Exception):
    """One attempt failed; the retry decides what comes of it. Never leaves `harness.models`."""

    def __init__(self, attempt: CallAttempt, failure: Failure) -> None:
        super().__init__(failure.message)
        self.attempt = attempt
        self.failure = failure


_BY_STATUS = {
    400: Fault.BAD_REQUEST,
    401: Fault.AUTHENTICATION,
    402: Fault.NO_QUOTA,
    403: Fault.PERMISSION,
    404: Fault.NO_SUCH_MODEL,
    408: Fault.TIMEOUT,
    409: Fault.SERVER_ERROR,
    425: Fault.SERVER_ERROR,
    429: Fault.RATE_LIMIT,
    498: Fault.SERVER_ERROR,  # Groq: flex capacity exceeded
}

_BY_WORD = {
    Fault.LOST_STATE: ("previous_response_not_found", "previous response"),
    Fault.EXPIRED: ("websocket_connection_limit_reached",),
    Fault.NO_QUOTA: ("insufficient_quota", "billing_hard_limit", "exceeded your current quota", "insufficient credits"),
    Fault.CONTEXT_LENGTH: (
        "context_length_exceeded",
        "exceed_context_size",  # llama.cpp
        "maximum context length",
        "context window",
        "context size",
        "context length",
        "prompt is too long",
        "reduce the length",
    ),
    Fault.REFUSED: (
        "content_filter",
        "content_policy",
        "content management policy",
        "invalid_prompt",  # the words of the Responses API from here on
        "bio_policy",
        "policy_violation",
        "moderation",  # OpenRouter: the input was flagged, which says nothing of the key
        "flagged",
    ),
    Fault.NO_SUCH_MODEL: ("model_not_found",),
    Fault.AUTHENTICATION: ("invalid_api_key",),
    Fault.RATE_LIMIT: ("rate_limit_exceeded", "rate limit"),
    Fault.SERVER_ERROR: ("overloaded",),
}
"""Words in an error's code, type or message that say more than its status, tried in this order."""

_OF_THE_MINUTE = "resource_exhausted"
"""Google's word for any quota, that of the minute too; its message is that of an account without credit."""

_WORDS_APPLY_TO = {None, 400, 403, 404, 413, 422, 429}


def classify(status: int | None, body: object) -> tuple[Fault, str]:
    """The kind of an error answer or error event, and its message on one line; `status` None where there was none."""
    error = _error_object(body)
    message = one_line(error.get("message") or error.get("detail") or body)
    status = status if status is not None else _status_in(error)
    known = " ".join(str(error.get(key, "")) for key in ("code", "type", "status")).lower()
    if status in _WORDS_APPLY_TO:
        for fault, words in _BY_WORD.items():
            if any(word in f"{known} {message.lower()}" for word in words):
                is_minute = fault is Fault.NO_QUOTA and _OF_THE_MINUTE in known
                return Fault.RATE_LIMIT if is_minute else fault, message
    return _by_status(status), message


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTold:
    """An error that came where an answer should have been; `headers` as some WebSocket servers send them along."""

    fault: Fault
    message: str
    status: int | None = None
    headers: Mapping[str, str]


def error_in(event: Mapping[str, Any], *, named: bool = False) -> ErrorTold | None:
    """What an event or body says that went wrong, or None; `named` where its frame calls it an error."""
    if event.get("type") == "response.failed":
        response = mapping_of(event.get("response"))
        body: Mapping[str, Any] = {"error": response.get("error") or "the response failed"}
    elif named or event.get("type") == "error" or event.get("error"):
        body = event
    else:
        return None
    status = _status_in(event)
    fault, message = classify(status, body)
    told = mapping_of(event.get("headers")) or mapping_of(mapping_of(event.get("error")).get("headers"))
    headers = {str(name).lower(): str(value) for name, value in told.items()}
    return ErrorTold(fault=fault, message=message, status=status, headers=headers)


def _by_status(status: int | None) -> Fault:
    if status is None or status >= 500:  # noqa: PLR2004 - the class of server errors
        return Fault.SERVER_ERROR
    return _BY_STATUS.get(status, Fault.BAD_REQUEST)


def _error_object(body: object) -> Mapping[str, Any]:
    if isinstance(body, list) and body:
        body = body[0]  # Google puts its error into a list
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    if isinstance(inner, Mapping):
        return inner
    return {"message": inner, **body} if isinstance(inner, str) else body


def _status_in(error: Mapping[str, Any]) -> int | None:
    """The status that servers repeat inside an error event, as a number or as its digits."""
    for key in ("code", "status", "status_code"):
        value = str(error.get(key, ""))
        if len(value) == 3 and value.isdecimal() and value[0] in "45":  # noqa: PLR2004 - the digits of a status
            return int(value)
    return None


def one_line(text: object) -> str:
    """The text on one line, bounded."""
    return sound(" ".join(str(text or "no message").split())[:300])


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks to be left alone: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, "")) / unit
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, (parsedate_to_datetime(headers["retry-after"]) - now).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
