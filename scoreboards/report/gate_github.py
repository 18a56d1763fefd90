"""A gate for a job of GitHub's: annotations as workflow commands, and the text of the job's summary. Pure."""

from scoreboards.gate.findings import Criterion, Decision, Gate
from scoreboards.report import gate_words
from scoreboards.report.gate_markdown import LIMIT, gate_markdown
from scoreboards.report.gate_outcome import Outcome, settled

SUMMARY_BYTES = 1024 * 1024
"""What one step may write into its summary; GitHub drops a larger one as a whole."""

MOST = 10
"""So many annotations of a kind GitHub shows of a step."""

_LEVELS: dict[Decision, str] = {Decision.FAIL: "error", Decision.INCONCLUSIVE: "warning", Decision.PASS: "notice"}
_TITLE = "Splitclock gate"


def annotations(outcome: Outcome) -> tuple[str, ...]:
    """A workflow command a line: what failed as errors, what is undecided as warnings, one notice where all passed."""
    gate = outcome.gate
    if gate is None:
        return tuple(command("error", _TITLE, gate_words.sentence(line)) for line in outcome.errors[:MOST])
    if gate.decision is Decision.PASS:
        return (command("notice", _TITLE, gate_words.headline(gate)),)
    levels: dict[str, list[tuple[Decision, str]]] = {}
    for one in gate_words.ranked(gate.criteria):
        if one.decision in (Decision.FAIL, Decision.INCONCLUSIVE):
            level = _LEVELS[settled(one.decision, outcome.policy)]
            levels.setdefault(level, []).append((one.decision, _message(gate, one)))
    return tuple(
        command(level, f"{_TITLE}: {decision}", text)
        for level, found in levels.items()
        for decision, text in _bounded(found)
    )


def command(level: str, title: str, message: str) -> str:
    """One annotation, in which nothing ends the line or the property: GitHub's escapes."""
    return f"::{level} title={_property(title)}::{_data(message)}"


_LEAST = 1024


def summary(outcome: Outcome, written: int) -> str:
    """What to append to a summary that has `written` bytes; "" where no room is left."""
    room = min(LIMIT, SUMMARY_BYTES - written)
    return gate_markdown(outcome, room) if room >= _LEAST else ""


def _bounded(found: list[tuple[Decision, str]]) -> list[tuple[Decision, str]]:
    """As many as GitHub shows of a kind, the last of which says how many more there are."""
    if len(found) <= MOST:
        return found
    rest = f"and {len(found) - MOST + 1} more: the job's summary has them all"
    return [*found[: MOST - 1], (found[-1][0], rest)]


def _message(gate: Gate, one: Criterion) -> str:
    why = "" if one.blame is None else f": {gate_words.sentence(one.blame.words)}"
    return f"{gate_words.why(gate, one)}{why}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
