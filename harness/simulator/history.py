"""The input of a Responses request: what strict servers refuse in it, and how many answers it holds."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from harness.simulator.items import REASONED, answer_of, by_model
from harness.simulator.rejection import RejectedError
from harness.simulator.sealed import unseal

Item = Mapping[str, Any]

_PARTS = {"assistant": ("output_text", "refusal")}
_INPUT_PARTS = ("input_text", "input_image", "input_file")


def count_answers(items: Iterable[Item]) -> int:
    """How many answers of a model are in the input.

    Items that follow each other and were made by the model are one answer, unless their ids tell of two; items of one
    answer stay one when outputs stand between them.
    """
    count, running, last = 0, False, ""
    for item in items:
        if not by_model(item):
            running = False
            continue
        identity = answer_of(item)
        same = identity == last if identity and last else running
        if not same:
            count += 1
        last = identity or (last if same else "")
        running = True
    return count


def check_input(items: Sequence[Item], open_calls: Iterable[str] = ()) -> None:
    """Raises RejectedError for items that OpenAI's servers refuse; `open_calls` wait for an output from before."""
    waiting, thoughts = list(open_calls), set[str]()
    for number, item in enumerate(items):
        where = f"input[{number}]"
        _check_content(item, where)
        if item["type"] == "reasoning":
            after = items[number + 1] if number + 1 < len(items) else None
            thoughts.add(_check_reasoning(item, after, where))
        elif by_model(item):
            _check_thought_of(item, thoughts, where)
        if item["type"] == "function_call":
            waiting.append(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in waiting:
                told = f"No tool call found for function call output with call_id {item['call_id']!r}, or it has one."
                raise _bad(told, where)
            waiting.remove(item["call_id"])
    if waiting:
        raise _bad(f"No tool output found for function call {', '.join(map(repr, waiting))}.", "input")


def _check_reasoning(item: Item, after: Item | None, where: str) -> str:
    """Reasoning comes back with its encryption and right before what it led to; returns whose answer it is of."""
    answer = answer_of({"id": _unsealed_id(item, where)})
    if after is None or not by_model(after) or answer != (answer_of(after) or answer):
        told = f"Item {item.get('id')!r} of type 'reasoning' was provided without its required following item."
        raise _bad(told, where)
    return answer


def _check_thought_of(item: Item, thoughts: Container[str], where: str) -> None:
    """What reasoning led to does not come back without it."""
    answer = answer_of(item)
    if answer.endswith(REASONED) and answer not in thoughts:
        told = f"Item {item['id']!r} was provided without its required 'reasoning' item: 'rs_{answer}_0'."
        raise _bad(told, where)


def _unsealed_id(item: Item, where: str) -> str:
    """The id that an item's encryption tells, which its own must not deny."""
    sealed = item.get("encrypted_content")
    if not sealed:
        told = "nothing is stored here: ask for include=['reasoning.encrypted_content'] and send it back"
        raise RejectedError(404, f"Item with id {item.get('id')!r} not found; {told}.", "item_not_found", where)
    try:
        item_id, _ = unseal(sealed)
    except ValueError as error:
        raise _bad(f"{where}: {error}.", where, "invalid_encrypted_content") from None
    if item.get("id") not in {None, "", item_id}:
        raise _bad(
            f"Encrypted content of {item_id!r} came with item {item['id']!r}.", where, "invalid_encrypted_content"
        )
    return item_id


def _check_content(item: Item, where: str) -> None:
    """The parts of a message fit its role."""
    if item["type"] != "message" or isinstance(item["content"], str):
        return
    allowed = _PARTS.get(item["role"], _INPUT_PARTS)
    for part in item["content"]:
        if part.get("type") not in allowed:
            told = f"Invalid value: {part.get('type')!r}. Supported values are: {', '.join(map(repr, allowed))}."
            raise _bad(told, f"{where}.content", "invalid_value")


def _bad(message: str, where: str, code: str = "") -> RejectedError:
    return RejectedError(400, message, code, where)
