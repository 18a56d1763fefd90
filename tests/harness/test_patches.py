"""What people read of a difference is bounded."""

from pathlib import Path

from harness.grade_policy import Submission
from harness.patches import bounded_patch
from sandbox.checkout import Checkouts
from sandbox.contract import File


def test_a_long_patch_is_cut_and_says_so(tmp_path: Path) -> None:
    """Whole lines, then one that says how much is missing; a short one is whole."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("x\n", encoding="utf-8")
    checkouts = Checkouts(tmp_path / "cache")
    snapshot = checkouts.from_folder(tmp_path / "tree")
    handed_in = Submission(kept=(File(path="b", data=b"line\n" * 1_000),), links={"c": "a"})
    whole = bounded_patch(checkouts, snapshot, handed_in)
    assert whole == checkouts.difference(snapshot, handed_in.kept, (), handed_in.links)
    cut = bounded_patch(checkouts, snapshot, handed_in, 1_000)
    *lines, last = cut.decode().splitlines()
    assert whole.decode().startswith("\n".join(lines) + "\n")
    assert len("\n".join(lines)) < 1_000
    assert last.startswith("[cut off here: the first ")
    assert f"of {len(whole):,} bytes" in last
