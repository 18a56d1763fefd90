"""Two run folders become a gate: what differs, what is refused, and in how much memory."""

import json
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError, InfraError, ProviderError
from harness.gating import gate_runs, read_side
from harness.journal import Journal
from harness.provenance import cpu_model
from harness.record import Record, Verdict
from harness.run_folder import RunFolder
from harness.run_plan import Elsewhere, PlannedTrial, RunPlan
from scoreboards.gate.findings import Decision
from scoreboards.gate.policy import Difference, Policy, parse_policy
from tests.scoreboards.gate.trials import FEATURES, HOST, Pace, failed, side, trial

PARTS = {"source": "s", "tests": "t", "target settings": "x", "manifest": "m", "brief": "b", "turns/play": "p"}
RATE_OFF = 'pass_rate.margin = "off"\n'

Write = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Write:
    """Makes a run folder of records, with a plan of them; what is given by name stands in the plan instead."""

    def write(name: str, records: Iterable[Record], **plan: Any) -> Path:
        root = tmp_path / name
        every = list(records)
        with Journal.create(root) as journal:
            for one in every:
                journal.append_record(one)
        planned = {one.trial.id: one.trial for one in every}.values()
        known = {
            "trials": [
                PlannedTrial(id=one.id, model=one.model, feature=one.feature, repeat=one.repeat) for one in planned
            ],
            "models": {"fast": {"name": "fast", "tokens_per_s": 100.0, "parameters": {"temperature": 0.2}}},
            "features": {one.feature: PARTS for one in planned},
            "limits": {"wall_s": 600.0, "cost_usd": None},
            "settings": {"sandbox": "docker", "prompts": "abc"},
        }
        document = RunPlan.model_validate({**known, **plan}).document()
        RunFolder(root=root).plan.write_text(json.dumps(document))
        return root

    return write


def other(**changes: Any) -> list[Record]:
    """A candidate's records."""
    return side(Pace(seed=1), **{"repeats": 1, **changes})


def same(**facts: str) -> dict[str, Any]:
    """Provenance with other facts."""
    return {"provenance": {**HOST, **facts}}


def refused(*given: Path, policy: Policy | None = None) -> tuple[str, ...]:
    """Why these two are not compared."""
    baseline, candidate = given
    with pytest.raises(ConfigError) as caught:
        gate_runs([baseline], [candidate], policy or Policy())
    return caught.value.problems


def test_alike_runs_are_judged(run: Write) -> None:
    """Nothing differs; what trials go by is the folder of their run."""
    slow = side(Pace(seed=1, test=30), repeats=1)
    gate = gate_runs([run("a", side(repeats=1))], [candidate := run("b", slow)], Policy())
    assert (gate.decision, gate.differences) == (Decision.FAIL, ())
    assert gate.baseline.trials == gate.candidate.trials == 9
    seen = next(one for one in gate.criteria if one.look_at).look_at[0]
    assert seen.run == str(candidate)


_FACTS: Mapping[Difference, tuple[dict[str, str], str]] = {
    Difference.HOST: ({"cores": "8"}, "cores: 4 -> 8"),
    Difference.SANDBOX: ({"sandbox.runtime": "gvisor"}, "sandbox.runtime: runc -> gvisor"),
    Difference.PARALLEL: ({"parallel_trials": "6"}, "parallel_trials: 2 -> 6"),
    Difference.ENVIRONMENT: (
        {"environment.digest": "sha256:2"},
        "environment.digest of shop/f0, shop/f1, shop/f2 and 6 more: not the same content",
    ),
    Difference.PROMPT: ({"prompts": "def"}, "prompts: not the same content"),
    Difference.HARNESS: ({"splitclock": "1.1"}, "splitclock: 1.0 -> 1.1"),
}


@pytest.mark.parametrize("kind", _FACTS)
def test_what_records_say_otherwise(run: Write, kind: Difference) -> None:
    """Each kind is found, told with both values, and refused unless it is allowed by name."""
    facts, words = _FACTS[kind]
    runs = run("a", side(repeats=1)), run("b", other(**same(**facts)))
    lines = refused(*runs, policy=parse_policy("comparable.allow = []", "gate.toml"))
    assert lines[0] == f"baseline and candidate differ in {kind}: {words}"
    assert lines[1].endswith(f'allow = ["{kind}"]; for once, `splitclock gate` takes --allow {kind}')
    assert len(lines) == 2
    gate = gate_runs([runs[0]], [runs[1]], parse_policy(f'comparable.allow = ["{kind}"]', "gate.toml"))
    assert [(one.kind, one.words, one.allowed) for one in gate.differences] == [(kind, words, True)]


