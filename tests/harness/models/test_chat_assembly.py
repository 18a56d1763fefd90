"""Replies out of chunks as real servers cut them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models.assembly import EventError
from harness.models.chat_assembly import ChatAssembly
from harness.models.contract import Usage


def fed(*deltas: dict[str, Any], finish: str = "stop", **last: Any) -> ChatAssembly:
    """An assembly of these deltas, one each 10 ns from 100 on, and a last chunk."""
    assembly = ChatAssembly()
    for number, delta in enumerate(deltas):
        assembly.feed({"choices": [{"index": 0, "delta": delta}]}, 100 + 10 * number)
    assembly.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **last}, 1000)
    return assembly


def fragments(*parts: dict[str, Any]) -> ChatAssembly:
    """An assembly of these tool-call fragments, one a delta."""
    return fed(*({"tool_calls": [part]} for part in parts))


def calls(assembly: ChatAssembly, taken: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the calls."""
    return [(call.id, call.name, call.arguments) for call in assembly.message(taken, "call_5").tool_calls]


def part(arguments: Any = "", name: str | None = None, **fields: Any) -> dict[str, Any]:
    """A fragment; `index` and `id` where given."""
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {**fields, "function": function}


def test_moments_of_tokens() -> None:
    """The role alone is a chunk but no token; reasoning is a token but no answer."""
    assembly = fed({"role": "assistant", "content": ""}, {"reasoning": "hm"}, {"content": "a"}, {"content": "b"})
    assert (assembly.moments.first_chunk, assembly.moments.first_token, assembly.moments.first_answer) == (
        100,
        110,
        120,
    )
    assert (assembly.moments.last_token, assembly.moments.deltas, assembly.moments.largest_gap_ns) == (130, 3, 10)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_has_two_names(field: str) -> None:
    """Both names of streamed reasoning are understood; both at once are not doubled."""
    assert fed({field: "a"}, {field: "b"}).message((), "c").reasoning == "ab"
    both = fed({"reasoning": "a", "reasoning_content": "a"})
    assert both.message((), "c").reasoning == "a"


def test_fragments_join_by_index() -> None:
    """Fragments of two calls may be interleaved."""
    assembly = fragments(
        part(index=0, id="a", name="shell"),
        part(index=1, id="b", name="read"),
        part('{"x"', index=0),
        part("{}", index=1),
        part(": 1}", index=0),
    )
    assert calls(assembly) == [("a", "shell", '{"x": 1}'), ("b", "read", "{}")]


def test_repeated_name_is_not_appended() -> None:
    """Some servers repeat name and id in every fragment."""
    assembly = fragments(
        part('{"x"', index=0, id="a", name="shell"),
        part(": 1", index=0, id="a", name="shell"),
        part("}", index=0, id="a", name="shell"),
    )
    assert calls(assembly) == [("a", "shell", '{"x": 1}')]


def test_repeated_name_without_index_or_id() -> None:
    """A repeated name goes on with a call whose arguments are unfinished, and opens another after finished ones."""
    assembly = fragments(part('{"x"', name="shell"), part(": 1}", name="shell"), part("{}", name="shell"))
    assert [(name, text) for _, name, text in calls(assembly)] == [("shell", '{"x": 1}'), ("shell", "{}")]


def test_missing_index_follows_the_id() -> None:
    """Without an index a new id opens a call, and what has neither belongs to the last."""
    assembly = fragments(part('{"a":', id="a", name="x"), part("1}"), part("{}", id="b", name="y"))
    assert calls(assembly) == [("a", "x", '{"a":1}'), ("b", "y", "{}")]


def test_all_calls_under_index_zero() -> None:
    """Some gateways give every call the index 0, told apart by id and name only."""
    assembly = fragments(part("{}", index=0, id="a", name="x"), part("{}", index=0, id="b", name="y"))
    assert calls(assembly) == [("a", "x", "{}"), ("b", "y", "{}")]


def test_ids_are_made_unique() -> None:
    """Missing, repeated and already used ids are replaced; good ones stay."""
    assembly = fragments(
        part("{}", index=0, id="a", name="x"),
        part("{}", index=1, id="a", name="x"),
        part("{}", index=2, name="x"),
        part("{}", index=3, id="old", name="x"),
        part("{}", index=4, id="call_5_2", name="x"),
    )
    found = [identity for identity, _, _ in calls(assembly, taken=("old",))]
    assert found[0] == "a"
    assert len(set(found)) == 5
    assert not set(found) & {"old", ""}


def test_arguments_of_other_kinds() -> None:
    """Arguments may come as an object, or not at all."""
    assembly = fragments(part({"x": 1}, index=0, id="a", name="x"), part(None, index=1, id="b", name="y"))
    assert calls(assembly) == [("a", "x", '{"x": 1}'), ("b", "y", "{}")]


