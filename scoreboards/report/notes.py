"""What a reader must know beside the figures, in lines that every view shows alike. Pure."""

from collections import Counter

from harness.record import Record, Verdict
from harness.untrusted import one_line
from scoreboards.board import Board, Figures
from scoreboards.noise import noise_reasons
from scoreboards.words import counted

RATE = "Rates are over scored trials, with the 95 % Wilson interval, which takes trials as independent."
WALL = (
    "Agent wall is without set-up, grading and the queue for tool slots. Shares and tokens/s (first to last token)"
    " are sums over sums; time to first token is the median from the request on."
)

READ = (RATE, WALL)
"""How to read the figures, of any board."""

MOST_REASONS = 4
"""So many reasons for noise are told."""


def notes(board: Board) -> tuple[str, ...]:
    """One sentence each: how to read the rates and walls, and whatever of this board needs saying."""
    lines = [*READ]
    simulated = [_name(row) for row in board.models if row.simulated]
    if simulated:
        lines.append(f"Simulated (scripted turns at a set speed, no real model): {', '.join(simulated)}.")
    lines += [
        *_mixed(board),
        *(line for row in board.models for line in _others(row)),
        *(line for row in board.models for line in _outside(row)),
    ]
    if any(row.work.cost_usd.is_lower_bound or row.work.output_tokens.is_lower_bound for row in board.models):
        lines.append("≥: the usage or the price of some calls is not known, so the sum is a lower bound.")
    lines += [*_tampering(board), *_regraded(board)]
    noisy, resumed = (sum(row.noisy for row in board.models), sum(row.resumed for row in board.models))
    if noisy:
        lines.append(
            f"{_trials(noisy)} ran on a machine too busy to be trusted (noisy): their times say less{_why(board)}."
        )
    if resumed:
        lines.append(f"{_trials(resumed)} went on after an interruption (resumed): the gap is not in their wall.")
    in_doubt = sum(row.in_doubt for row in board.models)
    if in_doubt:
        calls = "1 call was" if in_doubt == 1 else f"{in_doubt:,} calls were"
        lines.append(f"{calls} in doubt (under way at a kill): asked anew, and may have been paid for twice.")
    return tuple(lines)


def _mixed(board: Board) -> list[str]:
    """A line for each name under which several models were asked for: its row is of no one model."""
    asked: dict[str, set[str]] = {}
    for record in board.trials:
        if record.trial.requested_model:
            asked.setdefault(record.trial.model, set()).add(record.trial.requested_model)
    return [
        f"{_name(row)}: several models were asked for under this name, and are mixed: {_listed(asked[row.model])}."
        for row in board.models
        if len(asked.get(row.model, ())) > 1
    ]


def _others(row: Figures) -> list[str]:
    """A line for each model that answered where another one was asked for."""
    answered = counted(row.calls.answered, "call")
    return [
        f"{_name(row)}: was served by {one_line(one.served, 60)} in {one.calls:,} of {answered}, where "
        f"{one_line(one.requested, 60)} was asked for."
        for one in row.calls.served
        if one.other
    ]


def _listed(names: set[str]) -> str:
    return ", ".join(one_line(name, 60) for name in sorted(names))


def _tampering(board: Board) -> list[str]:
    """A line for each model, of the trials in which something may be an attempt on the grade."""
    lines = []
    for row in board.models:
        trials = [trial for trial in board.trials if trial.trial.model == row.model]
        signs = Counter(sign for trial in trials for sign in _signs(trial))
        if signs:
            marked = sum(bool(_signs(trial)) for trial in trials)
            told = ", ".join(f"{sign} {number:,}" for sign, number in signs.most_common())
            lines.append(
                f"{_name(row)}: {_trials(marked)} worth a look ({told}): hints prove nothing, `splitclock show` tells."
            )
    return lines


def _signs(record: Record) -> set[str]:
    """What of a trial a reader should look at; test files that were put back are no offence."""
    signs = {f"hint: {one_line(hint.kind, 40)}" for hint in record.tamper.hints} if record.tamper else set()
    if record.grade.denied:
        signs.add("denied paths")
    if record.verdict is Verdict.TAMPERED:
        signs.add("tampered")
    return signs


def _regraded(board: Board) -> list[str]:
    notes = [(record, record.regraded) for record in board.trials if record.regraded is not None]
    if not notes:
        return []
    differ = sum(record.verdict.value != note.was for record, note in notes)
    changed = sum(bool(note.changed) for _, note in notes)
    others = f", {changed:,} by fixtures that had changed" if changed else ""
    return [f"{_trials(len(notes))} regraded{others}: {differ:,} with another verdict than before."]


def _why(board: Board) -> str:
    """The reasons for noise, most frequent first."""
    ranked = tuple(noise_reasons(board.trials).items())
    said = [f"{one_line(reason, 120)} ({_trials(number)})" for reason, number in ranked[:MOST_REASONS]]
    more = [f"and {len(ranked) - MOST_REASONS:,} more"] if len(ranked) > MOST_REASONS else []
    return f": {'; '.join([*said, *more])}" if said else ""


def _outside(row: Figures) -> list[str]:
    lines = []
    if row.outcomes.errors:
        kinds = [
            f"{row.outcomes.verdicts[verdict]} {verdict}"
            for verdict in (Verdict.ERROR_INFRA, Verdict.ERROR_PROVIDER)
            if row.outcomes.verdicts[verdict]
        ]
        lines.append(f"{_name(row)}: {_trials(row.outcomes.errors)} outside the rate ({', '.join(kinds)}).")
    if row.outcomes.not_run:
        lines.append(f"{_name(row)}: {_trials(row.outcomes.not_run)} not run.")
    return lines


def _name(row: Figures) -> str:
    return one_line(row.model, 60)


def _trials(number: int) -> str:
    return counted(number, "trial")
