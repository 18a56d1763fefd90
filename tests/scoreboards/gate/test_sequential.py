"""The alphas of looks against published boundaries and against simulated paths."""

import numpy as np
import pytest
from scipy import stats

from scoreboards.gate.policy import Spending
from scoreboards.gate.sequential import nominal_alphas, spent

FIVE = (1, 2, 3, 4, 5)


def bounds(looks: tuple[int, ...], spending: Spending, alpha: float = 0.05) -> list[float]:
    """The z of each look."""
    return [float(stats.norm.isf(nominal / 2)) for nominal in nominal_alphas(looks, spending, alpha)]


def test_pocock_type_boundaries_as_published() -> None:
    """Five equal looks at two-sided 5 %, as ldbounds prints them for the Pocock-type function."""
    assert bounds(FIVE, Spending.POCOCK) == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)


def test_obrien_fleming_type_boundaries_as_published() -> None:
    """The same for the O'Brien-Fleming type."""
    assert bounds(FIVE, Spending.OBRIEN_FLEMING) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_one_look_is_no_sequence() -> None:
    """A design of one look tests at alpha."""
    for spending in Spending:
        assert nominal_alphas((3,), spending, 0.05) == pytest.approx((0.05,))


@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("looks", [(1, 2, 4), (2, 3, 5, 10), (1, 10)])
def test_paths_cross_as_often_as_alpha(spending: Spending, looks: tuple[int, ...]) -> None:
    """Sums of independent steps, tested at each look: all looks together reject alpha of them, each what it may."""
    rng = np.random.default_rng(5)
    steps = rng.normal(size=(200_000, len(looks))) * np.sqrt(np.diff((0, *looks)))
    scores = np.abs(steps.cumsum(axis=1)) / np.sqrt(looks)
    crossed = np.maximum.accumulate(scores > bounds(looks, spending), axis=1).mean(axis=0)
    expected = [spent(spending, 0.05, look / looks[-1]) for look in looks]
    assert crossed == pytest.approx(expected, abs=4 * (0.05 / 200_000) ** 0.5)
    assert expected[-1] == pytest.approx(0.05)


def test_many_close_looks_are_integrated_well() -> None:
    """Twenty looks, the last ones close together, spend alpha and never more than one look would."""
    found = nominal_alphas(tuple(range(1, 21)), Spending.POCOCK, 0.05)
    assert all(0 < one < 0.05 for one in found)
    assert sum(found) > 0.05


@pytest.mark.parametrize("looks", [(), (2, 2), (3, 1), (0, 1)])
def test_looks_rise(looks: tuple[int, ...]) -> None:
    """Looks that do not rise are no design."""
    with pytest.raises((ValueError, IndexError)):
        nominal_alphas(looks, Spending.POCOCK, 0.05)
