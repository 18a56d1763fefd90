"""What a command line asks to be judged: the runs of both sides, the policy, and what comes of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from harness.commands import options
from harness.commands.gate_outputs import Outputs
from harness.commands.session import say
from harness.errors import ConfigError, HarnessError, InfraError
from harness.untrusted import one_line
from scoreboards.gate.findings import Gate
from scoreboards.gate.policy import Policy
from scoreboards.report.gate_outcome import Outcome, exit_code

_VERSIONS = ("splitclock", "numpy", "scipy")


def run_folders(texts: Iterable[str], store: str | None) -> tuple[Path, ...]:
    """The run folders of what --baseline says: paths, and names in a store. Raises ConfigError, InfraError."""
    from harness.baselines.stores import baseline_folder

    folders = [baseline_folder(text, store) for text in texts]
    return tuple(options.expanded(folders)) if folders else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command line asks to be judged, and by what; `pairs` names the candidate's model for each baseline's."""

    baseline: tuple[Path, ...]
    candidate: tuple[Path, ...]
    policy: Policy
    policy_file: Path | None = None
    pairs: Mapping[str, str] | None = None

    def check(self) -> None:
        """Raises ConfigError that names what is missing."""
        lacking = [
            f"{option} RUN: missing; give the run folder of {what}"
            for option, runs, what in (
                ("--baseline", self.baseline, "what to compare with"),
                ("--candidate", self.candidate, "what is judged"),
            )
            if not runs
        ]
        if lacking:
            raise ConfigError(*lacking)

    def judged(self) -> Gate:
        """The gate. Raises ConfigError, InfraError or ProviderError where nothing can be judged."""
        from harness.gating import gate_runs

        return gate_runs(self.baseline, self.candidate, self.policy, self.pairs)

    def outcome(self, gate: Gate | None, error: HarnessError | None = None) -> Outcome:
        """What came of it, for the views."""
        code = error.exit_code if error is not None else 0
        return Outcome(
            gate=gate,
            policy=self.policy,
            baseline=tuple(map(str, self.baseline)),
            candidate=tuple(map(str, self.candidate)),
            policy_file=None if self.policy_file is None else str(self.policy_file),
            versions={name: version(name) for name in _VERSIONS},
            errors=() if error is None else tuple(map(one_line, str(error).splitlines())),
            exit_code=code if gate is None else exit_code(gate, self.policy),
        )


def decide(named: Asked, settle: Callable[[], Asked], outputs: Outputs) -> int:
    """Judge, and tell everybody; machines are told also of what could not be judged. Returns the exit code.

    `settle` reads what is `named` on the command line, policy and stored baselines, and may refuse it.
    """
    asked = named
    try:
        asked = settle()
        asked.check()
        outcome = asked.outcome(asked.judged())
    except HarnessError as error:
        try:
            outputs.write(asked.outcome(None, error))
        except InfraError as second:  # the first error is the news
            say(f"splitclock: {second}")
        raise
    outputs.write(outcome)
    return outcome.exit_code
