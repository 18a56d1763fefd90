"""The tool-calling loop: a model, a sandbox, limits; what was said and done, and why it stopped."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.budget import STOP as BUDGET_STOP
from harness.budget import Purse, Spending, tokens_for
from harness.clock import Stopwatch
from harness.config import TrialLimits
from harness.conversation import Conversation, budget
from harness.countdown import Countdown, OwnQueue
from harness.errors import InterruptedRunError
from harness.messages import message_json
from harness.models.ceiling import Ceiling, under
from harness.models.contract import OWN_QUEUE, CallFailedError, Message, Model, Reply, Role, ToolCall
from harness.models.faults import Fault
from harness.models.health import telling
from harness.models.prices import Price
from harness.models.timing import call_row, spans
from harness.models.wire_log import wire_log
from harness.prompts import prompt
from harness.record import CallRow, ToolRow
from harness.recorded import NOTHING, Recorded, RecordedReply
from harness.request_hash import RequestHash
from harness.slots import Slots
from harness.toolbox import LeftS, OnEvent, Toolbox, ToolOutcome
from harness.tools.registry import TOOLS, BadCallError, parse_arguments
from sandbox.contract import Sandbox
from sandbox.errors import SandboxError, SandboxLostError

MOST_MALFORMED = 5
MOST_SILENT = 2
NS_A_SECOND = 10**9
PROVIDERS_SHARE = 0.5
"""Where a provider's failures took more of the wall limit than this, running into it says nothing of the model."""

REFUSALS = ("content_filter", "refusal")
STOP_OF_FAULT = {
    "context_length": "context_exhausted",
    "refused": "refused",
    "interrupted": "interrupted",
    "deferred": "deferred",
    "token_limit": "limit:tokens",
    "cost_limit": "limit:cost",
    "budget": "budget",
}
OUR_OWN = ("interrupted", "token_limit", "cost_limit", "budget")
"""Faults of a call that we ended: they say nothing of its provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What the agent is asked to do, within what: the brief and test command shown to the model, and the limits.

    `context_window` and `most_output_tokens` are in tokens, None where unknown. `price` prices its calls, or `price_of`
    where that depends on the model and the service tier that a call was served by. `purse` is what the run has left.
    """

    brief: str
    test_command: str
    limits: TrialLimits
    context_window: int | None = None
    most_output_tokens: int | None = None
    price: Price | None = None
    price_of: Callable[[str, str], Price | None] | None = None
    purse: Purse = field(default_factory=Purse)

    def price_for(self, reply: Reply) -> Price | None:
        """What this answer is charged at, None where unknown."""
        return self.price if self.price_of is None else self.price_of(reply.served_model, reply.service_tier)


@dataclass(slots=True, kw_only=True)
class Transcript:
    """What an agent said and did, and why it stopped; `error` says more where `stop` is an error."""

    stop: str = ""
    error: str = ""
    turns: int = 0
    calls: list[CallRow] = field(default_factory=list)
    tool_calls: list[ToolRow] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    shortened_outputs: int = 0
    unanswered_calls: int = 0
    unanswered_faults: tuple[str, ...] = ()


