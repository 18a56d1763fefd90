"""Tokens and server timings out of what a provider sends; what is missing or makes no sense is unknown, never zero."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness.models.contract import Usage
from harness.models.text import mapping_of, sound

_USAGE_TIMINGS = ("queue_time", "prompt_time", "completion_time", "total_time")
_MOMENTS = ("created_at", "completed_at")
_MAX_TOKENS = 10**9
_MAX_NUMBER = 10**18
_LONGEST_KEY = 100

MOST_FIGURES = 100
"""How many of a server's own figures are kept: every record of a call holds them."""


def read_usage(raw: object) -> Usage:
    """The usage of a chat completion or a response. Parts larger than their totals are unknown."""
    usage = mapping_of(raw)
    names_in, names_out = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
    total_in, total_out = _first(usage, names_in), _first(usage, names_out)
    cached = _first_inside(usage, names_in, "cached_tokens")
    reasoning = _first_inside(usage, names_out, "reasoning_tokens")
    return Usage(
        input_tokens=total_in,
        output_tokens=total_out,
        cached_input_tokens=_part(cached, total_in),
        reasoning_tokens=_part(reasoning, total_out),
    )


def usage_of(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage object of a chunk or a response: its own, or Groq's `x_groq.usage`."""
    for raw in (event.get("usage"), mapping_of(event.get("x_groq")).get("usage")):
        if isinstance(raw, Mapping):
            return raw
    return None


def server_timings(event: Mapping[str, Any]) -> dict[str, float]:
    """The server's own figures in a chunk, keys and units as it gave them.

    Cerebras `time_info` and Groq `usage` (s), vLLM `metrics` and llama.cpp `timings` (ms in keys that say so).
    """
    found: dict[str, float] = {}
    for place in ("time_info", "metrics", "timings"):
        found |= _numbers(mapping_of(event.get(place)))
    usage = _numbers(usage_of(event) or {})
    return found | {key: usage[key] for key in _USAGE_TIMINGS if key in usage}


def response_timings(event: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, float]:
    """The server's own figures in an event and the response inside it; OpenAI's moments are Unix times in seconds."""
    moments = {name: response[name] for name in _MOMENTS if name in response}
    told = {f"server.{name}": value for name, value in _numbers(moments).items()}
    return told | server_timings(response) | server_timings(event)


def header_timings(headers: Mapping[str, str]) -> dict[str, float]:
    """The server's own figure among the headers of an answer: OpenAI's `openai-processing-ms`."""
    try:
        value = float(headers["openai-processing-ms"])
    except (KeyError, ValueError):
        return {}
    return _numbers({"openai-processing-ms": value})


def request_id(headers: Mapping[str, str]) -> str:
    """What the provider calls this request, for its support; "" where it does not say."""
    return headers.get("x-request-id") or headers.get("request-id") or headers.get("cf-ray") or ""


def _first(usage: Mapping[str, Any], names: Iterable[str]) -> int | None:
    return next((_count(usage[name]) for name in names if name in usage), None)


def _first_inside(usage: Mapping[str, Any], names: Iterable[str], part: str) -> int | None:
    details = next((mapping_of(usage[f"{name}_details"]) for name in names if f"{name}_details" in usage), {})
    return _count(details.get(part))


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in raw.items():
        if len(key) > _LONGEST_KEY or len(found) == MOST_FIGURES:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER:
            found[sound(key)] = float(value)
    return found


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_TOKENS:
        return value
    return None


def _part(part: int | None, total: int | None) -> int | None:
    return None if part is None or total is None or part > total else part
