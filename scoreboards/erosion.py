"""What is left of a promised ratio on the clock, cause by cause: an exact waterfall from it to the real one. Pure.

Were all of an agent's wall as many times as fast as its decoding, the fast model would take the slow one's wall over
that ratio. What it takes beyond is divided by cause exactly as any difference is (`attribution`). Ratios of several
features are put together as their geometric mean, so each cause's part is taken in logarithms, where parts add up, and
brought back by the logarithmic mean: nothing is left over, and no order is preferred. Source: Ang (2004),
"Decomposition analysis for policymaking in energy", Energy Policy 32, the index called LMDI-I.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from scoreboards.attribution import Cause, parts
from scoreboards.ledger import Ledger

TIMES = ("wall", "decode", "first_token", "connect", "tool", "transport", "overlap", "wait", "harness")


def erosion(
    pairs: Sequence[tuple[Ledger, Ledger]], ratios: Sequence[float], promised: float | None
) -> Mapping[Cause, float] | None:
    """What each cause takes off the `promised` ratio, above 0, or adds to it; None where something is unknown.

    `pairs` are slow and fast ledgers of the features, `ratios` their real ratios, slow over fast. The parts sum to
    `promised` minus the geometric mean of the ratios.
    """
    if not promised or not pairs or any(not slow.wall or not fast.wall for slow, fast in pairs):
        return None
    logs = dict.fromkeys(Cause, 0.0)
    for (slow, fast), ratio in zip(pairs, ratios, strict=True):
        # Repeats are averaged geometrically in ratios, arithmetically in ledgers: the slow one is brought to the ratio.
        ideal = _scaled(slow, Fraction(ratio) * fast.wall / slow.wall / Fraction(promised))
        mean = _logarithmic_mean(float(fast.wall), float(ideal.wall))
        for cause, part in parts(fast, ideal).items():
            logs[cause] += float(part) / mean / len(pairs)
    real = math.exp(math.fsum(map(math.log, ratios)) / len(ratios))
    back = _logarithmic_mean(promised, real)
    return {cause: part * back for cause, part in logs.items()}


def _scaled(own: Ledger, factor: Fraction) -> Ledger:
    """The same calls and tokens in times that are all `factor` times as long."""
    return replace(own, **{name: getattr(own, name) * factor for name in TIMES})


def _logarithmic_mean(a: float, b: float) -> float:
    return a if math.isclose(a, b, rel_tol=1e-12) else (a - b) / math.log(a / b)
