"""Figures as people read them: with their units, unknown ones as a dash. Pure."""

UNKNOWN = "\u2013"
"""What stands where a figure is not known; never 0."""

_MINUTE_S = 60
_HOUR_S = 3600
_BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def percent(share: float | None) -> str:
    """A share in whole percent, as in "21 %"; a little is never shown as nothing, nor nearly all as all."""
    if share is None:
        return UNKNOWN
    whole = round(share * 100)
    if whole == 0 and share > 0:
        return "<1 %"
    if whole == 100 and share < 1:  # noqa: PLR2004 - per cent
        return ">99 %"
    return f"{whole} %"


def times(ratio: float) -> str:
    """A ratio, as in "15.1x"."""
    shown = f"{ratio:.1f}x"
    return shown if len(shown) <= len("99.9x") else f"{ratio:,.0f}x"


def duration(nanoseconds: float | None) -> str:
    """Three or so digits with a unit: "0.40 ms", "902 ms", "41.2 s", "12 min 05 s", "3 h 07 min"."""
    if nanoseconds is None:
        return UNKNOWN
    if nanoseconds == 0:
        return "0 s"
    seconds = nanoseconds / 1e9
    if round(seconds) >= _HOUR_S:
        hours, minutes = divmod(round(seconds / _MINUTE_S), 60)
        return f"{hours:,} h {minutes:02d} min"
    if seconds >= 99.95:  # noqa: PLR2004 - where one decimal would make four digits
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if seconds >= 0.9995:  # noqa: PLR2004 - where milliseconds would make four digits
        return f"{seconds:.1f} s" if seconds >= 9.995 else f"{seconds:.2f} s"  # noqa: PLR2004 - three digits
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 9.995 else f"{milliseconds:.2f} ms"  # noqa: PLR2004 - the same


def difference(nanoseconds: float) -> str:
    """A duration with its sign: "+12 ms", "-2.38 ms"."""
    return ("-" if nanoseconds < 0 else "+") + duration(abs(nanoseconds))


def size(number: float) -> str:
    """Bytes with a unit of a thousand: "952 B", "12.4 kB", "3.1 MB"."""
    for limit, unit in ((999_950_000, "GB"), (999_950, "MB"), (999.5, "kB")):
        if number >= limit:
            return f"{number / _BYTES[unit]:,.1f} {unit}"
    return f"{number:.0f} B"


def count(value: float | None, *, at_least: bool = False) -> str:
    """A whole number, from ten thousand on in thousands: "9,120", "41.2k", "1.3M"; "≥" before a lower bound."""
    if value is None:
        return UNKNOWN
    sign = "≥ " if at_least else ""
    for limit, unit in ((999_950, 1e6), (10_000, 1e3)):
        if value >= limit:
            return f"{sign}{value / unit:,.1f}{'M' if unit == 1e6 else 'k'}"  # noqa: PLR2004 - a million
    return f"{sign}{value:,.0f}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 feature", "9 features"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def usd(value: float | None, *, at_least: bool = False) -> str:
    """Dollars: cents, or more digits where cents would hide a small sum; "≥" before a lower bound."""
    if value is None:
        return UNKNOWN
    digits = 2 if value == 0 or value >= 0.1 else 4  # noqa: PLR2004 - ten cents
    return f"{'≥ ' if at_least else ''}${value:,.{digits}f}"


def speed(tokens_per_s: float | None) -> str:
    """Tokens per second without the unit: "64.8", "1,012"."""
    if tokens_per_s is None:
        return UNKNOWN
    return f"{tokens_per_s:.1f}" if tokens_per_s < 99.95 else f"{tokens_per_s:,.0f}"  # noqa: PLR2004 - three digits