def _features(**parts: str) -> dict[str, Any]:
    return {"features": {name: {**PARTS, **parts} for name in FEATURES}}


_MORE = "of shop/f0, shop/f1, shop/f2 and 6 more: not the same content"
_PLANS: Mapping[Difference, tuple[dict[str, Any], str]] = {
    Difference.TARGET: (_features(source="s2"), f"source {_MORE}"),
    Difference.MANIFEST: (_features(manifest="m2"), f"manifest {_MORE}"),
    Difference.BRIEF: (_features(brief="b2"), f"brief {_MORE}"),
    Difference.SCRIPT: (_features(**{"turns/play": "p2"}), f"turns/play {_MORE}"),
    Difference.LIMITS: ({"limits": {"wall_s": 900.0}}, "limits.wall_s: 600.0 -> 900.0"),
    Difference.MODEL: (
        {"models": {"fast": {"name": "fast", "tokens_per_s": 70.0, "parameters": {"temperature": 0.2}}}},
        "model `fast`: tokens_per_s: 100.0 -> 70.0",
    ),
    Difference.HARNESS: ({"settings": {"tools": "2"}}, "tools: not set -> 2"),
}


@pytest.mark.parametrize("kind", _PLANS)
def test_what_plans_say_otherwise(run: Write, kind: Difference) -> None:
    """The same of what trials are made of."""
    plan, words = _PLANS[kind]
    runs = run("a", side(repeats=1)), run("b", other(), **plan)
    lines = refused(*runs, policy=parse_policy("comparable.allow = []", "gate.toml"))
    assert lines[0] == f"baseline and candidate differ in {kind}: {words}"
    assert len(lines) == 2


def test_other_rungs_are_found(run: Write) -> None:
    """How strongly passes are protected, by feature; what fails depends on how."""
    weak: dict[str, Any] = {"grade": {"rung": "R1"}}
    lines = refused(
        run("a", side(repeats=1)),
        run("b", [*other(features=FEATURES[1:]), trial(FEATURES[0], 1, Pace(seed=1), **weak)]),
    )
    assert lines[0] == "baseline and candidate differ in rung: rung of shop/f0: R2 -> R1"
    failed = trial(FEATURES[0], 1, Pace(seed=1), verdict=Verdict.FAIL, **weak)
    gate_runs([run("c", side(repeats=1))], [run("d", [*other(features=FEATURES[1:]), failed])], Policy())


def test_other_features_are_refused_and_left_out_when_allowed(run: Write) -> None:
    """Only common ones are judged then."""
    runs = run("a", side(repeats=1)), run("b", other(features=[*FEATURES[1:], "shop/new"]))
    assert refused(*runs)[:2] == (
        "baseline and candidate differ in features: only the baseline has shop/f0",
        "baseline and candidate differ in features: only the candidate has shop/new",
    )
    gate = gate_runs([runs[0]], [runs[1]], parse_policy('comparable.allow = ["features"]', "gate.toml"))
    assert {one.effect.pairs for one in gate.criteria if one.effect is not None} == {8}


def test_defaults_allow_what_a_gate_is_for(run: Write) -> None:
    """Another model, prompt, harness or script is what candidates are made of: told, and judged."""
    plan = {**_features(**{"turns/play": "p2"}), **_PLANS[Difference.MODEL][0]}
    records = other(**same(prompts="def", splitclock="1.1"))
    gate = gate_runs([run("a", side(repeats=1))], [run("b", records, **plan)], Policy())
    assert [one.kind for one in gate.differences] == ["script", "model", "prompt", "harness"]


def test_hosts_of_a_class_are_alike(run: Write) -> None:
    """Machines of a kind leave not quite the same memory; one that mixes classes is like none."""
    near = str(16 * 2**30 + 2**28)
    gate_runs([run("a", side(repeats=1))], [run("b", other(**same(**{"sandbox.memory_bytes": near})))], Policy())
    far = refused(run("c", side(repeats=1)), run("d", other(**same(**{"sandbox.memory_bytes": str(2**35)}))))
    assert far[0].endswith("sandbox.memory_bytes: 16.00 GiB -> 32.00 GiB")
    mixed = [*side(features=FEATURES[1:], repeats=1), trial(FEATURES[0], **same(cores="8"))]
    lines = refused(run("e", mixed), run("f", [one.model_copy(update={"wall_ns": one.wall_ns + 1}) for one in mixed]))
    assert lines[0].endswith("cores: 4 and 8 -> 4 and 8")


