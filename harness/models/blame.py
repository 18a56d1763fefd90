"""The exceptions of `openai` and `httpx2` as faults of a provider."""

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai

from harness.models.faults import Fault, FaultError, classify


def fault_of(error: Exception, now: datetime) -> FaultError:
    """The fault that an exception of the client stands for; `now` (UTC) is for a Retry-After that is a date.

    Raises `error` itself where it is no fault of a provider.
    """
    if isinstance(error, openai.APIStatusError):
        fault, message = classify(error.status_code, error.body)
        return FaultError(
            fault,
            f"HTTP {error.status_code}: {message}",
            status=error.status_code,
            request_id=error.request_id or "",
            retry_after_s=retry_after_s(error.response.headers, now),
        )
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    if isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return FaultError(Fault.CONNECTION, "no connection in time")
    if isinstance(cause, httpx2.TimeoutException) or isinstance(error, openai.APITimeoutError):
        return FaultError(Fault.TIMEOUT, f"timed out: {_words(cause)}")
    if isinstance(cause, httpx2.DecodingError):
        return FaultError(Fault.MALFORMED, f"the body cannot be decoded: {_words(cause)}")
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError | httpx2.StreamError | OSError):
        return FaultError(Fault.CONNECTION, f"connection failed: {_words(cause)}")
    if isinstance(error, openai.OpenAIError):
        return FaultError(Fault.MALFORMED, f"the answer cannot be used: {_words(error)}")
    raise error


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks to be left alone: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, "")) / unit
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, (parsedate_to_datetime(headers["retry-after"]) - now).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _words(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
