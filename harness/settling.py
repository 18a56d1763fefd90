"""What became of a call that an attempt's last life left open is found out, written down and charged, once."""

import structlog

from harness.bench import Bench
from harness.given_up import assignment
from harness.open_calls import CameOf, settled
from harness.past import Past
from harness.plan import Trial

log = structlog.get_logger()


def settle(trial: Trial, bench: Bench, past: Past) -> Past:
    """The past without an open call: its answer if that had come whole, else whether it may have been paid for.

    Whatever becomes of the attempt: one that is replaced keeps what it cost, and what it may have cost.
    """
    if past.open_call is None or past.stop:
        return past
    asked = assignment(trial)
    try:
        came = bench.came_of(trial.id, past.number, past.open_call)
        found = settled(past, came, asked.price_for, asked.price)
    except Exception as error:  # whatever was written down: an attempt shall not fail for what an earlier life heard
        log.warning("trial.unreadable_wire", error=str(error), exc_info=error)
        found = settled(past, CameOf(), asked.price_for, asked.price)
    if found.body is not None:
        bench.on_event(trial, past.number, found.kind, found.body)
        bench.budget.charge(trial.id, found.charged)
    return found.past
