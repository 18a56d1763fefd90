"""The same work on many things at once, in sandboxes that Ctrl-C ends."""

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from harness.commands.session import Session
from harness.errors import InterruptedRunError
from sandbox.contract import BoxSpec, Environment, OnLine, Recipe, Sandbox, SandboxProvider, Snapshot

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Stoppable:
    """A provider of sandboxes that can be told to stop: it kills those it opened, and opens no more."""

    def __init__(self, provider: SandboxProvider) -> None:
        self._provider = provider
        self._stopped = threading.Event()
        self._opened: list[weakref.ref[Sandbox]] = []  # weak, for each holds the files that it was filled with

    @property
    def kind(self) -> str:
        """That of the provider behind it."""
        return self._provider.kind

    def prepare(self, recipe: Recipe, on_line: OnLine) -> Environment:
        """The provider's own; raises what that raises, InterruptedRunError once stopped."""
        self.go_on()
        return self._provider.prepare(recipe, on_line)

    def stage(self, environment: Environment, snapshot: Snapshot) -> None:
        """The provider's own."""
        self._provider.stage(environment, snapshot)

    def open(self, spec: BoxSpec) -> Sandbox:
        """The provider's own, and remembered. Raises InterruptedRunError once stopped."""
        self.go_on()
        box = self._provider.open(spec)
        self._opened.append(weakref.ref(box))
        self.go_on()  # whoever stops looks at those that are known by then
        return box

    @contextmanager
    def reopen(self, spec: BoxSpec) -> Iterator[Sandbox]:
        """The provider's own, and remembered. Raises InterruptedRunError once stopped."""
        self.go_on()
        with self._provider.reopen(spec) as box:
            self._opened.append(weakref.ref(box))
            self.go_on()
            yield box

    def provenance(self) -> Mapping[str, str]:
        """That of the provider behind it."""
        return self._provider.provenance()

    def stop(self) -> None:
        """Kill every sandbox that is at work, from any thread; those that are over do not mind."""
        self._stopped.set()
        for known in tuple(self._opened):
            if (box := known()) is not None:
                with suppress(Exception):
                    box.kill()

    def go_on(self) -> None:
        """Raises InterruptedRunError once stopped: whatever came of a sandbox that was killed means nothing then."""
        if self._stopped.is_set():
            raise InterruptedRunError("interrupted")


def refuse_interrupted(provider: SandboxProvider) -> None:
    """Raises InterruptedRunError where Ctrl-C killed that provider's sandboxes: call it before a result is kept."""
    if isinstance(provider, Stoppable):
        provider.go_on()


def each(
    session: Session, items: Sequence[_Item], work: Callable[[_Item, SandboxProvider], _Result], jobs: int
) -> tuple[_Result, ...]:
    """What `work` makes of each item, in their order, `jobs` of them at once; after Ctrl-C no sandbox stays.

    Raises what `work` raises, for the first item that it raises for.
    """
    with session.clearing():
        if jobs == 1 or len(items) == 1:
            return tuple(work(item, session.provider) for item in items)
        provider = Stoppable(session.provider)
        pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="job")
        try:
            return tuple(pool.map(lambda item: work(item, provider), items))
        except BaseException:
            provider.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
