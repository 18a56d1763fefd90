"""All tools, by name, and how a model's call becomes one of them."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.models.contract import ToolCall
from harness.tools.contract import Arguments, Tool
from harness.tools.edit import EDIT
from harness.tools.finish import FINISH
from harness.tools.read import READ
from harness.tools.shell import SHELL

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (SHELL, READ, EDIT, FINISH)}

MOST_ARGUMENT_CHARACTERS = 2_000_000


class BadCallError(Exception):
    """A call that names no tool or has unusable arguments; the message is for the model.

    `malformed` says that the arguments were not even JSON of an object.
    """

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def resolve(call: ToolCall) -> tuple[Tool, Arguments]:
    """The tool a call names and its checked arguments. Raises BadCallError."""
    tool = TOOLS.get(call.name)
    if tool is None:
        raise BadCallError(f"there is no tool `{call.name[:80]}`; the tools are: {', '.join(TOOLS)}")
    raw = parse_arguments(call.arguments)
    try:
        return tool, tool.arguments.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'arguments'}: {problem['msg']}"
            for problem in error.errors()[:5]
        )
        wanted = json.dumps(tool.spec().parameters)
        raise BadCallError(f"bad arguments for `{tool.name}`: {problems}. Schema: {wanted}") from error


def parse_arguments(text: str) -> dict[str, Any]:
    """The object in a call's raw arguments; "" counts as an empty one. Raises BadCallError."""
    if not text.strip():
        return {}
    if len(text) > MOST_ARGUMENT_CHARACTERS:
        raise BadCallError(f"the arguments are {len(text)} characters long; send less at once", malformed=True)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCallError(f"the arguments are not valid JSON: {error}", malformed=True) from error
    if not isinstance(value, dict):
        raise BadCallError(f"the arguments must be a JSON object, not {type(value).__name__}", malformed=True)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise BadCallError("the arguments hold half a character (a lone surrogate escape); send whole ones") from None
    return value
