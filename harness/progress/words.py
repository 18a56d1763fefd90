"""Words and figures of progress, for people."""

from collections.abc import Mapping
from typing import Any

from harness.untrusted import plain

NS_A_SECOND = 10**9
_MINUTE_S = 60
_HOUR_S = 3600
_THOUSAND = 1000
_CENT = 0.01


def seconds(nanoseconds: float) -> str:
    """A duration for people: "8.3 s", "2 min 05 s", "3 h 20 min"."""
    value = nanoseconds / NS_A_SECOND
    if value < _MINUTE_S:
        return f"{value:.1f} s"
    if value < _HOUR_S - 0.5:
        minutes, rest = divmod(round(value), _MINUTE_S)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(value / _MINUTE_S), _MINUTE_S)
    return f"{hours} h {rest:02d} min"


def roughly(value_s: float) -> str:
    """A duration that nobody knows exactly: "40 s", "12 min", "3 h 20 min"."""
    if value_s < _MINUTE_S:
        return f"{max(1, round(value_s))} s"
    if value_s < _HOUR_S - _MINUTE_S / 2:
        return f"{round(value_s / _MINUTE_S)} min"
    return seconds(value_s * NS_A_SECOND)


def waiting(body: Mapping[str, Any]) -> str:
    """What a trial waits for before it asks its provider again: "waiting 12 s (rate limit)"."""
    return f"waiting {body['wait_s']:.0f} s ({plain(str(body.get('fault', ''))).replace('_', ' ')})"


def money(usd: float | None) -> str:
    """An amount of USD; "" where nobody knows it."""
    if usd is None:
        return ""
    return f"${usd:,.2f}" if usd >= _CENT or usd == 0 else f"${usd:.4f}"


def count(number: float) -> str:
    """A large number in short: "940", "12.3k", "1.2M"."""
    if number < 10 * _THOUSAND:
        return f"{number:.0f}"
    if number < _THOUSAND * _THOUSAND:
        return f"{number / _THOUSAND:.1f}k"
    return f"{number / _THOUSAND**2:.1f}M"


def percent(part: float, whole: float) -> str:
    """A share: "41 %"; "" of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else ""
