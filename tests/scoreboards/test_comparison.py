"""`compare` and `whatif`: figures of known records, as text and as JSON, and what is refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import command_line
from harness.journal import Journal
from harness.record import Record, Verdict
from scoreboards.attribution import Cause
from scoreboards.board import build_board
from scoreboards.comparison import compare
from scoreboards.statistics import ratio_interval
from scoreboards.whatif import Changes, what_if

from .conftest import SECOND, make_call, make_record


def trial(model: str, feature: str, *, token_s: float, tool: float = 6, **changes: object) -> Record:
    """A trial of one call: 100 tokens at a speed, first token after 0.5 s, and tools."""
    decode = 100 * token_s
    known = {
        "sub_phases": {"model.decode": round(decode * SECOND), "model.first_token": SECOND // 2},
        "calls": [make_call(decode_tokens=99, decode_ns=round(decode * SECOND))],
        "cost_usd": 0.01 if model == "slow" else 0.03,
        "claimed_tokens_per_s": 1 / token_s,
        "simulated": True,
    }
    return make_record({"model": decode + 0.5, "tool": tool}, model=model, feature=feature, **{**known, **changes})


@pytest.fixture
def records() -> list[Record]:
    """Two features both solved, one that only the fast model solved."""
    return [
        trial("slow", "a/x", token_s=0.1),
        trial("fast", "a/x", token_s=0.01),
        trial("slow", "a/y", token_s=0.1, tool=2),
        trial("fast", "a/y", token_s=0.01, tool=2),
        trial("slow", "a/z", token_s=0.1, verdict=Verdict.FAIL, stop="limit:wall"),
        trial("fast", "a/z", token_s=0.01),
    ]


def test_figures(records: list[Record]) -> None:
    """Ratios, ceiling, causes, the counterfactual and the premium, worked out by hand."""
    found = compare(build_board(records), "slow", "fast")
    assert found.found.pairs == ("a/x", "a/y")
    assert found.found.real == pytest.approx(math.sqrt((16.5 / 7.5) * (12.5 / 3.5)))
    assert found.model == pytest.approx(10.5 / 1.5)
    assert found.ceiling == pytest.approx(29 / (29 - 21))
    assert found.difference_ns == found.causes[Cause.DECODE_SPEED] == 18 * SECOND
    assert found.eroded is not None
    lost = {cause: part for cause, part in found.eroded.items() if abs(part) > 1e-9}
    assert lost == pytest.approx({Cause.TOOL: 6.285, Cause.FIRST_TOKEN: 0.912}, abs=1e-3)
    assert found.counterfactual is not None
    assert found.counterfactual.speed == pytest.approx(29 / 11)
    assert found.counterfactual.behaviour == pytest.approx(1)
    assert found.premium is not None
    assert found.premium.usd == pytest.approx(0.02)
    assert found.premium.usd_an_hour == pytest.approx(0.02 / (9 / 3600))
    assert (found.trials, found.censored) == (4, 0)


def test_all_trials_are_compared_when_asked(records: list[Record]) -> None:
    """Failures count too then, and one that its wall limit ended is said to be."""
    found = compare(build_board(records), "slow", "fast", solved_only=False)
    assert found.found.pairs == ("a/x", "a/y", "a/z")
    assert (found.trials, found.censored, found.premium) == (6, 1, None)


def test_interval_is_that_of_the_textbook() -> None:
    """Ln 1, ln 2, ln 4: mean ln 2, s = ln 2, t(0.975, 2) = 4.3027; its reciprocal is that of the reciprocals."""
    found, inverse = ratio_interval([1, 2, 4]), ratio_interval([1, 1 / 2, 1 / 4])
    half = 4.302652729911275 * math.log(2) / math.sqrt(3)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))
    assert inverse is not None
    assert (inverse.low, inverse.high) == pytest.approx((1 / found.high, 1 / found.low))
    assert ratio_interval([2]) is None


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        (Changes(), 16.5),
        (Changes(decode=10), 7.5),
        (Changes(decode_tokens_per_s=1000), 6.6),
        (Changes(first_token=5), 16.1),
        (Changes(first_token_ns=2 * SECOND), 18),
        (Changes(tools=3), 12.5),
        (Changes(turns=2), 33),
        (Changes(decode=10, tools=2, turns=0.5), 2.25),
    ],
)
def test_what_if(changes: Changes, seconds: float) -> None:
    """10 s of decode, 0.5 s of first token, 6 s of tools, under other speeds."""
    (found,) = what_if([trial("slow", "a/x", token_s=0.1)], changes)
    assert found.wall_ns == round(seconds * SECOND)


def test_what_if_without_tokens() -> None:
    """A speed cannot be set where nobody counted tokens; a factor can be."""
    dumb = trial("slow", "a/x", token_s=0.1, calls=[make_call(decode_tokens=None, output_tokens=None)])
    assert what_if([dumb], Changes(decode_tokens_per_s=1000))[0].wall_ns is None
    assert what_if([dumb], Changes(decode=2))[0].wall_ns == round(11.5 * SECOND)


@pytest.fixture
def run(tmp_path: Path, records: list[Record]) -> Callable[..., Result]:
    """A command over a journal that holds the records."""
    with Journal.create(tmp_path / "run") as journal:
        for record in records:
            journal.append_record(record)

    def command(name: str, *options: str) -> Result:
        return CliRunner().invoke(command_line(), [name, str(tmp_path / "run"), *options], env={"COLUMNS": "80"})

    return command


def test_compare_in_words(run: Callable[..., Result]) -> None:
    """The two models are found by their speeds; all fits 80 columns; the parts and the simulation are told."""
    shown = run("compare").output
    assert "real        2.8x (95 % interval" in shown
    assert "lost to     tool work 6.3x, first tokens 0.9x" in shown
    assert "slower decoding" in shown
    assert "simulated" in shown
    assert "All trials, solved or not: " in shown
    assert "1 of 6 ended by their wall limit" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_compare_for_machines(run: Callable[..., Result]) -> None:
    """The documented names; the attribution sums to the difference."""
    value = json.loads(run("compare", "--slow", "slow", "--fast", "fast", "--json").output)
    assert sum(value["attribution"].values()) == value["difference_ns"] == 18 * SECOND
    assert set(value["attribution"]) == {str(cause) for cause in Cause}
    assert value["pairs"] == ["a/x", "a/y"]
    assert value["all_trials"]["pairs"] == ["a/x", "a/y", "a/z"]
    assert sum(value["eroded"].values()) == pytest.approx(value["decode"] - value["real"])
    assert value["real_interval"][0] < value["real"] < value["real_interval"][1]


def test_what_if_on_the_command_line(run: Callable[..., Result]) -> None:
    """Speeds and factors, for one model, as a table and as JSON."""
    shown = run("whatif", "--model", "slow", "--decode", "10x", "--tools", "2x").output
    assert "decoding 10 times as fast, tools 2 times as fast" in shown
    value = json.loads(run("whatif", "--decode", "1000", "--first-token", "0.25", "--json").output)
    assert len(value["trials"]) == 6
    assert {one["changed_wall_ns"] for one in value["trials"]} == {635 * SECOND // 100, 235 * SECOND // 100}


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("compare", ("--slow", "nobody"), "no model `nobody` in these runs; known: fast, slow"),
        ("compare", ("--slow", "slow", "--fast", "slow"), "name two models"),
        ("whatif", ("--decode", "fast"), "give a positive number, or a factor such as 2x"),
        ("whatif", ("--tools", "2"), "give a factor such as 2x"),
        ("whatif", ("--turns", "0x"), "give a positive number"),
        ("whatif", ("--model", "nobody"), "no scored trial of `nobody`"),
    ],
)
def test_what_is_refused(run: Callable[..., Result], command: str, options: tuple[str, ...], why: str) -> None:
    """One line that names the thing."""
    assert why in str(run(command, *options).exception)
