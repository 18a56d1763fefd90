"""The same board in the terminal, as Markdown and as JSON."""

import io
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from harness.clock import Phase
from harness.record import CallRow, Record, ToolRow
from scoreboards.board import Board, build_board
from scoreboards.inside import AGENT_PHASES
from scoreboards.report.bars import divide
from scoreboards.report.machine import board_json, board_value
from scoreboards.report.markdown import board_markdown
from scoreboards.report.terminal import Asked, print_board

Make = Callable[..., Record]
HOSTILE = "[/red]\x1b[31mevil\u202e|`@x\n| <img> [bold]"
LONG = "some-quite-long-vendor/model-name-that-goes-on-and-on-2026-01-01"


@pytest.fixture
def board(record: Make, call: Callable[..., CallRow], tool: Callable[..., ToolRow]) -> Board:
    """Two simulated models on two features, an error, and a hostile and a long name with little known of them."""
    spent = {"setup": 1, "model": 4.5, "tool": 3, "wait": 1, "grade": 8, "harness": 0.25}
    trials = [
        record(
            {**spent, "model": 45} if model == "frontier" else spent,
            model=model,
            feature=feature,
            simulated=True,
            calls=[call(1), call(2)],
            tool_calls=[tool()],
            turns=2,
            claimed_tokens_per_s=speed,
        )
        for feature in ("bookings/waitlist", "bookings/recurring-exceptions")
        for model, speed in (("fast", 1000), ("frontier", 65))
    ]
    cut = {"verdict": "error:provider", "cost_usd": 0.5, "unanswered_calls": 1}
    trials.append(record(spent, model="fast", repeat=2, simulated=True, **cut))
    trials.append(record({"tool": 90_000, "overlap": 3}, model=HOSTILE, feature=HOSTILE, id="h", turns=1_234_567))
    trials.append(record({"wait": 5}, model=LONG, feature=LONG, id="l", verdict="error:infra", cost_usd=12_345.6))
    return build_board(trials)


def shown(board: Board, width: int, asked: Asked | None = None) -> str:
    """What a terminal without colour prints."""
    out = io.StringIO()
    print_board(board, Console(file=out, width=width, color_system=None), asked)
    return out.getvalue()


def tables(text: str) -> dict[str, str]:
    """The terminal's tables by title."""
    titles = ("Models", "Where the agent's wall-clock went", "Features")
    starts = [text.index(f"{title} ") for title in titles]
    return {title: text[start:].split("\n\n", maxsplit=1)[0] for title, start in zip(titles, starts, strict=True)}


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_terminal_tables_fit_and_cut_no_figure(board: Board, width: int) -> None:
    """No line is too long, no figure ends in an ellipsis, at any usual width."""
    text = shown(board, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for table in tables(text).values():
        assert "…" not in table
    for figure in ("100 %", "$12,345.60", "25 h 00 min", "8.75 s", "49.2 s", "50.0", "500 ms", "1 err"):
        assert figure in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_simulated_is_said_in_every_table(board: Board, width: int) -> None:
    """Of both simulated models, in each of the three tables; also in Markdown."""
    for table in tables(shown(board, width)).values():
        assert table.count("simulated") >= 2
    for table in board_markdown(board).split("### ")[1:]:
        rows = [
            line for line in table.splitlines() if line.startswith("|") and ("`fast`" in line or "`frontier`" in line)
        ]
        assert rows
        assert all("(simulated)" in row for row in rows)


def test_untrusted_names_neither_steer_nor_break(board: Board) -> None:
    """No escape, no bidirectional control, no markup taken; Markdown rows keep their columns."""
    text, markdown = shown(board, 140), board_markdown(board)
    for view in (text, markdown):
        assert not set(view) & {"\x1b", "\u202e"}
    assert "[/red]evil" in text
    assert "[bold]" in text
    for table in markdown.split("### ")[1:]:
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert "<img>" not in re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", markdown))


def test_colour_only_where_wanted(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours; NO_COLOR takes them away and leaves the shades that tell phases apart."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, bare = io.StringIO(), io.StringIO()
    print_board(board, Console(file=coloured, width=100, force_terminal=True, color_system="256"))
    monkeypatch.setenv("NO_COLOR", "1")
    print_board(board, Console(file=bare, width=100, force_terminal=True, color_system="256"))
    assert "38;5;33m" in coloured.getvalue()
    assert "38;5;" not in bare.getvalue()
    assert {"█", "▓", "▒", "▞"} <= set(bare.getvalue())


def test_the_board_begins_with_the_sentence(board: Board) -> None:
    """Claimed against real and what bounds it, before any table; below them the notes that go with the figures."""
    text = " ".join(shown(board, 140).split())
    assert text.startswith(
        "`fast` decodes about as fast as `frontier` (claimed 15.4x); on the 2 features both solved it was 5.6x"
    )
    bound = "Over all scored trials `fast` is bound by decoding, 51 % of its agent wall; `frontier` by decoding, 91 %."
    assert text.index(bound) < text.index("Models")
    told = board_markdown(board)
    assert told.startswith("**`fast` decodes about as fast as `frontier` (claimed 15.4x); on the 2 features")
    assert told.index("is bound by decoding, 51 % of its agent wall") < told.index("### Models")
    assert "fast: 1 trial outside the rate (1 error:provider)." in text
    assert "lower bound" in text


def test_an_empty_board_says_so() -> None:
    """Nothing finished yet is no error."""
    empty = build_board([])
    assert shown(empty, 80) == board_markdown(empty) == "No trial has finished yet.\n"
    assert board_value(empty) == {"schema": 1, "models": [], "features": [], "trials": []}


def test_details_are_asked_for(record: Make) -> None:
    """What is inside the phases and calls, and many features, stay away until then; the last line names the options."""
    many = build_board([record({"model": 1, "tool": 2}, feature=f"t/{number}") for number in range(9)])
    plain, asked = shown(many, 80), shown(many, 80, Asked(inside=True, features=True))
    for title in ("Inside the phases", "Model calls", "Features", "Rates are over"):
        assert (title in plain, title in asked) == (False, True), title
    assert "More: --features (9 of them), --inside" in plain
    assert "More:" not in asked
    assert "`fast` is bound by tools (other), 67 % of its agent wall." in plain


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any), st.integers(1, 200))
def test_bars_fill_exactly(weights: list[int], cells: int) -> None:
    """Whole cells that sum to the bar, none off by as much as one."""
    shares = {phase: weight / sum(weights) for phase, weight in zip(AGENT_PHASES, weights, strict=True)}
    lengths = divide(shares, cells)
    assert sum(lengths.values()) == cells
    assert all(abs(lengths[phase] - shares[phase] * cells) < 1 + 1e-9 for phase in shares)


