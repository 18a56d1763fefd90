"""The faults of the table: what the simulated provider does wrong, and what must come of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.turns import ScriptedCall, ScriptedFault, Turn
from tests.end_to_end.targets import ADD, DOUBLE, FINISH, edit, say, shell

EVERYWHERE = ("chat", "responses", "responses-websocket")
RETRY_AFTER_S = 2
FAR_AWAY_S = 7200
"""Longer than a trial may take."""
PATIENCE_S = 5
"""Seconds that rows of silence wait; answers of a simulator without pace take milliseconds."""

LOST, OLD = "previous_response_not_found", "websocket_connection_limit_reached"
FAILED, BACKOFF, RATE_LIMIT = "failed_call", "backoff", "rate_limit"
WRITE = edit("calc.py", ADD, DOUBLE)
ONCE = shell("echo once")
WORK = say("I add the function, then I look at it. ", WRITE, ONCE)
SOLVED = ("edit", "shell", "finish")
END = 10**6
"""More tokens than any answer has: after all of them, and before what says that this was all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of a fault: how the trial ends, the requests it takes and why they fail, where their time goes.

    `tools` are the calls that are run, in order, `says` is in the transcript. `usage` says whether all tokens are
    known, `served` which model the calls are said to be served by ("" is the one asked for), `partial` whether a part
    of an answer came before it failed, which may be billed, and `exit_code` how the whole command ends.
    """

    stop: str = "finished"
    verdict: str = "pass"
    exit_code: int = 0
    requests: int = 2
    faults: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    tools: tuple[str, ...] = SOLVED
    says: str = ""
    usage: bool = True
    served: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table. One with `alone` costs the run its provider or cools it down, so nobody else is with it.

    `patient` ones take a minute, for the harness backs off as it does from real providers. `timeouts` are the model's.
    """

    name: str
    words: str
    turns: tuple[Turn, ...]
    expected: Expected
    apis: tuple[str, ...] = EVERYWHERE
    alone: bool = False
    patient: bool = False
    timeouts: Mapping[str, float] = field(default_factory=dict)


def rows() -> Iterator[Row]:
    """All of them, in the order of the design's table."""
    yield from _statuses()
    yield from _broken_answers()
    yield from _asked_anew()
    yield from _tool_calls()
    yield from _endings()
    yield from _facts()


def before(fault: ScriptedFault, turn: Turn = WORK) -> tuple[Turn, ...]:
    """A script that does the work and finishes, its first turn after a fault."""
    return (turn.model_copy(update={"faults": (fault,)}), FINISH)


def _status(status: int, code: str = "", **headers: str) -> ScriptedFault:
    return ScriptedFault(kind="status", status=status, code=code, headers=headers, message=f"scripted {status} {code}")


def _statuses() -> Iterator[Row]:
    retried = Expected(requests=3, faults=("rate_limit",), waits=(FAILED, RATE_LIMIT))
    soon = _status(429, "rate_limit_exceeded", **{"retry-after": str(RETRY_AFTER_S)})
    yield Row(name="429", words=f"429, Retry-After: {RETRY_AFTER_S}", turns=before(soon), expected=retried, alone=True)
    late = _status(429, "rate_limit_exceeded", **{"retry-after": str(FAR_AWAY_S)})
    deferred = Expected(
        stop="deferred",
        verdict="not_run",
        exit_code=5,
        requests=1,
        faults=("rate_limit",),
        waits=(FAILED,),
        tools=(),
    )
    yield Row(
        name="429-far", words=f"429, Retry-After: {FAR_AWAY_S}", turns=before(late), expected=deferred, alone=True
    )
    for status, code, fault in (
        (429, "insufficient_quota", "no_quota"),
        (401, "invalid_api_key", "authentication"),
        (403, "forbidden", "permission"),
        (404, "model_not_found", "no_such_model"),
    ):
        lost = Expected(
            stop="error:provider",
            verdict="error:provider",
            exit_code=5,
            requests=1,
            faults=(fault,),
            waits=(FAILED,),
            tools=(),
        )
        script = before(_status(status, code))
        yield Row(name=f"{status}-{fault}", words=f"{status} `{code}`", turns=script, expected=lost, alone=True)
    for status in (500, 502, 503, 504, 529):
        yield Row(name=f"{status}", words=f"{status}", turns=before(_status(status)), expected=_again("server_error"))
    never = WORK.model_copy(update={"faults": (_status(503),) * 6})
    gave_up = Expected(
        stop="error:provider",
        verdict="error:provider",
        exit_code=5,
        requests=6,
        faults=("server_error",) * 6,
        waits=(FAILED, BACKOFF),
        tools=(),
    )
    yield Row(
        name="503-for-good",
        words="503 to every attempt",
        turns=(never, FINISH),
        expected=gave_up,
        alone=True,
        patient=True,
    )


