"""A request of the Responses API as the simulator reads it, over HTTP and over a WebSocket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, TypeAdapter

from harness.models.replay import tool_text
from harness.simulator.history import Item, check_input, count_answers
from harness.simulator.rejection import RejectedError
from harness.turns import count_tokens

SEALED = "reasoning.encrypted_content"


class _Item(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str | None = None


class _Message(_Item):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[dict[str, Any]]


class _Reasoning(_Item):
    summary: list[dict[str, Any]]
    encrypted_content: str | None = None


class _Call(_Item):
    call_id: str
    name: str
    arguments: str


class _Output(_Item):
    call_id: str
    output: str | list[dict[str, Any]]


class _Tool(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


def _kind(item: Any) -> str:
    """A message needs not say that it is one."""
    return str(item.get("type", "message")) if isinstance(item, dict) else ""


_AnyItem = Annotated[
    Annotated[_Message, Tag("message")]
    | Annotated[_Reasoning, Tag("reasoning")]
    | Annotated[_Call, Tag("function_call")]
    | Annotated[_Output, Tag("function_call_output")],
    Discriminator(_kind),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")

    model: str
    input: str | list[_AnyItem]
    instructions: str | None = None
    tools: list[_Tool] = []
    include: list[str] | None = None
    stream: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None


_BODY = TypeAdapter(_Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a connection keeps of its most recent response: all items so far, in and out, and who waits for output."""

    response_id: str
    items: tuple[Item, ...]
    answers: int
    open_calls: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesRequest:
    """A valid request; `turn` is the number of answers in its history, `items` all of that, `raw` the body as it came.

    `cached_tokens` are those of the history that the connection held already.
    """

    model: str
    turn: int
    stream: bool
    sealed: bool
    items: tuple[Item, ...]
    prompt_tokens: int
    cached_tokens: int
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any, held: Held | None = None) -> "ResponsesRequest":
        """The request in this JSON value; `held` is what its connection keeps.

        Raises ValueError for what is no request, RejectedError for a history that strict servers refuse.
        """
        parsed = _BODY.validate_python(raw)
        _check_previous(parsed, held)
        held = held if parsed.previous_response_id else None
        new = _items(raw["input"])
        check_input(new, held.open_calls if held else ())
        items = (*(held.items if held else ()), *new)
        return cls(
            model=parsed.model,
            turn=(held.answers if held else 0) + count_answers(new),
            stream=bool(parsed.stream),
            sealed=SEALED in (parsed.include or ()),
            items=items,
            prompt_tokens=_prompt_tokens(items, parsed),
            cached_tokens=held.tokens if held else 0,
            raw=raw,
        )


def _check_previous(body: _Body, held: Held | None) -> None:
    """Only the most recent response of this connection can be gone on from; nothing else is kept anywhere."""
    if body.background:
        raise RejectedError(400, "background responses are not played here", "unsupported_parameter", "background")
    wanted = body.previous_response_id
    if wanted and (held is None or held.response_id != wanted):
        told = f"Previous response with id {wanted!r} not found."
        raise RejectedError(400, told, "previous_response_not_found", "previous_response_id")


def _items(given: str | Sequence[Item]) -> tuple[Item, ...]:
    """The items with their type said."""
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": given},)
    return tuple({"type": "message", **item} for item in given)


def _prompt_tokens(items: Sequence[Item], body: _Body) -> int:
    """Scripted tokens of a request, counted as the replay model counts them: reasoning that comes back is not."""
    tools = (tool_text(tool.name, tool.description or "", tool.parameters or {}) for tool in body.tools)
    return count_tokens(body.instructions or "", *map(_text, items), *tools)


def _text(item: Item) -> str:
    match item["type"]:
        case "message":
            return _joined(item["content"])
        case "function_call":
            return str(item["arguments"])
        case "function_call_output":
            return _joined(item["output"])
    return ""


def _joined(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Content is text, or parts of which some are."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", part.get("refusal", ""))) for part in content)
