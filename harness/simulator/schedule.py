"""A scripted turn cut into chunks, each with its tokens and its moment, whatever the wire; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from harness.simulator.config import Pace
from harness.turns import CHARACTERS_PER_TOKEN, Turn, count_tokens


class Part(StrEnum):
    """What a chunk is a piece of."""

    REASONING = "reasoning"
    CONTENT = "content"
    CALL = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a part with the tokens it carries; due `due_ns` after the first token is.

    `call` is the number of the tool call, from 0, whose arguments these are; `first` and `last` are the ends of a part.
    """

    part: Part
    call: int
    text: str
    first: bool
    last: bool
    tokens: int
    due_ns: int


def schedule(turn: Turn, pace: Pace) -> Iterator[Chunk]:
    """The chunks of a turn: reasoning, then content, then tool calls; a call without arguments is a chunk of no token.

    The first chunk holds one token, each later one up to `tokens_per_chunk` of the same part. A chunk is due when its
    last token is: token n (from 0) at n / `tokens_per_s` after the first, so no error adds up.
    """
    sent = 0
    for part, call, text in _runs(turn):
        at = 0
        while at < len(text) or (at == 0 and part is Part.CALL):
            size = CHARACTERS_PER_TOKEN * (pace.tokens_per_chunk if sent else 1)
            piece = text[at : at + size]
            tokens = count_tokens(piece)
            sent += tokens
            yield Chunk(
                part=part,
                call=call,
                text=piece,
                first=at == 0,
                last=at + size >= len(text),
                tokens=tokens,
                due_ns=round(max(sent - 1, 0) * 1e9 / pace.tokens_per_s) if pace.tokens_per_s else 0,
            )
            at += size


def _runs(turn: Turn) -> Iterator[tuple[Part, int, str]]:
    yield Part.REASONING, 0, turn.reasoning
    yield Part.CONTENT, 0, turn.content
    for number, call in enumerate(turn.tool_calls):
        yield Part.CALL, number, call.arguments_text()
