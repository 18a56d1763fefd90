"""`splitclock gate` on run folders: what it exits with, what it prints, what it writes, and what it refuses."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.cli import main
from harness.errors import ConfigError
from harness.gate_file import read_pairs, read_policy
from harness.journal import Journal
from harness.record import Record, Verdict
from harness.run_folder import RunFolder
from harness.run_plan import PlannedTrial, RunPlan
from scoreboards.gate.policy import Difference, Policy
from scoreboards.report.gate_settings import WORDS, plain_value, settings_of
from tests.scoreboards.gate.trials import Pace, side

EXAMPLE = Path(__file__).parents[2] / "examples" / "gate.toml"


def written(folder: Path, records: Iterable[Record], planned: Iterable[Record] = ()) -> Path:
    """A run folder with these trials, and a plan of them or of others."""
    known = list(records)
    with Journal.create(folder) as journal:
        for one in known:
            journal.append_record(one)
    trials = tuple(
        PlannedTrial(id=one.trial.id, model=one.trial.model, feature=one.trial.feature, repeat=one.trial.repeat)
        for one in (list(planned) or known)
    )
    plan = RunPlan(trials=trials, models={one.model: {"model": one.model} for one in trials}, limits={"wall_s": 900})
    plan = plan.model_copy(update={"features": {one.feature: {"target": "a"} for one in trials}})
    RunFolder(root=folder).plan.write_text(json.dumps(plan.document()))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, the same again, slower tests, tests that may be slower, and broken runs."""
    root = tmp_path_factory.mktemp("runs")
    (root / "likely.toml").write_text("[pass_rate]\nmargin = 0.4\n")  # nine features that all pass show no less
    written(root / "base", side(Pace(seed=1)))
    written(root / "again", side(Pace(seed=2)))
    written(root / "slower", side(Pace(seed=3, test=30.0)))
    written(root / "unclear", side(Pace(seed=4, jitter=0.9, test=22.0)))
    written(root / "renamed", side(Pace(seed=5), model="fast-2"))
    for verdict in (Verdict.ERROR_INFRA, Verdict.ERROR_PROVIDER):
        written(root / str(verdict).replace(":", "-"), [one.model_copy(update={"verdict": verdict}) for one in side()])
    written(root / "unfinished", side()[:20], planned=side())
    return root


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str


Gate = Callable[..., Ran]


