"""What all trials of a run know of one provider: when it wants to be left alone, and whether it is lost for good."""

import threading

from harness.models.contract import CallFailedError


class ProviderHealth:
    """Shared by the models of one provider and key, from any thread. Moments are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quiet_until = 0
        self._lost: CallFailedError | None = None

    @property
    def quiet_until(self) -> int:
        """No request should be sent before this moment; 0 when nothing was asked for."""
        with self._lock:
            return self._quiet_until

    @property
    def lost(self) -> CallFailedError | None:
        """The failure after which every further call would fail the same way, or None."""
        with self._lock:
            return self._lost

    def leave_alone(self, until: int) -> None:
        """Let nobody send before `until`; an earlier wish never shortens a later one."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, until)

    def lose(self, failure: CallFailedError) -> None:
        """Remember the first failure that no later call can get past."""
        with self._lock:
            self._lost = self._lost or failure
