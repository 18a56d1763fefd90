"""Scripted turns: what a simulated or replayed model says, one JSON object a line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


class ScriptedFault(BaseModel):
    """A failing answer that comes before a turn's own one, each to one request of a trial.

    `status`: an error answer with this status, headers, code and message; over a WebSocket it is an error event.
    `handshake`: the same, but a new WebSocket is refused with it. The next ones begin to stream the turn and strike
    after at least `after_tokens` tokens (0: before the first): `cut` resets the connection, `end` closes the answer
    cleanly without its end, `error_in_answer` sends an error event, `failed` ends a response as failed (an error event
    in APIs without such an ending), `stall` sends nothing for `seconds`, `keep_alive` only signs of life (comments or
    pings); after these two the answer goes on. `html`, `empty` and `no_choices` are answers with status 200 that hold
    a web page, nothing, and no choice (no output). With `echo` messages and headers of errors hold the request's
    Authorization header in many encodings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal[
        "status",
        "handshake",
        "cut",
        "end",
        "stall",
        "keep_alive",
        "error_in_answer",
        "failed",
        "html",
        "empty",
        "no_choices",
    ]
    status: int = Field(default=500, ge=400, le=599)
    headers: dict[str, str] = {}
    code: str = ""
    message: str = "scripted fault"
    after_tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=3600.0, ge=0)
    echo: bool = False


class Turn(BaseModel):
    """What a scripted model says in one turn, and how a simulated provider goes wrong over it.

    `faults` are answered to the first requests of each trial for this turn, one each. The rest bends the answer itself:
    `ending` replaces its finish reason, `usage` and `ids` (of tool calls) say what is wrong with those, `served_model`
    is another model than the one asked for. The replay model knows `ending` and no other of them. With `refusal` the
    content is said in the API's own place for that.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasoning: str = ""
    content: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()
    faults: tuple[ScriptedFault, ...] = ()
    ending: Literal["", "stop", "tool_calls", "length", "content_filter", "refusal"] = ""
    usage: Literal["full", "missing", "negative", "text"] = "full"
    ids: Literal["unique", "repeated", "empty", "missing"] = "unique"
    served_model: str = ""
    service_tier: str = ""

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
        if self.ending:
            return self.ending
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