@pytest.fixture
def gate(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The command in the folder of the runs, 80 columns wide; variables of the environment go by name."""
    monkeypatch.chdir(runs)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*arguments: str, command: str = "gate", **environment: str) -> Ran:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            main([command, *arguments])
        told = capsys.readouterr()
        return Ran(code=int(left.value.code or 0), out=told.out, err=told.err)

    return run


def against(candidate: str, *more: str) -> tuple[str, ...]:
    """The arguments that compare a run with the baseline."""
    policy = () if "--policy" in more else ("--policy", "likely.toml")
    return ("--baseline", "base", "--candidate", candidate, *policy, *more)


@pytest.mark.parametrize(
    ("candidate", "code", "said"),
    [
        ("again", 0, r"PASS: \d+ criteria within limits: pass rate 0 points"),
        ("slower", 1, r"FAIL: agent wall \+\d+ % \(limit \+10 %\), tool time \+\d+ % \(limit \+10 %\)"),
        ("unclear", 3, r"INCONCLUSIVE: \d of \d+ criteria undecided: .*"),
    ],
)
def test_three_verdicts_have_three_exit_codes(gate: Gate, candidate: str, code: int, said: str) -> None:
    """And the first line says which, and on what it rests; the JSON says the same."""
    found = gate(*against(candidate))
    assert (found.code, found.err) == (code, "")
    assert re.match(said, " ".join(found.out.split()))
    as_json = gate(*against(candidate, "--json"))
    assert as_json.code == code == json.loads(as_json.out)["exit_code"]


def test_a_slower_suite_is_blamed_with_the_trials_that_show_it(gate: Gate) -> None:
    """The class of work is named, and the command beside it finds its trial."""
    value = json.loads(gate(*against("slower", "--json")).out)
    (tool,) = (one for one in value["criteria"] if one["name"] == "tool")
    assert tool["verdict"] == "fail"
    assert tool["blame"]["work"][0]["name"] == "test"
    assert "test" in tool["blame"]["words"]
    command = tool["look_at"][0]["command"].split()
    assert command[:3] == ["splitclock", "show", "slower"]
    shown = gate(*command[2:], "--json", command="show")
    assert (shown.code, shown.err) == (0, "")
    (model,) = (one for one in value["criteria"] if one["name"] == "model")
    assert model["verdict"] == "pass"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (against("error-infra"), 4, "candidate: 27 of 27 trials (100 %) ended in errors"),
        (against("error-provider"), 5, "candidate: 27 of 27 trials (100 %) ended in errors"),
        (against("unfinished"), 2, "candidate: 7 of 27 planned trials are not finished"),
        (against("renamed"), 2, "no model is in both"),
        (against("nowhere"), 2, "nowhere: no run lies here"),
        (against("again", "--model", "nobody"), 2, "no model `nobody`"),
        (against("again", "--policy", "none.toml"), 2, "none.toml: no such file"),
        (("--baseline", "base"), 2, "--candidate RUN: missing"),
        (against("again", "--json", "--markdown", "-"), 2, "--json and --markdown -: only one"),
        (("--power",), 2, "--power: looks at a baseline alone"),
        (against("again", "--see", "tool=20%"), 2, "--see: is of --power"),
        (("--baseline", "base", "--power", "--see", "tools=20%"), 2, "--see tools=20%: give METRIC=20%"),
        (("--baseline", "base", "--power", "--model", "slow"), 2, "no model `slow` in the baseline; known: fast"),
    ],
)
def test_what_cannot_be_judged_says_why_in_a_line(gate: Gate, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Nothing is printed as a result, and the exit code tells whose fault it is."""
    found = gate(*arguments)
    assert (found.code, found.out) == (code, "")
    assert found.err.startswith("splitclock: ")
    assert said in found.err
    assert all(line.startswith("splitclock: ") for line in found.err.splitlines())


def test_machines_are_told_of_broken_runs_too(gate: Gate, tmp_path: Path) -> None:
    """JSON, comment, JUnit, summary and annotation of a gate that could not be decided."""
    comment, junit, summary = (tmp_path / name for name in ("c.md", "j.xml", "s.md"))
    more = ("--json", "--markdown", str(comment), "--junit", str(junit), "--github")
    found = gate(*against("error-provider", *more), GITHUB_STEP_SUMMARY=str(summary))
    assert found.code == 5
    value = json.loads(found.out)
    assert (value["verdict"], value["exit_code"], len(value["errors"])) == ("error", 5, 1)
    assert "### ERROR" in comment.read_text()
    assert "### ERROR" in summary.read_text()
    assert ET.parse(junit).find("testsuite/testcase/error") is not None  # noqa: S314 - our own text
    assert "::error title=Splitclock gate::candidate: 27 of 27 trials" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--baseline", "base", "--candidate", "again", "--policy", "none.toml"), "none.toml: no such file"),
        (("--baseline", "main", "--store", "empty", "--candidate", "again"), "main: no baseline of that name"),
        (("--baseline", "base"), "--candidate RUN: missing"),
        (("--baseline", "base", "--candidate", "void"), "void: neither is a run nor holds one"),
    ],
)
def test_machines_are_told_of_what_could_not_be_read(
    gate: Gate, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """A policy that is not there, a baseline that nobody has made yet, an option that was forgotten."""
    comment, junit = tmp_path / "c.md", tmp_path / "j.xml"
    Path("void").mkdir(exist_ok=True)  # where the runs are
    found = gate(*arguments, "--json", "--markdown", str(comment), "--junit", str(junit))
    value = json.loads(found.out)
    assert (found.code, value["verdict"], value["exit_code"]) == (2, "error", 2)
    assert said in value["errors"][0]
    assert said in comment.read_text()
    assert ET.parse(junit).find("testsuite/testcase/error") is not None  # noqa: S314 - our own text


def test_a_name_in_an_error_is_no_command_to_a_runner(gate: Gate, tmp_path: Path) -> None:
    """GitHub's looks for the old form in the middle of a line too."""
    written(tmp_path / "odd", side(model="##[add-mask]fast"))
    found = gate(*against(str(tmp_path / "odd"), "--github"))
    assert (found.code, "## [add-mask]fast" in found.err, "##[" in found.err) == (2, True, False)


def test_what_no_matrix_can_see_is_said_with_what_would_help(gate: Gate) -> None:
    """A change within the limit is no fail on any number of features; a rate has no more than it has."""
    shown = " ".join(gate("--baseline", "base", "--power", "--see", "tool=5%").out.split())
    assert "tool time +5.0 %: is within the limit of +10 %, and no fail; lower that in the policy" in shown
    found = gate("--baseline", "base", "--power", "--see", "pass_rate=400%")
    assert (found.code, "drops by 100% at most" in found.err) == (2, True)


def test_every_output_at_once(gate: Gate, tmp_path: Path) -> None:
    """Files are written whole; a job's summary is appended to; annotations follow the view, which holds no command."""
    comment, junit, summary = (tmp_path / name for name in ("c.md", "j.xml", "s.md"))
    summary.write_text("# before\n")
    more = ("--markdown", str(comment), "--junit", str(junit), "--github")
    found = gate(*against("slower", *more), GITHUB_STEP_SUMMARY=str(summary))
    assert found.code == 1
    assert summary.read_text() == "# before\n" + comment.read_text()
    suite = ET.parse(junit).find("testsuite")  # noqa: S314 - our own text
    assert suite is not None
    assert int(str(suite.get("failures"))) >= 2
    lines = found.out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert len(token) == 32
    assert lines[1].startswith("FAIL: ")
    assert [line.partition(" ")[0] for line in lines[end + 1 :]][:2] == ["::error", "::error"]


def test_without_a_jobs_summary_that_is_said(gate: Gate) -> None:
    """And the verdict stands."""
    found = gate(*against("again", "--github"))
    assert found.code == 0
    assert "GITHUB_STEP_SUMMARY is not set" in found.err
    assert "::notice title=Splitclock gate::PASS" in found.out


def test_markdown_on_standard_output(gate: Gate) -> None:
    """Instead of the view."""
    found = gate(*against("slower", "--markdown", "-"))
    assert found.out.startswith("<!-- splitclock gate -->\n### FAIL: ")
    assert found.out.count("FAIL: ") == 1


def test_a_policy_and_the_command_line_decide(gate: Gate, tmp_path: Path) -> None:
    """Limits of the file, what is made of the undecided, and a model whose name changed."""
    policy = tmp_path / "gate.toml"
    policy.write_text("[pass_rate]\nmargin = 0.4\n[time]\nagent_wall = 1\ntool = 1\n")
    assert gate(*against("slower", "--policy", str(policy))).code == 0
    policy.write_text('inconclusive = "fail"\n')
    assert gate(*against("unclear", "--policy", str(policy))).code == 1
    renamed = gate(*against("renamed", "--model", "fast=fast-2"))
    assert renamed.code == 0
    assert "Criteria: fast -> fast-2" in renamed.out
    for setting in ('"0.1"', "true", "nan", "-0.1", '"of"'):
        policy.write_text(f"[time]\ntool = {setting}\n")
        found = gate(*against("again", "--policy", str(policy)))
        assert (found.code, len(found.err.splitlines())) == (2, 1)
        assert re.search(r"time\.tool: .* is not allowed: input should be .*, or \"off\"", found.err)
    policy.write_text("[time]\ntools = 1\n")
    found = gate(*against("again", "--policy", str(policy)))
    assert (found.code, "time.tools: no such setting" in found.err) == (2, True)


def test_differences_are_refused_until_they_are_allowed(gate: Gate, tmp_path: Path) -> None:
    """A machine with more memory, by the name that the refusal gives."""
    more = {"provenance": {**side()[0].provenance, "sandbox.memory_bytes": str(64 * 2**30)}}
    written(tmp_path / "larger", side(Pace(seed=2, more=more)))
    refused = gate(*against(str(tmp_path / "larger")))
    assert refused.code == 2
    assert "baseline and candidate differ in host" in refused.err
    allowed = gate(*against(str(tmp_path / "larger"), "--allow", "host"))
    assert allowed.code == 0
    assert "What differs\n  host: " in allowed.out


def test_a_look_that_was_planned_is_told(gate: Gate, tmp_path: Path) -> None:
    """An unfinished candidate is judged after two repeats, at the alpha of that look, where the policy plans it."""
    policy = tmp_path / "gate.toml"
    policy.write_text("[sequential]\nlooks = [2, 3]\n")
    found = gate(*against("unfinished", "--policy", str(policy), "--json"))
    value = json.loads(found.out)
    assert value["verdict"] in {"pass", "inconclusive"}
    assert (value["look"]["number"], value["look"]["of"]) == (1, 2)
    assert 0 < value["look"]["alpha"] == value["alpha"] < 0.05
    assert any(line.startswith("Look 1 of 2") for line in value["notes"])
    assert value["candidate"]["trials"] == 18


def test_the_schema_is_printed(gate: Gate) -> None:
    """As it is shipped, for a validator."""
    found = gate("--print-schema")
    assert json.loads(found.out)["title"] == "Verdict of splitclock gate"


def test_the_example_holds_every_default() -> None:
    """A copy of examples/gate.toml changes nothing, and names every setting there is."""
    assert read_policy(EXAMPLE).model_dump() == Policy().model_dump()
    assert read_policy(EXAMPLE).spend.model_fields_set == set()  # named, what is unknown would be undecided
    named = set(re.findall(r"^(?:# )?(\w+) = ", EXAMPLE.read_text(), re.MULTILINE))
    assert named == {path.rpartition(".")[2] for path in WORDS}


def test_the_reference_has_every_setting() -> None:
    """With the default that it has."""
    page = (EXAMPLE.parents[1] / "docs" / "reference" / "files.md").read_text()
    for one in settings_of(Policy()):
        value = "none" if one.value is None else json.dumps(plain_value(one.value))
        assert f"| `{one.path}` | `{value}` | {one.unit} | {one.words} |" in page


def test_every_setting_is_explained(gate: Gate, tmp_path: Path) -> None:
    """With its value, its unit, and whether it is the default."""

    def leaves(model: type, before: str = "") -> set[str]:
        found: set[str] = set()
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]  # pydantic's
            path = f"{before}{field.alias or name}"
            inner = [
                one
                for one in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if hasattr(one, "model_fields")
            ]
            found |= leaves(inner[0], f"{path}.") if inner else {path}
        return found

    assert leaves(Policy) == set(WORDS)
    policy = tmp_path / "gate.toml"
    policy.write_text("alpha = 0.1\n[time]\ntool = 0.5\n")
    value = json.loads(gate("--explain-policy", "--policy", str(policy), "--json").out)
    told = {one["path"]: (one["value"], one["default"]) for one in value["settings"]}
    assert set(told) == set(WORDS)
    assert (told["alpha"], told["time.tool"], told["time.model"]) == ((0.1, False), (0.5, False), (0.1, True))
    assert all(one["unit"] and one["words"].endswith(".") for one in value["settings"])
    assert value["follows"] == {"of": "one model", "tests": 8, "least_pairs": 8, "pairs": None}
    shown = gate("--explain-policy", "--policy", str(policy)).out
    assert "tool = 0.5  (share of the baseline; set)" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "these runs have 9" in " ".join(gate(*against("again", "--explain-policy")).out.split())


