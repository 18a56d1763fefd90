"""The designs that are calibrated: few and many features, with one repeat and with several."""

from tests.calibration.measured import Design, Measured, measure, measure_looks

DESIGNS = tuple((features, repeats) for features in (6, 20, 100) for repeats in (1, 3, 5))


def run(features: int, repeats: int, pairs: int) -> Measured:
    """All figures of one design."""
    return measure(Design(features=features, repeats=repeats, pairs=pairs))


def looks_of(pairs: int) -> Measured:
    """The sequential design: twenty features that are looked at after one, two and four repeats."""
    return measure_looks(Design(features=20, repeats=4, pairs=pairs))
