"""The sandbox that an attempt goes on in: the one its last life left, or a new one in which its work is done again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from harness.bench import Bench
from harness.past import Past
from harness.rerun import rerun
from sandbox.contract import BoxSpec, Sandbox
from sandbox.errors import NothingToReopenError, SandboxError


@contextmanager
def agent_box(spec: BoxSpec, bench: Bench, past: Past | None) -> Iterator[Sandbox]:
    """The agent's sandbox, as far along as its attempt is; an interrupt kills what runs in it.

    The spec's `on_stage` is told of two stages more: "start", and "replay" where tool calls were run again. Raises
    DivergedError, SandboxError, InterruptedRunError.
    """
    with ExitStack() as stack:
        left = _left(spec, bench, past, stack)
        box = stack.enter_context(bench.provider.open(spec)) if left is None else left
        stack.enter_context(bench.interrupts.ending(box.kill))  # before it has started there is nothing to kill
        if left is None and past is not None and past.recorded.tools:
            spec.on_stage("start")
            try:
                rerun(past, box, bench.clock, bench.slots)
            finally:
                spec.on_stage("replay")
        yield box


def _left(spec: BoxSpec, bench: Bench, past: Past | None, stack: ExitStack) -> Sandbox | None:
    """The sandbox that the last life left, entered, where that is known to stand where the record ends.

    Any other that an earlier life left is removed: nobody shall take it for this life's own later on.
    """
    if past is None:
        return None
    if past.whole_box:
        with suppress(NothingToReopenError):
            return stack.enter_context(bench.provider.reopen(spec))
        return None
    with suppress(SandboxError), bench.provider.reopen(spec):  # what cannot be removed now goes when the run ends
        pass
    return None