@pytest.mark.parametrize("rubbish", ["text", 3, {"a": 1}, [None, 3], [{"function": "x"}], [{"index": "x"}]])
def test_rubbish_for_tool_calls_breaks_nothing(rubbish: object) -> None:
    """Whatever stands where tool calls should be, the text of the answer is kept."""
    assert fed({"content": "a", "tool_calls": rubbish}).message((), "c").content == "a"


def test_refusal_is_told() -> None:
    """A refusal in a field of its own is the content, and the finish reason says so."""
    assembly = fed({"refusal": "I will not."})
    assert (assembly.message((), "c").content, assembly.finish_reason) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(input_tokens=5, output_tokens=7)),
        ({"prompt_tokens": -1, "completion_tokens": "7"}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 7.5}, Usage()),
        (None, Usage()),
        ("many", Usage()),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(input_tokens=5, output_tokens=7, cached_input_tokens=4, reasoning_tokens=6),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 6}},
            Usage(input_tokens=5, output_tokens=7),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 0}, Usage(input_tokens=5)),
    ],
)
def test_usage_is_a_count_or_unknown(raw: object, usage: Usage) -> None:
    """Missing, negative, textual and impossible counts are unknown, never zero."""
    assert fed({"content": "a"}, usage=raw).facts.usage(1) == usage


def test_usage_of_groq() -> None:
    """Groq puts usage, with its timings, under a name of its own."""
    raw = {"prompt_tokens": 1, "completion_tokens": 2, "queue_time": 0.5, "prompt_time": 0.25}
    assembly = fed({"content": "a"}, x_groq={"usage": raw})
    assert assembly.facts.usage(1) == Usage(input_tokens=1, output_tokens=2)
    assert assembly.facts.timings == {"queue_time": 0.5, "prompt_time": 0.25}


def test_server_timings_are_kept() -> None:
    """Figures of Cerebras, llama.cpp and vLLM are kept under their own names; what is no finite number is not."""
    cerebras = {"queue_time": 0.1, "total_time": 2}
    assert fed({"content": "a"}, time_info=cerebras).facts.timings == {"queue_time": 0.1, "total_time": 2.0}
    llama = {"prompt_n": 5, "predicted_ms": 12.5, "cache_n": None, "x": float("nan"), "y": 10**400, "z": True}
    assert fed({"content": "a"}, timings=llama).facts.timings == {"prompt_n": 5.0, "predicted_ms": 12.5}
    assert fed({"content": "a"}, metrics={"queue_time_ms": 3}).facts.timings == {"queue_time_ms": 3.0}


def test_what_every_record_holds_is_bounded() -> None:
    """Neither a name as long as an answer nor a thousand figures get into the records of a run; all of it is text."""
    figures = {f"figure {number}": 1 for number in range(1000)} | {"x" * 10_000: 1}
    assembly = fed({}, model="m" * 10_000_000, timings={"\ud800": 2, **figures})
    assert len(assembly.facts.served_model) == 1000
    assert len(assembly.facts.timings) == 100
    assert "".join(assembly.facts.timings).encode()
    assembly.feed({"choices": [], "timings": {f"more {number}": 1 for number in range(100)}}, 2000)
    assert len(assembly.facts.timings) == 100


def test_usage_may_come_without_choices() -> None:
    """The last chunk of some servers has usage or timings and no choices at all."""
    assembly = fed({"content": "a"})
    assert not assembly.feed({"usage": {"prompt_tokens": 1, "completion_tokens": 1}}, 2000)
    with pytest.raises(EventError):
        assembly.feed({"choices": None}, 2000)


def test_other_choices_are_left_out() -> None:
    """Only the first choice is an answer."""
    assembly = ChatAssembly()
    assembly.feed({"choices": [{"index": 1, "delta": {"content": "x"}}, {"index": 0, "delta": {"content": "y"}}]}, 1)
    assert assembly.message((), "c").content == "y"


def test_characters_in_halves() -> None:
    """Two halves of a character that were sent apart are joined; one that stands alone is replaced."""
    message = fed({"content": "a\ud83d"}, {"content": "\ude42b"}, {"content": "\udc00"}).message((), "c")
    assert message.content == "a🙂b\ufffd"


KEYS = ["choices", "delta", "content", "tool_calls", "index", "id", "function", "name", "arguments", "usage", "message"]
KEYS += ["reasoning", "finish_reason", "refusal", "x_groq", "time_info", "prompt_tokens", "completion_tokens", "model"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), max_size=5), JSON)
def test_no_chunk_breaks_the_assembly(chunks: list[dict[str, Any]], delta: object) -> None:
    """Any JSON object is either taken in or refused as no chunk; what is there can always be read."""
    assembly = ChatAssembly()
    for chunk in [*chunks, {"choices": [{"delta": delta}]}]:
        try:
            assembly.feed(chunk, 1)
        except EventError:
            continue
    message = assembly.message((), "c")
    assert len({call.id for call in message.tool_calls}) == len(message.tool_calls)
    assert (message.content + message.reasoning + assembly.finish_reason + repr(message.tool_calls)).encode()
    assert (assembly.facts.usage(1).output_tokens or 0) >= 0
