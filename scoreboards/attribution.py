"""Why a model took longer than another: the difference of their agent walls, divided exactly. Pure.

Model time is a product: decode is tokens x time a token, waiting for first tokens is calls x time a call. How much of a
difference in a product is owed to each factor depends on which is changed first; the Shapley value is the mean over all
orders, and the only division that is exact, symmetric and gives nothing to a factor that did not change. Of two factors
that is each one's change times the mean of the other. Source: Shapley (1953), "A Value for n-Person Games".
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from math import floor

from scoreboards.ledger import Ledger


class Cause(StrEnum):
    """What a difference in agent wall may be owed to."""

    OUTPUT_TOKENS = "output_tokens"
    DECODE_SPEED = "decode_speed"
    FIRST_TOKEN = "first_token"  # noqa: S105 - of an answer
    CONNECT = "connect"
    CALLS = "calls"
    WAIT = "wait"
    TOOL = "tool"
    TRANSPORT = "transport"
    OVERLAP = "overlap"
    HARNESS = "harness"


def attribution(pairs: Iterable[tuple[Ledger, Ledger]]) -> dict[Cause, int]:
    """Nanoseconds of the difference between slow and fast ledgers owed to each cause, summed over the pairs.

    The parts sum to the rounded difference of the walls, to the nanosecond. A positive part made the slow one slower.
    Where tokens or calls are not known of both, what they are a factor of is wholly owed to the speed.
    """
    sums = dict.fromkeys(Cause, Fraction())
    for slow, fast in pairs:
        for cause, part in parts(slow, fast).items():
            sums[cause] += part
    return _rounded(sums)


def parts(slow: Ledger, fast: Ledger) -> dict[Cause, Fraction]:
    """Nanoseconds of the difference between two ledgers owed to each cause: exact, they sum to it."""
    tokens, speed = _product((slow.tokens, slow.decode), (fast.tokens, fast.decode))
    calls_first, first_token = _product((slow.calls, slow.first_token), (fast.calls, fast.first_token))
    calls_connect, connect = _product((slow.calls, slow.connect), (fast.calls, fast.connect))
    return {
        Cause.OUTPUT_TOKENS: tokens,
        Cause.DECODE_SPEED: speed,
        Cause.FIRST_TOKEN: first_token,
        Cause.CONNECT: connect,
        Cause.CALLS: calls_first + calls_connect,
        Cause.WAIT: slow.wait - fast.wait,
        Cause.TOOL: slow.tool - fast.tool,
        Cause.TRANSPORT: slow.transport - fast.transport,
        Cause.OVERLAP: slow.overlap - fast.overlap,
        Cause.HARNESS: slow.harness - fast.harness,
    }


def _product(
    slow: tuple[Fraction | None, Fraction], fast: tuple[Fraction | None, Fraction]
) -> tuple[Fraction, Fraction]:
    """Of two (count, time) pairs, what of the difference in time is owed to the count, and what to time by count."""
    (count_a, time_a), (count_b, time_b) = slow, fast
    if not count_a or not count_b:
        return Fraction(), time_a - time_b
    each_a, each_b = time_a / count_a, time_b / count_b
    return (count_a - count_b) * (each_a + each_b) / 2, (each_a - each_b) * (count_a + count_b) / 2


def _rounded(sums: Mapping[Cause, Fraction]) -> dict[Cause, int]:
    """Whole nanoseconds by largest remainder: they sum to the rounded sum, and none is off by a whole one."""
    whole = {cause: floor(part) for cause, part in sums.items()}
    left = round(sum(sums.values(), Fraction())) - sum(whole.values())
    for cause in sorted(sums, key=lambda cause: whole[cause] - sums[cause])[:left]:
        whole[cause] += 1
    return whole