def _again(fault: str, *, partial: bool = False) -> Expected:
    """One attempt fails, the next one is answered, every tool call is run once."""
    return Expected(requests=3, faults=(fault,), waits=(FAILED, BACKOFF), partial=partial)


def _broken_answers() -> Iterator[Row]:
    def broken(name: str, words: str, fault: ScriptedFault, kind: str) -> Row:
        return Row(name=name, words=words, turns=before(fault), expected=_again(kind, partial=fault.after_tokens > 0))

    yield broken("cut", "reset before the first token", ScriptedFault(kind="cut"), "connection")
    yield broken("cut-amid", "reset amid a tool call", ScriptedFault(kind="cut", after_tokens=20), "connection")
    stall, pings = ScriptedFault(kind="stall", after_tokens=20), ScriptedFault(kind="keep_alive", after_tokens=20)
    yield replace(broken("stall", "stalled stream", stall, "stalled"), timeouts={"idle_s": PATIENCE_S})
    yield replace(broken("keep-alive", "keep-alives only", pings, "stalled"), timeouts={"idle_s": PATIENCE_S})
    silence = ScriptedFault(kind="stall")
    yield replace(broken("silence", "no first token", silence, "stalled"), timeouts={"first_token_s": PATIENCE_S})
    yield replace(broken("timeout", "an answer without end", stall, "timeout"), timeouts={"total_s": PATIENCE_S})
    yield broken("end-amid", "clean end amid a tool call", ScriptedFault(kind="end", after_tokens=20), "truncated")
    yield broken("end", "all tool calls, no finish reason", ScriptedFault(kind="end", after_tokens=END), "truncated")
    yield broken("html", "web page with 200", ScriptedFault(kind="html"), "malformed")
    yield broken("empty", "empty body with 200", ScriptedFault(kind="empty"), "malformed")
    hollow = ScriptedFault(kind="no_choices")
    yield replace(broken("no-choices", "no choices with 200", hollow, "truncated"), apis=("chat",))
    yield replace(broken("no-output", "no output with 200", hollow, "malformed"), apis=EVERYWHERE[1:])
    amid = ScriptedFault(kind="error_in_answer", after_tokens=20, code="server_error", message="scripted error")
    yield broken("error-amid", "error event amid an answer with 200", amid, "server_error")
    failed = ScriptedFault(kind="failed", after_tokens=20, code="server_error", message="scripted failure")
    yield broken("failed", "an answer that ends as failed", failed, "server_error")
    shut = ScriptedFault(kind="handshake", status=503, message="scripted refusal")
    yield replace(
        broken("handshake", "WebSocket refused with 503", shut, "server_error"), apis=("responses-websocket",)
    )