def test_power_is_told_from_the_baseline_alone(gate: Gate, tmp_path: Path) -> None:
    """The chance rises with the change, and the smallest change seen is past the limit."""
    policy = tmp_path / "gate.toml"
    off = "\n".join(f'{name} = "off"' for name in ("agent_wall", "model", "wait", "harness"))
    policy.write_text(f'[pass_rate]\nmargin = "off"\n[spend]\ncost = "off"\noutput_tokens = "off"\n[time]\n{off}\n')
    asked = ("--baseline", "base", "--power", "--policy", str(policy), "--see", "tool=30%")
    found = gate(*asked, "--json")
    assert (found.code, found.err) == (0, "")
    (model,) = json.loads(found.out)["models"]
    (tool,) = (one for one in model["criteria"] if one["name"] == "tool")
    powers = [one["power"] for one in tool["chances"]]
    assert powers == sorted(powers)
    assert tool["smallest_seen"] > 0.1
    assert model["wanted"] == [{"name": "tool", "change": 0.3, "repeats": model["wanted"][0]["repeats"]}]
    shown = gate(*asked).out
    assert "What is seen: fast, 9 features x 3 repeats" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_more_is_allowed_than_the_file_says() -> None:
    """Each kind once."""
    policy = read_policy(None, [Difference.HOST, Difference.MODEL, Difference.HOST])
    assert policy.comparable.allow == (*Policy().comparable.allow, Difference.HOST)
    assert read_policy(None) == Policy()


@pytest.mark.parametrize("models", [["=b"], ["a="], ["a", "a=b"]])
def test_pairs_of_models_are_named_once(models: list[str]) -> None:
    """NAME, or BASELINE=CANDIDATE."""
    assert read_pairs([]) is None
    assert read_pairs(["a", "b=c"]) == {"a": "a", "b": "c"}
    with pytest.raises(ConfigError, match="--model"):
        read_pairs(models)
