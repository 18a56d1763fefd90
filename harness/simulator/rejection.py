"""A request that gets an error for an answer."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

_SERVER_ERRORS = 500

_Request = TypeVar("_Request")


class RejectedError(Exception):
    """Carries what the error answer says: status, headers, code and the parameter it is about."""

    def __init__(self, status: int, message: str, code: str = "invalid_request_error", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers: Mapping[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The `error` object of the answer, the same over every wire."""
        return {
            "message": str(self),
            "type": error_type(self.status),
            "param": self.param or None,
            "code": self.code or None,
        }


def error_type(status: int) -> str:
    """The word that stands for a class of errors."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= _SERVER_ERRORS else "invalid_request_error"


def understood(read: Callable[[], _Request]) -> _Request:
    """What `read` makes of a request. Raises RejectedError with status 400 for what is none."""
    try:
        return read()
    except json.JSONDecodeError as error:
        raise RejectedError(HTTPStatus.BAD_REQUEST, f"this is no JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RejectedError(HTTPStatus.BAD_REQUEST, " ".join(str(error).split())[:500]) from error
