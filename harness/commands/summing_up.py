"""What a run came to: a document for machines, and one screen for people that names what to look at."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from harness.errors import ConfigError
from harness.head_reader import read_heads
from harness.heads import Head, latest_heads, spent
from harness.open_costs import OpenCost, read_open_costs
from harness.progress.layout import Column, fitted, joined, lay
from harness.progress.rows import VERDICT_STYLE
from harness.progress.words import money, percent, seconds
from harness.record import Verdict
from harness.run_plan import planned_rows
from harness.untrusted import one_line

HEIGHT = 24
"""Lines of a screen; one of them stays free for the prompt."""

_MODELS = 5
_REASONS = 3
_LOOK_AT = 5
_LEAST_LEFT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What a run holds: the heads of all attempts at planned trials, of the latest ones, and how many were planned.

    `open` is what calls cost that no record counts, by the model's name.
    """

    folder: Path
    planned: int
    attempts: tuple[Head, ...]
    latest: tuple[Head, ...]
    open: tuple[tuple[str, OpenCost], ...] = ()

    @property
    def spent(self) -> tuple[float | None, bool]:
        """What all attempts cost in USD, unrecorded ones too, and whether that is only a lower bound."""
        return spent((*self.attempts, *(cost for _, cost in self.open)))

    def spent_by(self, model: str) -> float | None:
        """What the attempts of a model cost in USD."""
        mine = (head for head in self.attempts if head.model == model)
        return spent((*mine, *(cost for name, cost in self.open if name == model)))[0]


def sum_up(folder: Path, planned: int) -> Sum:
    """Read what a run came to. Raises ConfigError, InfraError."""
    heads = read_heads(folder)
    try:
        known = {str(row["id"]): str(row["model"]) for row in planned_rows(folder)}
    except ConfigError:  # a run that did not get as far as a plan
        known = {head.trial: head.model for head in heads}
    mine = tuple(head for head in heads if head.trial in known)
    unrecorded = tuple((known[one.trial], one) for one in read_open_costs(folder) if one.trial in known)
    latest = tuple(latest_heads(mine).values())
    return Sum(folder=folder, planned=planned, attempts=mine, latest=latest, open=unrecorded)


def document(found: Sum) -> dict[str, Any]:
    """What `run --json` and `status --json` end with; an unknown cost is null, and earlier attempts cost too."""
    verdicts = _verdicts(found)
    cost, partial = found.spent
    return {
        "schema": 1,
        "run": str(found.folder),
        "finished": len(found.latest) == found.planned and not verdicts[Verdict.NOT_RUN],
        "trials": {"total": found.planned, **{verdict.value: verdicts[verdict] for verdict in Verdict}},
        "unscored": _unscored(found.latest),
        "cost_usd": cost,
        "cost_is_lower_bound": partial,
        "in_doubt": sum(head.in_doubt for head in found.attempts),
        "noisy": sum(head.noisy for head in found.latest),
        "resumed": _resumed(found),
        "regraded": sum(head.regraded for head in found.latest),
    }


def _resumed(found: Sum) -> int:
    """The trials of which some attempt went on after an interruption."""
    return len({head.trial for head in found.attempts if head.resumed})


def _verdicts(found: Sum) -> Counter[Verdict]:
    verdicts = Counter(head.verdict for head in found.latest)
    verdicts[Verdict.NOT_RUN] += found.planned - len(found.latest)
    return verdicts


def _unscored(heads: Iterable[Head]) -> list[dict[str, Any]]:
    """Why trials have no grade: each reason once, with the number of its trials."""
    reasons = Counter(
        (head.model, head.verdict.value, head.stop, head.error) for head in heads if not head.verdict.scored
    )
    return [
        {"model": model, "verdict": verdict, "stop": stop, "error": error, "trials": trials}
        for (model, verdict, stop, error), trials in reasons.items()
    ]


def screen(found: Sum, width: int) -> list[Text]:
    """What a run came to, on one screen: at most 23 lines of at most `width` columns."""
    foot = _next(found, width)
    room = HEIGHT - 1 - len(foot)
    head = [fitted(line, width) for line in (_headline(found), _spend(found)) if line.plain]
    parts = [head, _models(found, width), _reasons(found, width)]
    parts.append(_look_at(found, width, room - sum(map(len, parts))))
    parts = [part for part in parts if part]
    blank = [Text()] if sum(map(len, parts)) + len(parts) <= room else []
    return [*[line for part in parts for line in (*part, *blank)][:room], *foot]


def _headline(found: Sum) -> Text:
    verdicts = _verdicts(found)
    counts = [
        Text(f"{verdict.value} {verdicts[verdict]}", style=VERDICT_STYLE.get(verdict, "yellow"))
        for verdict in Verdict
        if verdicts[verdict]
    ]
    trials = "1 trial" if found.planned == 1 else f"{found.planned} trials"
    return Text(f"{trials}: ", style="bold").append_text(joined(counts))


