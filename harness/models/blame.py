"""The exceptions of `openai`, `httpx2` and `websockets` as faults of a provider."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import httpx2
import openai
from websockets.exceptions import ConnectionClosedOK, InvalidStatus, WebSocketException

from harness.models.faults import Fault, FaultError, classify, one_line, retry_after_s
from harness.models.text import json_object
from harness.models.usage import request_id


def fault_of(error: Exception, now: datetime) -> FaultError:
    """The fault that an exception of the client stands for; `now` (UTC) is for a Retry-After that is a date.

    Raises `error` itself where it is no fault of a provider.
    """
    if isinstance(error, openai.APIStatusError):
        return _refusal(error.status_code, error.response.headers, error.body, now)
    if isinstance(error, WebSocketException | EOFError):
        return _of_websocket(error, now)
    if isinstance(error, openai.OpenAIError | httpx2.HTTPError | httpx2.StreamError | OSError):
        return _of_http(error)
    raise error


def _of_http(error: Exception) -> FaultError:
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    if isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return FaultError(Fault.CONNECTION, "no connection in time")
    if isinstance(cause, httpx2.TimeoutException) or isinstance(error, openai.APITimeoutError):
        return FaultError(Fault.TIMEOUT, f"timed out: {_words(cause)}")
    if isinstance(cause, httpx2.DecodingError):
        return FaultError(Fault.MALFORMED, f"the body cannot be decoded: {_words(cause)}")
    if isinstance(error, openai.OpenAIError) and not isinstance(error, openai.APIConnectionError):
        return FaultError(Fault.MALFORMED, f"the answer cannot be used: {_words(error)}")
    return FaultError(Fault.CONNECTION, f"connection failed: {_words(cause)}")


def _refusal(status: int, headers: Mapping[str, str], body: object, now: datetime) -> FaultError:
    """A status that is no answer, over HTTP or in place of a WebSocket."""
    if status < HTTPStatus.BAD_REQUEST and headers.get("location"):
        told = f"HTTP {status}: redirects to {one_line(headers['location'])}; if it is right, give it as `base_url`"
        return FaultError(Fault.BAD_REQUEST, told, status=status, request_id=request_id(headers))
    fault, message = classify(status, body)
    asked_s = retry_after_s(headers, now)
    told = f"HTTP {status}: {message}"
    return FaultError(fault, told, status=status, request_id=request_id(headers), retry_after_s=asked_s)


def _of_websocket(error: WebSocketException | EOFError, now: datetime) -> FaultError:
    if isinstance(error, InvalidStatus):
        answer = error.response
        if answer.status_code < HTTPStatus.BAD_REQUEST and "location" not in answer.headers:
            told = f"HTTP {answer.status_code} instead of a WebSocket; check the base URL"
            return FaultError(Fault.MALFORMED, told, status=answer.status_code)
        text = (answer.body or b"").decode("utf-8", errors="replace")
        return _refusal(answer.status_code, answer.headers, json_object(text) or text, now)
    if isinstance(error, ConnectionClosedOK):
        return FaultError(Fault.TRUNCATED, f"the connection was closed before the answer was complete: {_words(error)}")
    return FaultError(Fault.CONNECTION, f"connection failed: {_words(error)}")


def _words(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
