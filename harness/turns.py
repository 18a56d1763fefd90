"""Scripted turns: what a simulated or replayed model says, one JSON object a line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import ConfigError

CHARACTERS_PER_TOKEN = 4
"""What a scripted model counts as one token: about the average of English and code in today's tokenizers."""


def count_tokens(*texts: str) -> int:
    """Scripted tokens of these texts: four characters each, every text rounded up on its own."""
    return sum(-(-len(text) // CHARACTERS_PER_TOKEN) for text in texts)


class ScriptedCall(BaseModel):
    """A tool call of a scripted turn; `arguments` is an object, or raw text to be sent as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: dict[str, Any] | str = {}

    def arguments_text(self) -> str:
        """The arguments as a model would write them: JSON text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


class Turn(BaseModel):
    """What a scripted model says in one turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasoning: str = ""
    content: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()

    @property
    def reasoning_tokens(self) -> int:
        """Scripted tokens of the reasoning."""
        return count_tokens(self.reasoning)

    @property
    def output_tokens(self) -> int:
        """Scripted tokens of all that is said: reasoning, content and the arguments of the tool calls."""
        return count_tokens(self.reasoning, self.content, *(call.arguments_text() for call in self.tool_calls))

    @property
    def finish_reason(self) -> str:
        """The word a provider ends such a turn with."""
        return "tool_calls" if self.tool_calls else "stop"


def parse_turns(lines: Iterable[str], source: str) -> tuple[Turn, ...]:
    """The turns of a script, blank lines left out. Raises ConfigError naming each bad line of `source`."""
    turns, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            turns.append(Turn.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            problems.append(f"{source}:{number}: {where + ': ' if where else ''}{first['msg']}")
    if problems:
        raise ConfigError(*problems)
    if not turns:
        raise ConfigError(f"{source}: holds no turn; write one JSON object a line")
    return tuple(turns)


def read_turns(path: Path) -> tuple[Turn, ...]:
    """The turns of a script file. Raises ConfigError."""
    try:
        return parse_turns(path.read_text(encoding="utf-8").split("\n"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as turns: {error}") from error


def dump_turns(turns: Iterable[Turn]) -> str:
    """The text of a script file that holds these turns."""
    return "".join(turn.model_dump_json(exclude_defaults=True) + "\n" for turn in turns)
