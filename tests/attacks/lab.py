"""Attacks played against the real grader: an agent's sandbox, its export, the policy, the suite, the probes."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from harness.clock import Stopwatch, SystemClock
from harness.features import Feature
from harness.fixtures import load_feature, load_target
from harness.grade import Grade, grade
from harness.grade_policy import Submission, submission
from harness.judge import judge
from harness.prepare import Prepared, prepare
from harness.record import Verdict
from harness.suite import SuiteJob, hidden_tests
from sandbox.checkout import Checkouts
from sandbox.contract import BoxSpec, Command, Sandbox, SandboxProvider
from sandbox.errors import WorkspaceError
from tests.attacks.cases import TARGET, Attack

_DEADLINE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of an attack: the verdict of the suite alone, the verdict, its rung, and what the grade says."""

    attack: Attack
    verdict_at_r1: Verdict
    verdict: Verdict
    rung: str
    evidence: str

    def wrong(self) -> str:
        """What is not as it must be, in one line; empty when all is."""
        attack = self.attack
        if self.verdict is not attack.verdict:
            return f"{attack.name}: {self.verdict} where {attack.verdict} is due: {self.evidence}"
        if self.verdict_at_r1 is not attack.verdict_at_r1:
            return f"{attack.name}: {self.verdict_at_r1} at R1 where {attack.verdict_at_r1} is due: {self.evidence}"
        if attack.evidence not in self.evidence:
            return f"{attack.name}: `{attack.evidence}` is not in the evidence: {self.evidence}"
        return ""


class Lab:
    """One prepared target, and attacks on it, `width` at a time."""

    def __init__(self, provider: SandboxProvider, checkouts: Checkouts, width: int = 3) -> None:
        self._provider = provider
        self._pool = ThreadPoolExecutor(width)
        self._prepared = prepare(feature(), provider, checkouts, lambda _line: None)

    def start(self, attacks: Iterable[Attack]) -> dict[str, Future[Seen]]:
        """Begin all of them; their outcomes by name."""
        return {attack.name: self._pool.submit(self.play, attack) for attack in attacks}

    def close(self) -> None:
        """Wait for those that run, and begin no other."""
        self._pool.shutdown(cancel_futures=True)

    def play(self, attack: Attack) -> Seen:
        """One attack from the agent's sandbox to its grade."""
        try:
            job = self._job(self._handed_in(attack))
        except WorkspaceError as error:  # as a trial has it: the agent's own doing
            return Seen(attack=attack, verdict_at_r1=Verdict.FAIL, verdict=Verdict.FAIL, rung="R1", evidence=str(error))
        judged = judge(job, self._provider.open, Stopwatch(SystemClock()), lambda _report: None)
        manifest = job.feature.manifest
        assert manifest is not None
        return Seen(
            attack=attack,
            verdict_at_r1=grade(judged.report, manifest, job.submission).verdict,
            verdict=judged.grade.verdict,
            rung=judged.grade.rung,
            evidence=_evidence(judged.grade, job.submission),
        )

    def _handed_in(self, attack: Attack) -> Submission:
        """What the policy makes of the workspace once the agent was killed."""
        prepared = self._prepared
        spec = BoxSpec(
            environment=prepared.environment,
            snapshot=prepared.snapshot,
            limits=prepared.feature.target.limits,
        )
        with self._provider.open(spec) as box:
            _lay(box, attack)
            box.kill()
            export = box.export({**prepared.environment.generated, **prepared.snapshot.index})
        return submission(prepared.snapshot, export, prepared.feature.target.suite)

    def _job(self, handed_in: Submission) -> SuiteJob:
        prepared: Prepared = self._prepared
        return SuiteJob(
            feature=prepared.feature,
            environment=prepared.environment,
            snapshot=prepared.snapshot,
            submission=handed_in,
            hidden=hidden_tests(prepared.feature),
        )


def feature() -> Feature:
    """The feature that every attack claims to have built."""
    return load_feature(load_target(TARGET), TARGET / "features" / "double")


def play_all(lab: Lab, attacks: Iterable[Attack]) -> Iterable[Seen]:
    """The outcomes, in order, as they come."""
    with closing(lab):
        yield from (future.result() for future in lab.start(attacks).values())


def _lay(box: Sandbox, attack: Attack) -> None:
    """Put into the agent's workspace what the attack says, in the order files, links, deletions, script."""
    for file in attack.files:
        if not any(other.path.startswith(f"{file.path}/") for other in attack.files):
            box.write(file)
    for path, to in attack.links.items():
        box.run(Command(argv=("ln", "-s", to, path), deadline_s=_DEADLINE_S))
    for path in attack.deleted:
        box.run(Command(argv=("rm", "-r", path), deadline_s=_DEADLINE_S))
    if attack.agent:
        box.run(Command(argv=("/bin/sh", "-c", attack.agent), deadline_s=_DEADLINE_S))


def _evidence(found: Grade, handed_in: Submission) -> str:
    row = found.row(handed_in)
    return "; ".join((*row.denied, row.reason, *row.notes))
