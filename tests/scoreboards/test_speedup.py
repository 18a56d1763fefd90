"""The sentence the product exists for, with every figure there and with each one missing."""

from collections.abc import Callable

import pytest

from harness.clock import Phase
from harness.record import CallRow, Record, Verdict
from scoreboards.board import build_board
from scoreboards.speedup import Speedup, pick_pair, sentence, speedup

Make = Callable[..., Record]
MakeCall = Callable[..., CallRow]
SECOND = 1_000_000_000


@pytest.fixture
def pair(record: Make, call: MakeCall) -> Callable[..., list[Record]]:
    """Records of `frontier` (65 tokens/s) and `fast` (1,000) on one feature, with walls in seconds as asked."""

    def make(slow_s: float, fast_s: float, *, feature: str = "a/x", repeat: int = 1, **changes: object) -> list[Record]:
        made = []
        for model, wall, tokens in (("frontier", slow_s, 65), ("fast", fast_s, 1000)):
            known = {
                "model": model,
                "feature": feature,
                "repeat": repeat,
                "calls": [call(1, decode_tokens=tokens, decode_ns=SECOND)],
                "claimed_tokens_per_s": tokens,
            }
            phases = {"setup": 3, "model": wall * 0.4, "tool": wall * 0.6, "grade": 2}
            made.append(record(phases, **{**known, **changes}))
        return made

    return make


def compare(records: list[Record]) -> Speedup:
    """The comparison of the pair that the board itself picks."""
    board = build_board(records)
    names = pick_pair(board)
    assert names is not None
    return speedup(board, *names)


def test_the_sentence(pair: Callable[..., list[Record]]) -> None:
    """All figures known: decode, claim, reality, realisation, tools; set-up and grading play no part."""
    found = compare([*pair(40, 8), *pair(25.6, 8, feature="a/y")])
    assert (found.slow, found.fast, found.pairs, found.solved_only) == ("frontier", "fast", ("a/x", "a/y"), True)
    assert found.decode == pytest.approx(1000 / 65)
    assert found.claimed == pytest.approx(1000 / 65)
    assert found.real == pytest.approx(4)
    assert found.realisation == pytest.approx(4 / (1000 / 65))
    assert found.shares is not None
    assert found.shares[Phase.TOOL] == pytest.approx(0.6)
    assert sentence(found) == (
        "`fast` decodes 15.4x faster than `frontier` (claimed 15.4x); on the 2 features both solved it was 4.0x faster"
        " end to end (realisation 26 %). Tools took 60 % of its wall-clock there."
    )


def test_realisation_is_of_the_claim_where_there_is_one(pair: Callable[..., list[Record]]) -> None:
    """Both ratios are shown; the promise is the vendor's."""
    records = pair(30, 10)
    board = build_board(
        record.model_copy(
            update={
                "trial": record.trial.model_copy(
                    update={"claimed_tokens_per_s": 100 if record.trial.model == "fast" else 10}
                )
            }
        )
        for record in records
    )
    found = speedup(board, "frontier", "fast")
    assert found.claimed == 10
    assert found.realisation == pytest.approx(0.3)
    assert "decodes 15.4x faster than `frontier` (claimed 10.0x)" in sentence(found)


def test_nothing_claimed(pair: Callable[..., list[Record]]) -> None:
    """The measured decode ratio stands in, and the sentence says so."""
    found = compare(pair(40, 10, claimed_tokens_per_s=None))
    assert found.claimed is None
    said = sentence(found)
    assert "(nothing claimed); on the one feature both solved (`a/x`) it was 4.0x faster" in said
    assert "(realisation 26 % of the measured decode speed-up)" in said


def test_repeats_are_one_pair(pair: Callable[..., list[Record]]) -> None:
    """A feature counts once: its repeats' geometric mean stands for it."""
    found = compare([*pair(10, 10), *pair(40, 10, repeat=2), *pair(80, 10, feature="a/y")])
    assert found.pairs == ("a/x", "a/y")
    assert found.real == pytest.approx(4)


def test_only_what_both_solved_is_compared(pair: Callable[..., list[Record]]) -> None:
    """A quick failure is no speed."""
    slow, fast = pair(40, 1, feature="a/y")
    found = compare([*pair(40, 20), slow, fast.model_copy(update={"verdict": Verdict.FAIL})])
    assert found.pairs == ("a/x",)
    assert found.real == pytest.approx(2)


