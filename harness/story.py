"""One trial as a story: what was asked, said, run and answered, turn by turn. Pure.

Made from the transcript's messages and the record's rows; texts are as the model, the repository or the sandbox wrote
them, so nothing here may be printed as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.record import CallRow, Record, ToolRow


@dataclass(slots=True, kw_only=True)
class ToolStory:
    """One tool call: raw arguments, the answer as the model saw it, and its row; both None when it never ended."""

    tool: str
    arguments: str
    output: str | None = None
    row: ToolRow | None = None


@dataclass(slots=True, kw_only=True)
class TurnStory:
    """One answer of the model and what came of it; `told` is what the harness said to it afterwards, beside results."""

    number: int
    content: str = ""
    reasoning: str = ""
    call: CallRow | None = None
    tools: list[ToolStory] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that is known of one attempt at a trial.

    `difference` is the patch, `tests` what the suite reported (`SuiteReport.document`); None where there is none.
    `flaky` are the feature's flaky tests, which decide nothing. `others` are the records of its other attempts.
    `failures` are calls that failed for good, in the provider's words. `files` are the files it left, by name.
    """

    record: Record
    brief: str = ""
    turns: tuple[TurnStory, ...] = ()
    difference: str | None = None
    tests: Mapping[str, Any] | None = None
    flaky: tuple[str, ...] = ()
    others: tuple[Record, ...] = ()
    failures: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


def brief_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """The first thing that the model was told as its task; "" when it was told nothing."""
    return next((str(one.get("content") or "") for one in messages if one.get("role") == "user"), "")


def turns_of(
    messages: Iterable[Mapping[str, Any]], record: Record, raw: Mapping[tuple[int, str], str]
) -> tuple[TurnStory, ...]:
    """The turns of a transcript, with the record's calls and tool calls in their places.

    `raw` are the arguments of tool calls as the model wrote them, by turn and id; the transcript has what was re-sent.
    """
    teller = _Teller(record, raw)
    for message in messages:
        teller.hear(message)
    return tuple(teller.turns)


class _Teller:
    """The turns so far; tool calls are answered in order, so that rows and answers go together one by one."""

    def __init__(self, record: Record, raw: Mapping[tuple[int, str], str]) -> None:
        self.turns: list[TurnStory] = []
        self._calls = {call.turn: call for call in record.calls}
        self._rows = iter(record.tool_calls)
        self._raw = raw
        self._open: dict[str, ToolStory] = {}

    def hear(self, message: Mapping[str, Any]) -> None:
        role, content = message.get("role"), str(message.get("content") or "")
        if role == "assistant":
            self._turn(message, content)
        elif role == "tool" and self.turns:
            self._answer(str(message.get("tool_call_id", "")), content)
        elif role == "user" and self.turns:
            self.turns[-1].told.append(content)

    def _turn(self, message: Mapping[str, Any], content: str) -> None:
        number = len(self.turns) + 1
        turn = TurnStory(
            number=number,
            content=content,
            reasoning=str(message.get("reasoning") or ""),
            call=self._calls.get(number),
        )
        self._open = {}
        for call in _objects(message.get("tool_calls")):
            name, arguments = str(call.get("id", "")), str(call.get("arguments", ""))
            told = ToolStory(tool=str(call.get("name", "")), arguments=self._raw.get((number, name), arguments))
            turn.tools.append(told)
            self._open[name] = told
        self.turns.append(turn)

    def _answer(self, name: str, content: str) -> None:
        row = next(self._rows, None)
        told = self._open.get(name)
        if told is None:
            told = ToolStory(tool=row.tool if row else "", arguments="")
            self.turns[-1].tools.append(told)
        told.output, told.row = content, row


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
