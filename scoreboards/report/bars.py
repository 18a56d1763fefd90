"""Stacked bars of phases, told apart by shade as well as by colour, so that NO_COLOR loses nothing."""

from collections.abc import Mapping

from rich.text import Text

from harness.clock import Phase

SHADES: Mapping[Phase, str] = {
    Phase.MODEL: "█",
    Phase.TOOL: "▓",
    Phase.OVERLAP: "▞",
    Phase.WAIT: "▒",
    Phase.HARNESS: "░",
}
"""One character a phase."""

STYLES: Mapping[Phase, str] = {
    Phase.MODEL: "color(33)",
    Phase.TOOL: "color(166)",
    Phase.OVERLAP: "color(133)",
    Phase.WAIT: "color(99)",
    Phase.HARNESS: "color(244)",
}
"""Colours of middle lightness: at least 3:1 against white and against black."""


def bar(shares: Mapping[Phase, float] | None, cells: int) -> Text:
    """`cells` characters divided as the shares are, rounded so that they fill exactly; empty when unknown."""
    text = Text(no_wrap=True)
    if shares is not None:
        for phase, length in divide(shares, cells).items():
            text.append(SHADES[phase] * length, STYLES[phase])
    return text


def divide(shares: Mapping[Phase, float], cells: int) -> dict[Phase, int]:
    """Whole cells for each share, by largest remainder: they sum to `cells`, and no share is off by a whole one."""
    exact = {phase: share * cells for phase, share in shares.items()}
    lengths = {phase: int(length) for phase, length in exact.items()}
    by_remainder = sorted(shares, key=lambda phase: lengths[phase] - exact[phase])
    for phase in by_remainder[: cells - sum(lengths.values())]:
        lengths[phase] += 1
    return lengths


def head(phase: Phase) -> Text:
    """The phase's name under its own shade and colour: a column's head that is the legend too."""
    return Text.assemble((SHADES[phase], STYLES[phase]), f" {phase}")