def test_all_scored_trials_stand_in_when_nothing_was_solved_by_both(pair: Callable[..., list[Record]]) -> None:
    """It says so; errors still do not count."""
    found = compare([*pair(40, 10, verdict="fail"), *pair(40, 1, feature="a/y", verdict="error:infra")])
    assert (found.pairs, found.solved_only) == (("a/x",), False)
    assert "on the one feature both tried, solved or not (`a/x`), it was 4.0x faster" in sentence(found)
    several = compare([*pair(40, 10, verdict="fail"), *pair(40, 10, feature="a/y", verdict="fail")])
    assert "on the 2 features both tried, solved or not, it was 4.0x faster" in sentence(several)


def test_no_pair_no_figure(pair: Callable[..., list[Record]]) -> None:
    """Models that share no feature are not compared."""
    slow, _ = pair(40, 10, feature="a/x")
    _, fast = pair(40, 10, feature="a/y")
    found = compare([slow, fast])
    assert (found.real, found.realisation, found.shares) == (None, None, None)
    assert sentence(found).endswith("; no feature was finished by both, so there is no end-to-end figure.")


def test_slower_and_level(pair: Callable[..., list[Record]]) -> None:
    """A faster decoder may lose, or draw."""
    assert "it was 2.0x slower end to end (realisation 3 %)" in sentence(compare(pair(10, 20)))
    assert "it was about as fast end to end (realisation 7 %)" in sentence(compare(pair(10, 9.8)))


def test_named_the_other_way_round(pair: Callable[..., list[Record]]) -> None:
    """Nothing was promised, so nothing is realised; the words fit the figures."""
    said = sentence(speedup(build_board(pair(40, 10)), "fast", "frontier"))
    assert "`frontier` decodes 15.4x slower than `fast` (claimed 0.1x)" in said
    assert "it was 4.0x slower end to end. Tools" in said


def test_a_model_against_itself(pair: Callable[..., list[Record]]) -> None:
    """A draw in everything."""
    assert sentence(speedup(build_board(pair(40, 10)), "fast", "fast")).startswith(
        "`fast` decodes about as fast as `fast` (claimed 1.0x); on the one feature both solved (`a/x`) it was about as"
    )


def test_no_decode_speed_measured(pair: Callable[..., list[Record]]) -> None:
    """The claim picks the pair and is the promise; the sentence names who was faster."""
    said = sentence(compare(pair(40, 10, calls=[])))
    assert said.startswith("No decode speed was measured to compare `fast` with `frontier` (claimed 15.4x);")
    assert "`fast` was 4.0x faster end to end (realisation 26 %)" in said


def test_no_pair_to_pick(pair: Callable[..., list[Record]], record: Make) -> None:
    """One model, or models of unknown speed: there is nothing to say."""
    assert pick_pair(build_board([])) is None
    assert pick_pair(build_board([record({"model": 1})])) is None
    assert pick_pair(build_board(pair(4, 1, calls=[], claimed_tokens_per_s=None))) is None


def test_of_several_the_slowest_and_the_fastest_are_picked(
    pair: Callable[..., list[Record]], record: Make, call: MakeCall
) -> None:
    """The one in the middle is left out."""
    middle = record({"model": 1}, model="middle", calls=[call(1, decode_tokens=200, decode_ns=SECOND)])
    assert pick_pair(build_board([middle, *pair(4, 1)])) == ("frontier", "fast")


def test_simulated_models_are_named_so(pair: Callable[..., list[Record]]) -> None:
    """One or both."""
    slow, fast = pair(40, 10, simulated=True)
    assert sentence(compare([slow, fast])).endswith("(`fast` and `frontier` are simulated.)")
    real = slow.model_copy(update={"trial": slow.trial.model_copy(update={"simulated": False})})
    assert sentence(compare([real, fast])).endswith("(`fast` is simulated.)")


def test_trials_without_agent_wall_are_left_out(pair: Callable[..., list[Record]]) -> None:
    """A wall of nothing has no ratio."""
    found = compare([*pair(0, 0), *pair(40, 10, feature="a/y")])
    assert found.pairs == ("a/y",)


def test_names_are_made_safe(pair: Callable[..., list[Record]]) -> None:
    """A name cannot leave its quotes or steer the terminal."""
    found = compare(pair(40, 10, feature="a/`\x1b[2J\u202ex"))
    assert "(`a/'x`)" in sentence(found)