def test_old_plans_are_said_not_to_tell(run: Write) -> None:
    """Unless the trials have the same ids, which are made of everything."""
    old = {"models": {}, "features": {}, "limits": {}, "settings": {}, "schema": 1}
    gate_runs([run("a", side(repeats=1), **old)], [run("b", other(), **old)], Policy())
    renamed = [
        one.model_copy(update={"trial": one.trial.model_copy(update={"id": f"{n:012x}"})})
        for n, one in enumerate(other())
    ]
    lines = refused(run("c", side(repeats=1), **old), run("d", renamed))
    assert len(lines) == 5
    assert "differ in target: not known: the plan of" in lines[0]
    assert lines[0].endswith("is too old to tell, and its trials have other ids")
    assert "script" not in " ".join(lines[:-1])  # allowed by default


def test_ids_that_differ_for_no_reason_are_told(run: Write) -> None:
    """Then another Splitclock made them."""
    renamed = [
        one.model_copy(update={"trial": one.trial.model_copy(update={"id": f"{n:012x}"})})
        for n, one in enumerate(other())
    ]
    gate = gate_runs([run("a", side(repeats=1))], [run("b", renamed)], Policy())
    assert [one.kind for one in gate.differences] == [Difference.HARNESS]
    assert gate.differences[0].words.startswith("trials have other ids, though their plans say the same")


def test_unfinished_runs_are_not_read_early(run: Write) -> None:
    """One line that says how much is missing and what to do, of either side; trials not run are not finished."""
    more = PlannedTrial(id="more", model="fast", feature="shop/f0", repeat=2)
    whole = run("a", side(repeats=1))
    records = other()
    planned = [PlannedTrial(id=one.trial.id, model="fast", feature=one.trial.feature, repeat=1) for one in records]
    part = run("b", records, trials=[*planned, more])
    (line,) = refused(whole, part)
    assert line.startswith("candidate: 1 of 10 planned trials are not finished: a fixed-n test is not read early; ")
    assert f"splitclock resume {part}" in line
    (line,) = refused(part, whole)
    assert line.startswith("baseline: 1 of 10")
    (line,) = refused(whole, run("c", [*records[1:], records[0].model_copy(update={"verdict": Verdict.NOT_RUN})]))
    assert line.startswith("candidate: 1 of 9")
    (line,) = refused(whole, run("d", [], trials=[more]))
    assert line.startswith("candidate: 1 of 1")


def test_looks_are_taken_after_the_repeats_that_were_fixed(run: Write) -> None:
    """At an alpha of their own; what came since the last look is not looked at."""
    design = parse_policy(f"{RATE_OFF}[sequential]\nlooks = [2, 4]", "gate.toml")
    baseline = run("a", side(repeats=4))
    plan = [
        PlannedTrial(id=one.trial.id, model="fast", feature=one.trial.feature, repeat=one.trial.repeat)
        for one in other(repeats=4)
    ]
    growing = run("b", other(repeats=3), trials=plan)
    gate = gate_runs([baseline], [growing], design)
    assert gate.look is not None
    assert (gate.look.number, gate.look.of, gate.candidate.trials) == (1, 2, 18)
    assert 0 < gate.alpha == gate.look.alpha < 0.05
    last = gate_runs([baseline], [run("c", other(repeats=4), trials=plan)], design)
    assert last.look is not None
    assert (last.look.number, last.candidate.trials) == (2, 36)
    (line,) = refused(baseline, run("d", other(repeats=1), trials=plan), policy=design)
    assert line.startswith("candidate: 1 repeat finished, and [sequential] looks first after 2: ")


def test_shards_stand_for_a_run_together(run: Write) -> None:
    """One of them does not."""
    records = other()
    rows: list[dict[str, Any]] = [
        {"id": one.trial.id, "model": "fast", "feature": one.trial.feature, "repeat": 1} for one in records
    ]
    parts = [
        run(name, mine, elsewhere=[Elsewhere(**row, shard=2) for row in theirs], **_features())
        for name, mine, theirs in (("s1", records[:4], rows[4:]), ("s2", records[4:], rows[:4]))
    ]
    baseline = run("a", side(repeats=1))
    assert gate_runs([baseline], parts, Policy()).candidate.trials == 9
    (line,) = refused(baseline, parts[0])
    assert "is one shard of a run, and 5 trials of the others are not there" in line


