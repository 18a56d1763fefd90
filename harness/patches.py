"""difference.patch: what of the agent's work people read, bounded whatever was handed in."""

from harness.grade_policy import Submission
from sandbox.checkout import Change, Checkouts
from sandbox.contract import Snapshot

MOST_BYTES = 20_000_000
"""Bytes of a patch that are kept; the files themselves are in the journal, whole."""


def bounded_patch(
    checkouts: Checkouts, snapshot: Snapshot, handed_in: Submission, most_bytes: int = MOST_BYTES
) -> bytes:
    """The difference that a submission makes, for `git apply`; of a longer one the beginning, and a line saying so.

    Raises CheckoutError.
    """
    change = Change(files=handed_in.kept, deleted=handed_in.deleted, links=handed_in.links)
    patch, size = checkouts.patch(snapshot, change, most_bytes)
    if len(patch) == size:
        return patch
    return patch + f"[cut off here: the first {len(patch):,} of {size:,} bytes; git will not apply it]\n".encode()