def _spend(found: Sum) -> Text:
    cost, partial = found.spent
    said = f"cost {'at least ' if partial else ''}{money(cost)}"
    if cost is None:
        said = "" if all(head.simulated for head in found.latest) else "cost unknown"
    doubts = sum(head.in_doubt for head in found.attempts)
    marks = {
        "noisy": sum(head.noisy for head in found.latest),
        "resumed": _resumed(found),
        ("call in doubt" if doubts == 1 else "calls in doubt"): doubts,
        "with signs of tampering": sum(head.signs > 0 for head in found.latest),
        "graded again": sum(head.regraded for head in found.latest),
    }
    return joined([said, *(f"{number} {name}" for name, number in marks.items() if number)])


def _models(found: Sum, width: int) -> list[Text]:
    groups: dict[str, list[Head]] = {}
    for head in found.latest:
        groups.setdefault(head.model, []).append(head)
    if not groups:
        return []
    columns = (
        Column(name="model", flexible=True),
        Column(name="solved", right=True),
        Column(name="rate", right=True, rank=1),
        Column(name="errors", right=True, rank=1),
        Column(name="mean wall", right=True, rank=2),
        Column(name="cost", right=True, rank=3),
    )
    costs = {model: found.spent_by(model) for model in groups}
    shown = list(groups.items())[:_MODELS]
    rows = [_model(model, heads, costs[model]) for model, heads in shown]
    more = len(groups) - len(shown)
    return [*lay(columns, rows, width), *([Text(f"and {more} more models", style="dim")] if more else [])]


def _model(model: str, heads: Sequence[Head], cost: float | None) -> tuple[str, ...]:
    scored = [head for head in heads if head.verdict.scored]
    passed = sum(head.verdict is Verdict.PASS for head in heads)
    errors = sum(head.broken for head in heads)
    wall = seconds(sum(head.wall_ns for head in scored) / len(scored)) if scored else ""
    solved = f"{passed} of {len(scored)}"
    name = one_line(model) + (" (simulated)" if heads[0].simulated else "")
    return name, solved, percent(passed, len(scored)), str(errors or ""), wall, money(cost)


def _reasons(found: Sum, width: int) -> list[Text]:
    """Why trials have no grade, the most frequent reasons first."""
    reasons = sorted(_unscored(found.latest), key=lambda one: -one["trials"])
    if not reasons:
        return []
    lines = [Text("not graded", style="bold")]
    for one in reasons[:_REASONS]:
        why = one_line(one["error"] or one["stop"])
        lines.append(Text(f"{one['trials']} x {one['verdict']}, {one_line(one['model'])}: {why}"))
    more = len(reasons) - _REASONS
    lines += [Text(f"and {more} more reasons", style="dim")] if more > 0 else []
    return [fitted(line, width) for line in lines]


def _look_at(found: Sum, width: int, room: int) -> list[Text]:
    """Trials worth looking at, the strangest first, each with the command that shows it."""
    ranked = sorted((head for head in found.latest if _rank(head)), key=_rank)
    shown = ranked[: min(_LOOK_AT, (room - _LEAST_LEFT))]
    if not shown or room < _LEAST_LEFT + 1:
        return []
    lines = [Text(f"worth a look ({len(ranked)})", style="bold")]
    shows = [f"splitclock show {_quoted(found.folder)} {head.trial}" for head in shown]
    for show, head in zip(shows, shown, strict=True):
        line = Text(f"{show}  ")
        line.append(f"# {_what(head)}, {one_line(head.label)}", style="dim")
        lines.append(_command(line, show, width))
    return lines


def _command(line: Text, show: str, width: int) -> Text:
    """The line cut to the width, but never amid the command, which is there to be copied."""
    return fitted(line, max(width, len(show)))


def _rank(head: Head) -> int:
    """How strange a trial is, 1 the strangest; 0 for one that needs no look."""
    marks = (
        head.verdict is Verdict.TAMPERED,
        head.signs > 0,
        head.verdict is Verdict.ERROR_INFRA,
        head.verdict is Verdict.UNSTABLE,
        head.in_doubt > 0,
        head.verdict is Verdict.ERROR_PROVIDER,
        head.verdict is Verdict.FAIL and head.stop != "finished",
        head.verdict is Verdict.FAIL,
    )
    return next((at for at, mark in enumerate(marks, 1) if mark), 0)


def _what(head: Head) -> str:
    if head.verdict is Verdict.FAIL and head.stop != "finished":
        return f"fail, {one_line(head.stop, 30)}"
    signs = ", signs of tampering" if head.signs and head.verdict is not Verdict.TAMPERED else ""
    return f"{head.verdict.value}{signs}"


def _next(found: Sum, width: int) -> list[Text]:
    """What to do next."""
    run = _quoted(found.folder)
    commands = [f"splitclock board {run}"]
    if _verdicts(found)[Verdict.NOT_RUN] or any(head.broken for head in found.latest):
        commands.insert(0, f"splitclock resume {run}")
    if found.planned > _LOOK_AT and any(head.verdict is not Verdict.PASS for head in found.latest):
        commands.append(f"splitclock status {run} --failed")
    return [Text("next", style="bold"), *(fitted(Text(one), max(width, len(one))) for one in commands)]


def _quoted(folder: Path) -> str:
    return one_line(shlex.quote(str(folder)), 400)
