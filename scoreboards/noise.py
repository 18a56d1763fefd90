"""Why trials are noisy: like reasons put together, their figures as ranges. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.record import Record

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def noise_reasons(records: Iterable[Record]) -> Mapping[str, int]:
    """How many noisy trials have each reason, the most frequent first; a trial may have several.

    Reasons that differ in figures alone are one: "for 12 % of the time" and "for 30 % ..." are "for 12 to 30 % ...".
    """
    return like_reasons(Counter(reason for record in records for reason in own_reasons(record)))


def own_reasons(record: Record) -> tuple[str, ...]:
    """Why one trial is noisy, each reason once."""
    return tuple(dict.fromkeys(record.noise)) if record.noisy else ()


def like_reasons(reasons: Mapping[str, int]) -> Mapping[str, int]:
    """Like reasons put together, from how many trials have each."""
    alike: dict[str, dict[str, int]] = {}
    for reason, number in reasons.items():
        alike.setdefault(_NUMBER.sub("0", reason), {})[reason] = number
    merged = ((_merged(texts), sum(texts.values())) for texts in alike.values())
    return dict(sorted(merged, key=lambda item: (-item[1], item[0])))


def _merged(texts: Iterable[str]) -> str:
    """One text for texts that differ in their figures alone."""
    pieces = zip(*(_NUMBER.split(text) for text in texts), strict=True)
    return "".join(_ranged(piece) if place % 2 else piece[0] for place, piece in enumerate(pieces))


def _ranged(figures: Iterable[str]) -> str:
    ordered = sorted(set(figures), key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
