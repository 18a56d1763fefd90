"""The machine's own speed, taken out of times: what trials would have taken at one speed for all. Pure.

A machine that is slower on the candidate's day makes tests slower in every feature, which no test on pairs tells from a
slower candidate. The yardstick that was laid against it meanwhile does, as far as times follow it; so it never decides
anything, it only leaves open what the trials alone would decide.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from scoreboards.gate.asking import Asked, Cells
from scoreboards.gate.policy import Metric
from scoreboards.gate.sample import PLACES, Cell, Observation
from scoreboards.statistics import mean

BOUND = (Metric.AGENT_WALL, Metric.TOOL, Metric.HARNESS)
"""What takes as long as the machine is slow: it runs tools and harness, and the wall holds both."""


def at_one_speed(before: Cells, after: Cells) -> tuple[Cells, Cells] | None:
    """Both sides with tool, harness and agent wall as at the mean speed of all trials.

    None where the yardstick was not laid in every scored trial of the features that both have, or was other work.
    """
    common = [name for name in before if name in after]
    trials = [one for name in common for cell in (before[name], after[name]) for one in cell.scored]
    laid = [one.yardstick for one in trials]
    known = [one for one in laid if one is not None]
    if not known or len(known) < len(laid) or len({one.work for one in known}) > 1:
        return None
    usual = sum(math.log(one.us) for one in known) / len(known)
    first, second = ({name: _cell(cells[name], usual) for name in common} for cells in (before, after))
    return first, second


def slower(asked: Asked) -> float:
    """By what share the machine was slower in the candidate's trials, the mean over features; below 0: faster.

    Of trials that `at_one_speed` takes: the yardstick was laid in all of them.
    """
    return math.expm1(mean([_mean_log(pair.after) - _mean_log(pair.before) for pair in asked.pairs]) or 0.0)


def _mean_log(side: Sequence[Observation]) -> float:
    return mean([math.log(one.yardstick.us) for one in side if one.yardstick is not None]) or 0.0


def _cell(cell: Cell, usual: float) -> Cell:
    return Cell(scored=[_steady(one, usual) for one in cell.scored], unscored=cell.unscored)


def _steady(one: Observation, usual: float) -> Observation:
    if one.yardstick is None:
        return one
    faster = math.exp(usual) / one.yardstick.us
    seconds = list(one.seconds)
    for metric in (Metric.TOOL, Metric.HARNESS):
        place = PLACES[metric]
        seconds[PLACES[Metric.AGENT_WALL]] -= seconds[place] * (1 - faster)
        seconds[place] *= faster
    return replace(one, seconds=tuple(seconds))
