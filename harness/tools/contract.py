"""What a tool is: a description for the model, a model of its arguments, and one function over a sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.models.contract import ToolSpec
from sandbox.contract import CommandResult, Sandbox


class Arguments(BaseModel):
    """Arguments of a tool call: unknown names and wrong types are told to the model, never guessed away."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool call gave: `content` is the text for the model, `summary` a short line for people.

    `command` is set when a process ran. `produced_bytes` counts output before anything was cut, `kept_bytes` what of it
    `content` still holds, as UTF-8 and never more than that. `finished` ends the agent's work.
    """

    content: str
    summary: str
    failed: bool = False
    finished: bool = False
    produced_bytes: int = 0
    kept_bytes: int = 0
    command: CommandResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a tool may touch: one sandbox, and the seconds it may take at most."""

    sandbox: Sandbox
    most_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool. `reads_only` calls of one turn may run at once; `starts_process` needs a tool slot first.

    `work` is the class of work of its calls (one of `record.WORK`), or what tells it from a call's arguments.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Reach, Any], ToolResult]
    reads_only: bool = False
    starts_process: bool = False
    work: str | Callable[[Any], str] = "other"

    def work_of(self, arguments: Any) -> str:
        """The class of work of a call with these checked arguments, one of `record.WORK`."""
        return self.work if isinstance(self.work, str) else self.work(arguments)

    def spec(self) -> ToolSpec:
        """The tool as a model sees it, with a JSON schema of its arguments."""
        return ToolSpec(name=self.name, description=self.description, parameters=schema(self.arguments))


def schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments: an object without the titles that only cost tokens."""
    full = arguments.model_json_schema()
    properties = {
        name: {key: value for key, value in field.items() if key not in ("title", "default")}
        for name, field in full.get("properties", {}).items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": full.get("required", []),
        "additionalProperties": False,
    }