class Agent:
    """One agent at work. Every message, call and tool ends in its transcript, every moment in the stopwatch."""

    def __init__(
        self,
        *,
        model: Model,
        sandbox: Sandbox,
        stopwatch: Stopwatch,
        slots: Slots,
        on_event: OnEvent,
    ) -> None:
        self._model = model
        self._workspace = sandbox.workspace
        self._stopwatch = stopwatch
        self._on_event = on_event
        self._recorded = NOTHING
        self._toolbox = Toolbox(sandbox=sandbox, stopwatch=stopwatch, slots=slots, on_event=on_event)
        self._tools = [tool.spec() for tool in TOOLS.values()]
        self._request = RequestHash(self._tools)
        self._spent = Spending()
        self._purse = Purse()
        self._queue = OwnQueue(stopwatch.clock)
        self._wall_is_over = False
        self._wall_ns = 0
        self.transcript = Transcript()

    def work(self, assignment: Assignment, recorded: Recorded = NOTHING) -> Transcript:
        """Ask the model, run its tools, until something ends it. Raises nothing that a model or a sandbox did.

        What is `recorded` of the attempt is gone through first, by the same steps, without asking, running or telling
        anything: then everything that decides what comes next is as it was.
        """
        self._recorded, self._toolbox.recorded = recorded, recorded.tools
        self.transcript.unanswered_calls = recorded.unanswered_calls
        conversation = self._open(assignment)
        self._wall_ns = round(assignment.limits.wall_s * NS_A_SECOND)
        self._spent.price, self._purse = assignment.price, assignment.purse
        started_ns = self._stopwatch.clock.now_ns() - self._recorded.spent_ns
        silent = malformed = 0
        transcript = self.transcript
        while not transcript.stop:
            transcript.stop = self._limit(assignment.limits, started_ns)
            if transcript.stop == "limit:wall":
                self._blame_for_wall()
            left_s = partial(self._left_s, assignment.limits, started_ns)
            reply = None if transcript.stop else self._ask(conversation, assignment, left_s)
            if reply is None:
                break
            outcomes = self._act(conversation, reply, partial(self._own_left_s, assignment.limits, started_ns))
            silent = 0 if reply.message.tool_calls or reply.finish_reason == "length" else silent + 1
            for outcome in outcomes:
                malformed = malformed + 1 if outcome.malformed else 0
            transcript.stop = transcript.stop or _given_up(silent, malformed)
        return transcript

    def _open(self, assignment: Assignment) -> Conversation:
        opening = self._recorded.opening
        if not opening:
            task = prompt("task").format(
                workspace=self._workspace, test_command=assignment.test_command, brief=assignment.brief
            )
            opening = (Message(role=Role.SYSTEM, content=prompt("system")), Message(role=Role.USER, content=task))
            self._on_event("opening", {"workspace": self._workspace, "messages": list(map(message_json, opening))})
        self.transcript.messages.extend(opening)
        return Conversation(*opening)

    def _say(self, conversation: Conversation, message: Message) -> None:
        conversation.add(message)
        self.transcript.messages.append(message)

    def _ask(self, conversation: Conversation, assignment: Assignment, left_s: LeftS) -> Reply | None:
        """The model's next message, or None after writing down why there is none; at most `left_s` seconds long."""
        turn = self.transcript.turns + 1
        if not self._fit(conversation, assignment):
            return None
        known = self._known(turn) if self._recorded.knows(turn) else self._paid(conversation, assignment, left_s)
        if known is None:
            return None
        conversation.calibrate(known.reply.usage)
        self.transcript.turns = turn
        self.transcript.calls.append(known.row)
        self._spent.add(known.row, known.reply.message)
        return known.reply

    def _known(self, turn: int) -> RecordedReply | None:
        """What an earlier life got for that turn, or None after repeating why there was nothing."""
        failure = self._recorded.failures.get(turn)
        if failure is None:
            return self._recorded.replies[turn]
        self.transcript.stop, self.transcript.error = failure.stop, failure.error
        self.transcript.unanswered_faults = failure.faults
        return None

    def _paid(self, conversation: Conversation, assignment: Assignment, left_s: LeftS) -> RecordedReply | None:
        """The model asked: nothing is sent before the intent is kept, nothing acted on before the answer is."""
        turn = self.transcript.turns + 1
        messages = conversation.messages
        request = self._request.of(messages)
        self._on_event("intent", {"turn": turn, "messages": len(messages), "request": request})
        wire_log().begin(turn, request, self._recorded.life)
        try:
            with (
                telling(partial(self._heard, turn)),
                under(self._most_tokens(assignment.limits)),
                under(self._most_usd(assignment)),
                under(self._most_of_all(assignment.price)),
                Countdown(left_s, self._end_by_wall),
            ):
                reply = self._model.reply(messages, self._tools, left_s())
            return self._answered(reply, turn, assignment)
        except CallFailedError as error:
            self._give_up(error, turn)
            return None
        except Exception:  # whatever it is: what was asked for may be paid, and its answer is lost to this life
            self.transcript.unanswered_calls += 1
            raise

    def _answered(self, reply: Reply, turn: int, assignment: Assignment) -> RecordedReply:
        """The answer charged and kept."""
        self._stopwatch.add(*spans(reply, turn))
        row = call_row(reply, turn, assignment.price_for(reply))
        charged = self._purse.charge(self._spent.of(row, reply.message))
        self._on_event("response", {**message_json(reply.message), **row.model_dump(), "charged": charged.row()})
        wire_log().settle()
        return RecordedReply(reply=reply, row=row)

    def _most_tokens(self, limits: TrialLimits) -> Ceiling:
        """The trial's own limit, which holds within a call too."""
        left = limits.output_tokens - self._spent.output_tokens
        return Ceiling(left=lambda: left, fault=Fault.TOKEN_LIMIT, what="the trial's output tokens were left")

    def _most_usd(self, assignment: Assignment) -> Ceiling:
        """The trial's cost limit in tokens, which holds within a call too."""
        most = assignment.limits.cost_usd
        left = math.inf if most is None else tokens_for(most - self._spent.cost_usd, assignment.price)
        return Ceiling(left=lambda: left, fault=Fault.COST_LIMIT, what="the trial's cost limit were left")

    def _most_of_all(self, price: Price | None) -> Ceiling:
        """What all trials of the run together have left."""
        return Ceiling(
            left=lambda: self._purse.left_tokens(price), fault=Fault.BUDGET, what="the run's budget were left"
        )

    def _heard(self, turn: int, kind: str, body: Mapping[str, Any]) -> None:
        self._queue.heard(kind)
        self._on_event(kind, {"turn": turn, **body})

    def _end_by_wall(self) -> None:
        self._wall_is_over = True
        self._model.close()

    def _give_up(self, error: CallFailedError, turn: int) -> None:
        self._stopwatch.add(*spans(error, turn))
        self.transcript.stop = STOP_OF_FAULT.get(error.fault, "error:provider")
        self.transcript.error = str(error)
        if self._wall_is_over and self._purse.is_empty:
            self.transcript.stop, self.transcript.error = BUDGET_STOP, self._purse.why
        elif self._wall_is_over:
            self._blame_for_wall(error)
        billable = any(attempt.may_be_billed for attempt in error.attempts)
        self.transcript.unanswered_calls += billable
        faults = (str(attempt.fault) for attempt in error.attempts)
        self.transcript.unanswered_faults = tuple(fault for fault in faults if fault not in OUR_OWN)
        charged = self._purse.charge(self._spent.of_failed(error)).row()
        body = {"turn": turn, "fault": error.fault, "message": str(error), "billable": billable, "charged": charged}
        body |= {"stop": self.transcript.stop, "error": self.transcript.error}
        self._on_event("call_failed", {**body, "faults": list(self.transcript.unanswered_faults)})

    def _blame_for_wall(self, error: CallFailedError | None = None) -> None:
        """The wall is over, amid the call that `error` ended or between two: by a provider, or by the trial itself."""
        attempts, pauses = (error.attempts, error.pauses) if error else ((), ())
        failed = [attempt for attempt in attempts if attempt.fault not in OUR_OWN]
        waited_ns = sum(call.wait_ns for call in self.transcript.calls)
        waited_ns += sum(attempt.times.end - attempt.times.send for attempt in failed)
        waited_ns += sum(pause.t1 - pause.t0 for pause in pauses if pause.reason != OWN_QUEUE)
        mute = not self.transcript.calls and not any(attempt.times.deltas for attempt in attempts)
        last = f"; the last failed attempt: {failed[-1].fault}: {failed[-1].message}" if failed else ""
        if mute or waited_ns > self._wall_ns * PROVIDERS_SHARE:
            what = (
                "no token ever came" if mute else f"the provider failed or held off for {waited_ns / NS_A_SECOND:.0f} s"
            )
            self.transcript.stop = "error:provider"
            self.transcript.error = f"{what} within the wall limit of {self._wall_ns / NS_A_SECOND:.0f} s{last}"
        else:
            self.transcript.stop = "limit:wall"
            self.transcript.error = f"the wall limit ended a call in flight{last}" if error else ""

    def _fit(self, conversation: Conversation, assignment: Assignment) -> bool:
        if assignment.context_window is None:
            return True
        room = budget(assignment.context_window, assignment.most_output_tokens)
        shortened = conversation.fit(room)
        if shortened:
            self.transcript.shortened_outputs += len(shortened)
            if not self._recorded.knows(self.transcript.turns + 1):
                self._on_event("shortened", {"positions": list(shortened), "tokens_after": conversation.tokens})
        if conversation.tokens > assignment.context_window:
            self.transcript.stop = "context_exhausted"
            self.transcript.error = f"the history is about {conversation.tokens} tokens long and cannot be shortened"
            return False
        return True

    def _act(self, conversation: Conversation, reply: Reply, left_s: LeftS) -> list[ToolOutcome]:
        message = reply.message
        if reply.finish_reason in REFUSALS:  # what was called before the refusal may be cut, and nobody would see it
            self.transcript.stop = "refused"
            self._say(conversation, replace(message, tool_calls=()))
            return []
        if reply.finish_reason == "length" and message.tool_calls:
            self._say(conversation, replace(message, tool_calls=()))
            self._say(conversation, Message(role=Role.USER, content=prompt("cut")))
            return []
        self._say(conversation, replace(message, tool_calls=tuple(map(_resendable, message.tool_calls))))
        if not message.tool_calls:
            self._say(conversation, Message(role=Role.USER, content=prompt("nudge")))
            return []
        return self._run_tools(conversation, message, left_s)

    def _run_tools(self, conversation: Conversation, message: Message, left_s: LeftS) -> list[ToolOutcome]:
        outcomes: list[ToolOutcome] = []
        try:
            for outcome in self._toolbox.run(message.tool_calls, self.transcript.turns, left_s):
                outcomes.append(outcome)
                self.transcript.tool_calls.append(outcome.row)
                answer = Message(role=Role.TOOL, content=outcome.result.content, tool_call_id=outcome.call.id)
                self._say(conversation, answer)
                if outcome.result.finished:
                    self.transcript.stop = "finished"
        except InterruptedRunError as error:
            self.transcript.stop, self.transcript.error = "interrupted", str(error)
        except SandboxLostError:  # not by the agent: the whole attempt is void
            raise
        except SandboxError as error:
            self.transcript.stop, self.transcript.error = "error:sandbox", str(error)
        return outcomes

    def _limit(self, limits: TrialLimits, started_ns: int) -> str:
        """The limit that is reached, as a stop reason, or ""; none was before a call that was made."""
        spent = self._spent
        if self._recorded.knows(self.transcript.turns + 1):
            return ""
        if self._purse.is_empty:
            self.transcript.error = self._purse.why
            return BUDGET_STOP
        if self.transcript.turns >= limits.turns:
            return "limit:turns"
        if self._left_s(limits, started_ns) <= 0:
            return "limit:wall"
        if spent.output_tokens >= limits.output_tokens:
            return "limit:tokens"
        return "limit:cost" if limits.cost_usd is not None and spent.cost_usd >= limits.cost_usd else ""

    def _left_s(self, limits: TrialLimits, started_ns: int) -> float:
        """Seconds that a call may take: of agent wall left, no more than the run has."""
        return min(self._own_left_s(limits, started_ns), self._purse.left_s())

    def _own_left_s(self, limits: TrialLimits, started_ns: int) -> float:
        """Seconds of agent wall left; our own queues are not held against the trial.

        What the run has left cuts no tool: its outcome would say how much that was, and a larger budget find another.
        """
        queued_ns = self._toolbox.slot_wait_ns + self._queue.waited_ns
        spent_ns = self._stopwatch.clock.now_ns() - started_ns - queued_ns
        return limits.wall_s - spent_ns / NS_A_SECOND


def _given_up(silent: int, malformed: int) -> str:
    """Why to stop after turns in a row without a tool call, or calls in a row that are not even JSON; or ""."""
    if silent >= MOST_SILENT:
        return "finished"
    return "limit:malformed_calls" if malformed >= MOST_MALFORMED else ""


def _resendable(call: ToolCall) -> ToolCall:
    """The call as history re-sends it: strict servers reject arguments that are not a JSON object."""
    try:
        parse_arguments(call.arguments)
    except BadCallError:
        return replace(call, arguments="{}")
    return call if call.arguments.strip() else replace(call, arguments="{}")