def test_runs_of_one_side_are_pooled_and_trials_counted_once(run: Write) -> None:
    """Two runs of a matrix have the same ids, and are two repeats; a copy of one is refused."""
    again = run("a2", side(Pace(seed=2), repeats=1))
    baseline, candidate = run("a", side(repeats=1)), run("b", other())
    assert gate_runs([baseline, again], [candidate], Policy()).baseline.trials == 18
    for given in (([baseline, baseline], [candidate]), ([baseline, again], [again]), ([again, again], [again])):
        with pytest.raises(ConfigError, match="once more, or a copy of it"):
            gate_runs(*given, Policy())
    (line,) = refused(baseline, run("copied", side(repeats=1)))
    assert line.startswith("9 trials given twice, first fast-shop-f0-1 of ")


def test_a_run_compared_with_itself_does_not_fail_and_says_what_that_shows(run: Write) -> None:
    """Also where its trials scatter, and after a look; of two models in one run nothing is said, for these differ."""
    records = side(Pace(jitter=0.9), repeats=4)
    baseline = run("a", failed(records, "shop/f1", "shop/f4"))
    for policy in (Policy(), parse_policy("[sequential]\nlooks = [2, 8]", "gate.toml")):
        gate = gate_runs([baseline], [baseline], policy)
        assert gate.decision is not Decision.FAIL
        assert {one.effect.change for one in gate.criteria if one.effect is not None} == {0.0}
        assert "a run compared with itself shows only that the gate works" in gate.notes[0]
    two = run("two", [*side(repeats=1), *side(Pace(seed=2, decode=30.0), repeats=1, model="slow")])
    gate = gate_runs([two], [two], parse_policy(RATE_OFF, "gate.toml"), {"fast": "slow"})
    assert gate.decision is Decision.FAIL
    assert not any("itself" in note for note in gate.notes)


def test_only_the_latest_attempt_counts(run: Write) -> None:
    """What a provider broke at first, and was tried again."""
    records = other()
    broken = [one.model_copy(update={"verdict": Verdict.ERROR_PROVIDER}) for one in records]
    again = [one.model_copy(update={"attempt": 2}) for one in records]
    gate = gate_runs([run("a", side(repeats=1))], [run("b", [*broken, *again])], Policy())
    assert (gate.candidate.trials, gate.candidate.provider_errors) == (9, 0)


@pytest.mark.parametrize(
    ("verdict", "error", "code"),
    [(Verdict.ERROR_PROVIDER, ProviderError, 5), (Verdict.ERROR_INFRA, InfraError, 4)],
)
def test_broken_runs_end_with_the_code_of_who_broke_them(
    run: Write, verdict: Verdict, error: type[InfraError | ProviderError], code: int
) -> None:
    """One line, whatever else is wrong with them."""
    broken = [one.model_copy(update={"verdict": verdict, "error": "gone"}) for one in other(**same(cores="8"))]
    with pytest.raises(error) as caught:
        gate_runs([run("a", side(repeats=1))], [run("b", broken)], Policy())
    assert caught.value.exit_code == code
    assert "\n" not in str(caught.value)


def test_what_is_no_run(run: Write, tmp_path: Path) -> None:
    """One line with the next step."""
    with pytest.raises(ConfigError, match="no run lies here"):
        gate_runs([tmp_path / "none"], [run("b", other())], Policy())


def test_ten_thousand_trials_are_not_held(run: Write) -> None:
    """What is kept of a trial is small, and does not grow with what it did: records of forty calls hold megabytes."""
    small = _kept(run("few", other(repeats=10)))
    calls = trial(FEATURES[0]).calls * 40
    tools = trial(FEATURES[0]).tool_calls * 40
    large = _kept(run("long", other(repeats=10, calls=calls, tool_calls=tools)))
    assert large < 1.2 * small
    assert small / 90 * 10_000 < 60 * 2**20  # bytes


def _kept(folder: Path) -> int:
    """Bytes that a side holds once it is read, without what is there once however many trials there are."""
    read_side([folder])
    tracemalloc.start()
    try:
        held = read_side([folder])
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held.sample.counts(["fast"]).trials == 90
    return now


def test_processors_are_known_by_name() -> None:
    """As the kernel calls them: two machines of as many cores may be of different speed."""
    told = " ".join(Path("/proc/cpuinfo").read_text().split()) if Path("/proc/cpuinfo").exists() else ""
    assert cpu_model() in told
    assert bool(cpu_model()) == ("model name" in told)
