"""Tokens and server timings out of what a provider sends; what is missing or makes no sense is unknown, never zero."""

from collections.abc import Mapping
from typing import Any

from harness.models.contract import Usage

_USAGE_TIMINGS = ("queue_time", "prompt_time", "completion_time", "total_time")
_MAX_TOKENS = 10**9
_MAX_NUMBER = 10**18


def read_usage(raw: object) -> Usage:
    """The usage of a chat completion. Parts larger than their totals are unknown."""
    usage = raw if isinstance(raw, Mapping) else {}
    total_in, total_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    cached = _count(_inside(usage, "prompt_tokens_details").get("cached_tokens"))
    reasoning = _count(_inside(usage, "completion_tokens_details").get("reasoning_tokens"))
    return Usage(
        input_tokens=total_in,
        output_tokens=total_out,
        cached_input_tokens=_part(cached, total_in),
        reasoning_tokens=_part(reasoning, total_out),
    )


def usage_of(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage object of a chunk: its own, or Groq's `x_groq.usage`."""
    for raw in (event.get("usage"), _inside(event, "x_groq").get("usage")):
        if isinstance(raw, Mapping):
            return raw
    return None


def server_timings(event: Mapping[str, Any]) -> dict[str, float]:
    """The server's own figures in a chunk, keys and units as it gave them.

    Cerebras `time_info` and Groq `usage` (s), vLLM `metrics` and llama.cpp `timings` (ms in keys that say so).
    """
    found: dict[str, float] = {}
    for place in ("time_info", "metrics", "timings"):
        found |= _numbers(_inside(event, place))
    usage = _numbers(usage_of(event) or {})
    return found | {key: usage[key] for key in _USAGE_TIMINGS if key in usage}


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


def _inside(outer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = outer.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for key, value in raw.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER:
            found[str(key)] = float(value)
    return found


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_TOKENS:
        return value
    return None


def _part(part: int | None, total: int | None) -> int | None:
    return None if part is None or total is None or part > total else part