def _asked_anew() -> Iterator[Row]:
    """What is asked again at once, in another way."""

    def anew(name: str, words: str, fault: ScriptedFault, kind: str) -> Row:
        finish = FINISH.model_copy(update={"faults": (fault,)})
        expected = Expected(requests=3, faults=(kind,), waits=(FAILED,))
        return Row(name=name, words=words, turns=(WORK, finish), expected=expected)

    lost = anew("lost-state", "404 `previous_response_not_found`", _status(404, LOST), "lost_state")
    yield replace(lost, apis=("responses-websocket",))
    old = anew("expired", "connection too old", _status(400, OLD), "connection_expired")
    yield replace(old, apis=("responses-websocket",))
    usage = _status(400).model_copy(update={"message": "unknown parameter: stream_options"})
    refused = anew("no-usage", "`stream_options` refused", usage, "unsupported_option")
    yield replace(refused, apis=("chat",), expected=replace(refused.expected, usage=False))
    include = _status(400).model_copy(update={"message": "unknown parameter: include"})
    yield replace(anew("no-include", "`include` refused", include, "unsupported_option"), apis=EVERYWHERE[1:])


def _tool_calls() -> Iterator[Row]:
    def bad(name: str, words: str, call: ScriptedCall, says: str) -> Row:
        """A call that cannot be run, then the work."""
        done = Expected(requests=3, tools=(call.name, *SOLVED), says=says)
        return Row(name=name, words=words, turns=(say("I try. ", call), WORK, FINISH), expected=done)

    raw = ScriptedCall(name="shell", arguments='{"command": "echo once')
    yield bad("bad-json", "malformed tool arguments", raw, "not valid JSON")
    five = tuple(say(f"Try {number}. ", raw) for number in range(1, 7))
    stopped = Expected(stop="limit:malformed_calls", verdict="fail", requests=5, tools=("shell",) * 5)
    yield Row(name="bad-json-5", words="malformed tool arguments, 5 in a row", turns=five, expected=stopped)
    unknown = ScriptedCall(name="deploy", arguments={})
    yield bad("unknown-tool", "unknown tool", unknown, "there is no tool `deploy`; the tools are: shell")
    yield bad("missing-argument", "missing argument", ScriptedCall(name="shell"), "command: Field required")
    wrong = ScriptedCall(name="shell", arguments={"command": 7})
    yield bad("wrong-argument", "argument of a wrong type", wrong, "command: Input should be a valid string")
    cut = WORK.model_copy(update={"ending": "length"})
    yield Row(
        name="length",
        words="`length` with tool calls",
        turns=(cut, WORK, FINISH),
        expected=Expected(requests=3, says="cut off at the output limit, so none of its tool calls was run"),
    )
    for ids in ("repeated", "empty", "missing"):
        bent = WORK.model_copy(update={"ids": ids})
        yield Row(name=f"ids-{ids}", words=f"{ids} tool-call ids", turns=(bent, FINISH), expected=Expected())


def _endings() -> Iterator[Row]:
    too_long = FINISH.model_copy(update={"faults": (_status(400, "context_length_exceeded"),)})
    exhausted = Expected(
        stop="context_exhausted", requests=2, faults=("context_length",), waits=(FAILED,), tools=SOLVED[:2]
    )
    yield Row(name="context", words="context length exceeded", turns=(WORK, too_long), expected=exhausted)
    for ending in ("content_filter", "refusal"):
        no = say("I cannot go on with this. ").model_copy(update={"ending": ending})
        refused = Expected(stop="refused", tools=SOLVED[:2])
        words = "content filter" if ending == "content_filter" else "refusal"
        yield Row(name=ending.replace("_", "-"), words=words, turns=(WORK, no, FINISH), expected=refused)


def _facts() -> Iterator[Row]:
    for usage in ("missing", "negative", "text"):
        bent = WORK.model_copy(update={"usage": usage})
        yield Row(name=f"usage-{usage}", words=f"usage {usage}", turns=(bent, FINISH), expected=Expected(usage=False))
    other = WORK.model_copy(update={"served_model": "another-model"})
    yield Row(
        name="other-model",
        words="answered by another model",
        turns=(other, FINISH),
        expected=Expected(served="another-model"),
    )
