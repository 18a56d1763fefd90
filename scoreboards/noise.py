"""Why trials are noisy: like reasons put together, their figures as ranges. Pure."""

import re
from collections.abc import Iterable, Mapping

from harness.record import Record

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def noise_reasons(records: Iterable[Record]) -> Mapping[str, int]:
    """How many noisy trials have each reason, the most frequent first; a trial may have several.

    Reasons that differ in figures alone are one: "for 12 % of the time" and "for 30 % ..." are "for 12 to 30 % ...".
    """
    alike: dict[str, list[str]] = {}
    for record in records:
        for reason in dict.fromkeys(record.noise if record.noisy else ()):
            alike.setdefault(_NUMBER.sub("0", reason), []).append(reason)
    counted = sorted(((_merged(texts), len(texts)) for texts in alike.values()), key=lambda item: (-item[1], item[0]))
    return dict(counted)


def _merged(texts: Iterable[str]) -> str:
    """One text for texts that differ in their figures alone."""
    pieces = zip(*(_NUMBER.split(text) for text in texts), strict=True)
    return "".join(_ranged(piece) if place % 2 else piece[0] for place, piece in enumerate(pieces))


def _ranged(figures: Iterable[str]) -> str:
    ordered = sorted(set(figures), key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