def test_json_trials_have_the_stable_fields(board: Board) -> None:
    """All that was promised, the seven phases in order and summing to the wall, unknown as null."""
    value = json.loads(board_json(board))
    assert list(value) == ["schema", "models", "features", "trials"]
    promised = (
        "id run model feature repeat attempt stop verdict rung simulated noisy resumed wall_ns phases sub_phases summed"
        " calls tool_calls turns output_tokens cost_usd"
    )
    for trial in value["trials"]:
        assert set(promised.split()) <= set(trial)
        assert list(trial["phases"]) == [str(phase) for phase in Phase]
        assert sum(trial["phases"].values()) == trial["wall_ns"]
    first = value["trials"][0]
    assert (first["calls"], first["tool_calls"], first["output_tokens"], first["cost_usd"]) == (2, 1, 202, None)


def test_json_unknown_is_null(record: Make, call: Callable[..., CallRow]) -> None:
    """A trial with one call of unknown usage has an unknown sum; the model's is a lower bound."""
    calls = [call(1), call(2, output_tokens=None, decode_tokens=None, connect_ns=None)]
    value = board_value(build_board([record({"model": 1}, calls=calls, verdict="error:provider")]))
    assert value["trials"][0]["output_tokens"] is None
    assert value["trials"][0]["rung"] is None
    model = value["models"][0]
    assert (model["output_tokens"], model["output_tokens_is_lower_bound"]) == (101, True)
    for name in ("pass_rate", "pass_interval", "pass_at_1", "agent_wall_median_ns", "phases", "shares", "cost_usd"):
        assert model[name] is None


def test_json_models_and_features(board: Board) -> None:
    """Figures by hand, whole numbers where they are counts, text escaped to ASCII."""
    text = board_json(board)
    assert text.isascii()
    value = json.loads(text)
    frontier = next(row for row in value["models"] if row["model"] == "frontier")
    assert frontier["agent_wall_total_ns"] == 2 * 49_250_000_000
    assert frontier["phases"]["grade"] == 16_000_000_000
    assert frontier["pass_interval"] == pytest.approx([0.342380, 1.0], abs=1e-6)
    assert frontier["output_tokens"] == 404
    assert isinstance(frontier["output_tokens"], int)
    assert sum(frontier["shares"].values()) == pytest.approx(1)
    waitlist = next(row for row in value["features"] if row["feature"] == "bookings/waitlist")
    assert [(row["model"], row["trials"], row["errors"]) for row in waitlist["models"]] == [
        ("fast", 2, 1),
        ("frontier", 1, 0),
    ]
