"""A gate for a job of GitHub's: annotations as workflow commands, and the text of the job's summary. Pure."""

from collections.abc import Iterable

from scoreboards.gate.findings import Criterion, Decision, Gate
from scoreboards.report import gate_words
from scoreboards.report.gate_markdown import LIMIT, gate_markdown
from scoreboards.report.gate_outcome import Outcome, settled

SUMMARY_BYTES = 1024 * 1024
"""What one step may write into its summary; GitHub drops a larger one as a whole."""

MOST = 10
"""So many annotations of a kind GitHub shows of a step."""

_LEVELS = {Decision.FAIL: "error", Decision.INCONCLUSIVE: "warning", Decision.PASS: "notice"}
_TITLE = "Splitclock gate"


def annotations(outcome: Outcome) -> tuple[str, ...]:
    """A workflow command a line: what failed as errors, what is undecided as warnings, one notice where all passed."""
    gate = outcome.gate
    if gate is None:
        return tuple(command("error", _TITLE, line) for line in _bounded([gate_words.sentence(e) for e in outcome.errors]))
    if gate.decision is Decision.PASS:
        return (command("notice", _TITLE, gate_words.headline(gate)),)
    lines: list[str] = []
    for decision in (Decision.FAIL, Decision.INCONCLUSIVE):
        level = _LEVELS[settled(decision, outcome.policy)]
        found = [_message(gate, one) for one in gate.criteria if one.decision is decision]
        lines += [command(level, _title(decision), text) for text in _bounded(found)]
    return tuple(lines)


def command(level: str, title: str, message: str) -> str:
    """One annotation, in which nothing ends the line or the property: GitHub's escapes."""
    return f"::{level} title={_property(title)}::{_data(message)}"


def summary(outcome: Outcome, written: int) -> str:
    """What to append to a summary that has `written` bytes; "" where no room is left."""
    room = min(LIMIT, SUMMARY_BYTES - written)
    return gate_markdown(outcome, room) if room >= _LEAST else ""


_LEAST = 1024


def _bounded(messages: list[str]) -> Iterable[str]:
    if len(messages) <= MOST:
        return messages
    return [*messages[: MOST - 1], f"and {len(messages) - MOST + 1} more: the job's summary has them all"]


def _message(gate: Gate, one: Criterion) -> str:
    why = "" if one.blame is None else f" {gate_words.sentence(one.blame.words)}"
    return f"{gate_words.short(gate, one)}: {gate_words.sentence(one.reason)}{why}"


def _title(decision: Decision) -> str:
    return f"{_TITLE}: {decision}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
