"""The gate fails as rarely, and sees as much, as it says: a few pairs here, two thousand of each design nightly."""

from collections import Counter

import pytest

from tests.calibration.designs import DESIGNS, looks_of, run
from tests.calibration.measured import Design, Measured, measure, measure_looks
from tests.calibration.table import complaints, markdown

NO_LOOKS = Measured(design=Design(features=20, repeats=4, pairs=100))


@pytest.fixture(scope="module")
def small() -> Measured:
    """Ten features of two repeats."""
    return measure(Design(features=10, repeats=2, pairs=100, baselines=4, simulations=30))


@pytest.mark.slow
def test_few_pairs_are_calibrated(small: Measured) -> None:
    """No truth fails more often than alpha allows, power is what it states, and large changes are seen."""
    assert list(complaints([small], NO_LOOKS)) == []
    assert small.rate("strict: rise 0.5") > 0.95
    assert 0.2 < small.rate("strict: rise 0.2") < 1
    assert small.rate("alone: rise 0.1") > small.rate("strict: rise 0.1")


@pytest.mark.slow
def test_table_has_a_row_for_each_design(small: Measured) -> None:
    """Of false fails one row, of power one for each policy."""
    text = markdown([small], NO_LOOKS)
    assert sum(line.startswith("| 10 x 2 |") for line in text.splitlines()) == 4


@pytest.mark.slow
def test_few_looks_are_calibrated() -> None:
    """Three looks at ten features fail no more often than alpha."""
    assert list(complaints([], measure_looks(Design(features=10, repeats=4, pairs=40)))) == []


def test_what_is_not_calibrated_is_told() -> None:
    """A false-fail rate of a tenth, a power that is off by a fifth, and looks that fail too often, each have a line."""
    design = Design(features=20, repeats=3, pairs=1_000)
    wrong = Measured(
        design=design,
        failed=Counter({"none": 100, "default: rise 0.2": 500}),
        stated={"default: rise 0.2": [0.71, 0.70, 0.69], "default: rise 0.5": [0.0, 0.0]},
    )
    told = list(complaints([wrong], Measured(design=design, failed=Counter({"none, pocock": 80}))))
    assert len(told) == 3
    assert "20 x 3: none: 0.1000" in told[0]
    assert "power 0.700, seen 0.500" in told[1]
    assert told[2].startswith("looks: none, pocock: 80 of 1000")


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("features", "repeats"), DESIGNS)
def test_each_design_is_calibrated(features: int, repeats: int) -> None:
    """Two thousand pairs of a design of the table."""
    assert list(complaints([run(features, repeats, 2_000)], NO_LOOKS)) == []


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_looks_are_calibrated() -> None:
    """Two thousand pairs of the sequential design."""
    assert list(complaints([], looks_of(2_000))) == []
