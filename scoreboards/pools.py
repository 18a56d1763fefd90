"""Everything about one model from attempts that come one by one: sums, and what medians need, but no record. Pure."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.clock import Phase
from harness.record import CallRow, Record, Verdict
from scoreboards.calls import CallPool, Calls
from scoreboards.figures import Figures, Outcomes, Speeds, Times, Work
from scoreboards.inside import AGENT_PHASES, InsidePool
from scoreboards.noise import like_reasons, own_reasons
from scoreboards.statistics import mean, median_int, pass_at_k, wilson
from scoreboards.sums import Numbers, Sum, known_sum, numbers
from scoreboards.tool_work import ToolPool


@dataclass(slots=True)
class _Speed:
    """Tokens and nanoseconds of the calls of which both are known."""

    tokens: int = 0
    ns: int = 0

    def add(self, tokens: int | None, ns: int | None) -> None:
        if tokens is not None and ns:
            self.tokens += tokens
            self.ns += ns

    def take(self, other: "_Speed") -> None:
        self.tokens += other.tokens
        self.ns += other.ns

    @property
    def per_second(self) -> float | None:
        """Tokens over seconds, summed before they are divided."""
        return self.tokens / (self.ns / 1e9) if self.ns else None


@dataclass(slots=True)
class _Paid:
    """What attempts cost, as far as it is known."""

    costs: "array[float]" = field(default_factory=lambda: array("d"))
    unknown: int = 0
    lower: bool = False

    def add(self, record: Record) -> None:
        if record.cost_usd is None and not record.calls and not record.unanswered_calls:
            return
        self.lower |= record.cost_is_lower_bound
        if record.cost_usd is None:
            self.unknown += 1
        else:
            self.costs.append(record.cost_usd)

    def take(self, other: "_Paid") -> None:
        self.costs.extend(other.costs)
        self.unknown += other.unknown
        self.lower |= other.lower

    @property
    def sum(self) -> Sum:
        cost = known_sum([*self.costs, *[None] * self.unknown])
        lower = (cost.is_lower_bound or self.lower) and cost.value is not None
        return Sum(value=cost.value, is_lower_bound=lower)


@dataclass(slots=True)
class _Ends:
    """How trials ended: verdicts, and of each feature how many were scored and passed."""

    trials: int = 0
    simulated: bool = False
    noisy: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    features: set[str] = field(default_factory=set)
    scored: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        self.trials += 1
        self.simulated |= record.trial.simulated
        self.noisy += record.noisy
        self.verdicts[str(record.verdict)] += 1
        self.reasons.update(own_reasons(record))
        self.features.add(record.trial.feature)
        self.scored[record.trial.feature] += record.verdict.scored
        self.passed[record.trial.feature] += record.verdict is Verdict.PASS

    def take(self, other: "_Ends") -> None:
        self.trials += other.trials
        self.simulated |= other.simulated
        self.noisy += other.noisy
        self.features |= other.features
        for own, others in (
            (self.verdicts, other.verdicts),
            (self.reasons, other.reasons),
            (self.scored, other.scored),
            (self.passed, other.passed),
        ):
            own.update(others)

    def outcomes(self) -> Outcomes:
        scored, passed = self.scored.total(), self.passed.total()
        not_run = self.verdicts[Verdict.NOT_RUN]
        return Outcomes(
            trials=self.trials,
            scored=scored,
            passed=passed,
            errors=self.trials - scored - not_run,
            not_run=not_run,
            verdicts={str(verdict): self.verdicts[verdict] for verdict in Verdict},
            pass_rate=passed / scored if scored else None,
            pass_interval=wilson(passed, scored) if scored else None,
            pass_at_1=mean(pass_at_k(n, self.passed[feature], 1) for feature, n in self.scored.items() if n),
        )


_LENGTHS = ("agent_wall", "queue", "turns")


@dataclass(slots=True)
class _Lengths:
    """What medians of scored trials are made from, besides the phases."""

    values: dict[str, Numbers] = field(default_factory=lambda: {name: numbers() for name in _LENGTHS})
    inside: InsidePool = field(default_factory=InsidePool)

    def add(self, record: Record) -> None:
        for name, value in zip(_LENGTHS, (record.agent_wall_ns, record.queue_ns, record.turns), strict=True):
            self.values[name].append(value)
        self.inside.add(record)

    def take(self, other: "_Lengths") -> None:
        for name, values in self.values.items():
            values.extend(other.values[name])
        self.inside.take(other.inside)

    def times(self) -> Times:
        some = self.inside.trials > 0
        phases = {phase: sum(lengths) for phase, lengths in self.inside.phases.items()}
        walls, queues = self.values["agent_wall"], self.values["queue"]
        return Times(
            agent_wall_median_ns=median_int(walls),
            agent_wall_total_ns=sum(walls) if some else None,
            setup_median_ns=median_int(self.inside.phases[Phase.SETUP]),
            grade_median_ns=median_int(self.inside.phases[Phase.GRADE]),
            queue_median_ns=median_int(queues),
            phases=phases if some else None,
            shares=_shares(phases, sum(queues), sum(walls)),
            inside=self.inside.inside(),
        )


def _shares(phases: Mapping[Phase, int], queue_ns: int, wall_ns: int) -> Mapping[Phase, float] | None:
    """The same as `agent_shares` from sums: waiting in our own queue is no part of the agent wall."""
    if wall_ns <= 0:
        return None
    return {phase: (phases[phase] - (queue_ns if phase is Phase.WAIT else 0)) / wall_ns for phase in AGENT_PHASES}


@dataclass(slots=True)
class FiguresPool:
    """The trials of a model that come one by one."""

    model: str
    ends: _Ends = field(default_factory=_Ends)
    lengths: _Lengths = field(default_factory=_Lengths)
    calls: CallPool = field(default_factory=CallPool)
    tools: ToolPool = field(default_factory=ToolPool)
    decode: _Speed = field(default_factory=_Speed)
    effective: _Speed = field(default_factory=_Speed)
    claim: tuple[int, float] = (0, 0.0)
    paid: _Paid = field(default_factory=_Paid)
    tool_calls: int = 0
    turns: int = 0
    in_doubt: int = 0
    resumed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, record: Record, number: int, *, final: bool) -> None:
        """One more attempt, the `number`th of all; `final` says that it is the one that counts."""
        self.calls.add(record)
        self._speeds(record.calls)
        self.paid.add(record)
        self.tool_calls += len(record.tool_calls)
        self.turns += record.turns
        self.in_doubt += record.in_doubt
        if record.resumed:
            self.resumed.add((record.run, record.trial.id))
        if record.trial.claimed_tokens_per_s:
            self.claim = (number, record.trial.claimed_tokens_per_s)
        if final:
            self.ends.add(record)
        if final and record.verdict.scored:
            self.lengths.add(record)
            self.tools.add(record)

    def _speeds(self, calls: Iterable[CallRow]) -> None:
        for call in calls:
            self.decode.add(call.decode_tokens, call.decode_ns)
            self.effective.add(call.output_tokens, call.total_ns)

    def take(self, other: "FiguresPool") -> None:
        """All of another's."""
        self.ends.take(other.ends)
        self.lengths.take(other.lengths)
        self.calls.take(other.calls)
        self.tools.take(other.tools)
        self.decode.take(other.decode)
        self.effective.take(other.effective)
        self.claim = max(self.claim, other.claim)
        self.paid.take(other.paid)
        self.tool_calls += other.tool_calls
        self.turns += other.turns
        self.in_doubt += other.in_doubt
        self.resumed |= other.resumed

    def figures(self) -> Figures:
        """The figures of those that were added."""
        calls = self.calls.calls()
        return Figures(
            model=self.model,
            simulated=self.ends.simulated,
            noisy=self.ends.noisy,
            noise=like_reasons(self.ends.reasons),
            resumed=len(self.resumed),
            in_doubt=self.in_doubt,
            features=len(self.ends.features),
            outcomes=self.ends.outcomes(),
            times=self.lengths.times(),
            speeds=Speeds(
                decode_tokens_per_s=self.decode.per_second,
                effective_tokens_per_s=self.effective.per_second,
                first_token_median_ns=calls.first_token_median_ns,
                claimed_tokens_per_s=self.claim[1] or None,
            ),
            work=self._work(calls),
            calls=calls,
            tools=self.tools.work(),
        )

    def _work(self, calls: Calls) -> Work:
        return Work(
            calls=calls.answered,
            tool_calls=self.tool_calls,
            turns=self.turns,
            turns_median=median_int(self.lengths.values["turns"]),
            input_tokens=calls.input_tokens,
            output_tokens=calls.output_tokens,
            cost_usd=self.paid.sum,
        )
