"""What is wrong with the ids and the usage of an answer where the script says so."""

from typing import Any

from harness.turns import Turn


def call_ids(turn: Turn, identity: str) -> tuple[str | None, ...]:
    """The ids of the turn's tool calls; None where an id is missing."""
    numbers = range(len(turn.tool_calls))
    match turn.ids:
        case "unique":
            return tuple(f"call_{identity}_{number}" for number in numbers)
        case "repeated":
            return tuple(f"call_{identity}_0" for _ in numbers)
        case "empty":
            return tuple("" for _ in numbers)
        case "missing":
            return tuple(None for _ in numbers)


def with_id(name: str, identity: str | None) -> dict[str, str]:
    """The field `name` with this id, or no field."""
    return {} if identity is None else {name: identity}


def bent_usage(turn: Turn, usage: dict[str, Any]) -> dict[str, Any] | None:
    """The usage as the turn wants it told."""
    match turn.usage:
        case "full":
            return usage
        case "missing":
            return None
        case "negative":
            return _each(usage, lambda count: -1 - count)
        case "text":
            return _each(usage, str)


def _each(usage: dict[str, Any], change: Any) -> dict[str, Any]:
    return {name: _each(each, change) if isinstance(each, dict) else change(each) for name, each in usage.items()}
