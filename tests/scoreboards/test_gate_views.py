"""What a gate prints: the answer first, the same figures in every view, names inert, and never more than fits."""

import io
import json
import re
from dataclasses import replace
from html import unescape
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from scoreboards.gate.findings import Decision, Gate, Look, Rule
from scoreboards.gate.policy import Metric, Policy
from scoreboards.report import gate_words
from scoreboards.report.gate_document import SCHEMA, json_schema, json_schema_text
from scoreboards.report.gate_github import MOST, SUMMARY_BYTES, annotations, command, summary
from scoreboards.report.gate_junit import gate_junit
from scoreboards.report.gate_machine import gate_json, gate_value
from scoreboards.report.gate_markdown import LIMIT, MARK, gate_markdown
from scoreboards.report.gate_outcome import Outcome, exit_code
from scoreboards.report.gate_view import gate_view
from scoreboards.statistics import Interval
from tests.scoreboards.gates import HOSTILE, blamed, criterion, failing, hostile, made, outcome

BROKEN = Outcome(
    gate=None,
    policy=Policy(),
    baseline=("runs/old",),
    candidate=("runs/new",),
    errors=("runs/new: 9 of 9 trials were ended by a provider",),
    exit_code=5,
)


def printed(gate: Gate, width: int, *, color: bool = False) -> str:
    """The view of a terminal so wide."""
    told = io.StringIO()
    console = Console(width=width, file=told, force_terminal=color, color_system="256" if color else None)
    for part in gate_view(gate, Policy(), width):
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    return told.getvalue()


@pytest.mark.parametrize("gate", [failing(), hostile()], ids=["plain", "hostile"])
@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_the_terminal_fits_and_answers_first(gate: Gate, width: int) -> None:
    """The verdict leads; every decision is a word; only commands are longer than a line, for they are to be copied."""
    shown = printed(gate, width)
    lines = shown.splitlines()
    assert lines[0].startswith("FAIL: agent wall +17 % (limit")
    assert all(cell_len(line) <= width for line in lines if "splitclock show" not in line)
    for metric in (*Metric, Rule.TAMPERED):
        assert gate_words.TITLES[metric] in shown
    assert len(re.findall(r"\bFAIL\b", shown)) == 3
    assert shown.count("inconclusive") == 1
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_wide_terminal_has_every_figure() -> None:
    """The row of a criterion that failed, as it stands."""
    (row,) = (line for line in printed(failing(), 160).splitlines() if line.startswith("tool time"))
    told = [cell for cell in re.split(r"\s{2,}", row.strip()) if cell]
    assert told == [
        "tool time",
        "FAIL",
        "+31 %",
        "+27 to +36 %",
        "+10 %",
        "+29 %",
        "41.2 s",
        "54.0 s",
        "0.031",
        "9",
    ]


def test_sections_follow_in_the_order_of_use() -> None:
    """The table, where a change comes from with what shows it, why, what would decide, what differs, the notes."""
    shown = printed(failing(), 120)
    places = [
        shown.index(words)
        for words in (
            "Criteria: fast",
            "Where it comes from: tool time",
            "tests +38 % in 7 of 9 features",
            "by work: test +38 % (91 % of it, in 7 of 9)",
            "splitclock show 'runs/new run' waitlist-12ab",
            "\nWhy\n",
            "what would decide: 4 more repeats",
            "\nWhat differs\n",
            "candidate: 23 of 27 scored trials solved",
            "a note of the judge's",
        )
    ]
    assert places == sorted(places)


def test_colours_are_only_beside_the_words() -> None:
    """Without them the text is the same."""
    shown = printed(failing(), 80, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == printed(failing(), 80)
    assert shown != printed(failing(), 80)


def test_two_models_are_told_apart() -> None:
    """A table of each, and the model's name wherever a criterion is named."""
    first, second = (criterion(Metric.AGENT_WALL, Decision.FAIL, model=name) for name in ("one", "new"))
    gate = made(first, second, pairs_of={"one": "one", "old": "new"})
    shown = printed(gate, 100)
    assert "Criteria: one\n" in re.sub(" +\n", "\n", shown)
    assert "Criteria: old -> new" in shown
    assert "agent wall of old -> new +31 % (limit +10 %)" in " ".join(shown.split())
    models = [(one["baseline_model"], one["model"]) for one in gate_value(outcome(gate))["criteria"]]
    assert models == [("one", "one"), ("old", "new")]


@pytest.mark.parametrize(
    ("decision", "inconclusive", "code"),
    [
        (Decision.PASS, "inconclusive", 0),
        (Decision.FAIL, "inconclusive", 1),
        (Decision.FAIL, "pass", 1),
        (Decision.INCONCLUSIVE, "inconclusive", 3),
        (Decision.INCONCLUSIVE, "pass", 0),
        (Decision.INCONCLUSIVE, "fail", 1),
    ],
)
def test_the_policy_says_what_is_made_of_the_undecided(decision: Decision, inconclusive: Any, code: int) -> None:
    """In the exit code, in JUnit and in annotations; the verdict itself stays what it is."""
    policy = Policy(inconclusive=inconclusive)
    found = outcome(made(criterion(Metric.TOOL, decision)), policy)
    assert found.gate is not None
    assert exit_code(found.gate, policy) == code == gate_value(found)["exit_code"]
    assert gate_value(found)["verdict"] == decision.value
    suite = ET.fromstring(gate_junit(found)).find("testsuite")  # noqa: S314 - our own text
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped")) == (str(int(code == 1)), str(int(code == 3)))
    assert annotations(found)[0].partition(" ")[0] == {0: "::notice", 1: "::error", 3: "::warning"}[code]


def test_the_headline_says_what_decides() -> None:
    """What failed and by how much; of what passed the pass rate and the wall; how much is undecided."""
    passed = made(criterion(Metric.PASS_RATE, Decision.PASS, change=0.0), criterion(Metric.AGENT_WALL, Decision.PASS))
    assert gate_words.headline(passed) == (
        "PASS: 2 criteria within limits: pass rate 0 points (limit -10 points), agent wall +1.0 % (limit +10 %)"
    )
    undecided = made(criterion(Metric.TOOL, Decision.INCONCLUSIVE, change=0.12), *passed.criteria)
    assert gate_words.headline(undecided) == ("INCONCLUSIVE: 1 of 3 criteria undecided: tool time +12 % (limit +10 %)")
    few = criterion(Metric.TOOL, Decision.INCONCLUSIVE, change=0.12)
    assert few.effect is not None
    alone = made(replace(few, effect=replace(few.effect, pairs=3, interval=None)))
    assert gate_words.headline(alone).endswith("(limit +10 %); 3 features to compare: too few for 1 of them")
    assert gate_words.change(Metric.COST, 1e300) == "+1.0e+302 %"  # and no line of three hundred digits
    many = made(*(criterion(metric, Decision.FAIL) for metric in Metric))
    assert gate_words.headline(many).endswith("and 5 more")
    lost = "must pass: 1 of 9 trials did not, of bookings/waitlist"
    assert gate_words.headline(made(criterion(Rule.MUST_PASS, Decision.FAIL, reason=lost))) == f"FAIL: {lost}"


def test_the_json_is_as_its_schema_says() -> None:
    """That of a verdict, of hostile names and of a gate that broke; the schema itself is sound."""
    schema = json.loads(json_schema_text())
    Draft202012Validator.check_schema(schema)
    look = replace(failing(), look=Look(number=1, of=3, alpha=0.02))
    for found in (outcome(failing()), outcome(hostile()), outcome(look), BROKEN):
        value = json.loads(gate_json(found))
        Draft202012Validator(schema).validate(value)
        assert value["schema"] == SCHEMA
    broken = {**json.loads(gate_json(BROKEN)), "verdict": "maybe"}
    assert [one.json_path for one in Draft202012Validator(schema).iter_errors(broken)] == ["$.verdict"]


def test_the_shipped_schema_is_of_this_form() -> None:
    """Every field of the document is in the file, as required as it is; else write `json_schema()` into it."""

    def fields(schema: dict[str, Any]) -> dict[str, Any]:
        parts = {"": schema, **schema["$defs"]}
        return {
            name: (list(one.get("properties", ())), one.get("required"), one.get("enum")) for name, one in parts.items()
        }

    assert fields(json.loads(json_schema_text())) == fields(json_schema())


def test_json_has_every_figure_and_knows_no_infinity() -> None:
    """Names and units of the form; what is not finite is unknown."""
    value = gate_value(outcome(failing()))
    tool = next(one for one in value["criteria"] if one["name"] == "tool")
    assert (tool["verdict"], tool["threshold"], tool["unit"], tool["pairs"], tool["p_adjusted"]) == (
        "fail",
        0.1,
        "s",
        9,
        0.031,
    )
    assert tool["estimate"] == 0.31
    assert tool["interval"] == {"low": 0.27, "high": pytest.approx(0.36)}
    assert tool["beside"]["estimate"] == pytest.approx(0.29)
    assert tool["blame"]["work"][0] == {"name": "test", "change": 0.38, "share": 0.91, "went": 7, "of": 9}
    assert tool["look_at"][0]["command"] == "splitclock show 'runs/new run' waitlist-12ab"
    assert value["policy"]["time"]["tool"] == 0.1
    assert value["policy"]["schema"] == 1
    cost = next(one for one in value["criteria"] if one["name"] == "cost")
    assert (cost["verdict"], cost["estimate"], cost["unit"]) == ("skipped", None, "USD")
    one = criterion(Metric.TOOL, Decision.INCONCLUSIVE)
    assert one.effect is not None
    wide = replace(one.effect, interval=Interval(low=-float("inf"), high=float("inf")), change=float("nan"))
    found = gate_value(outcome(made(replace(one, effect=wide))))["criteria"][0]
    assert (found["interval"], found["estimate"]) == (None, None)


def test_json_steers_nobody() -> None:
    """ASCII, one document, and nothing that GitHub's runner takes for a command in the middle of a line."""
    text = gate_json(outcome(hostile()))
    assert text.isascii()
    assert "##[" not in text
    assert not any(line.strip().startswith("::") for line in text.splitlines())
    assert json.loads(text)["models"] == [{"baseline": HOSTILE, "candidate": HOSTILE}]


def test_markdown_answers_first_and_folds_the_rest() -> None:
    """The mark by which a comment is found again, the verdict, the table, a sentence; then details, each closed."""
    lines = gate_markdown(outcome(failing())).splitlines()
    assert lines[0] == MARK
    assert lines[1].startswith("### FAIL: agent wall +17 % (limit +10 %), tool time +31 %")
    assert lines[3].startswith("| criterion | decision | change | 95 % interval |")
    assert lines[5].startswith("| agent wall | **FAIL** | +17 % | +13 to +22 % | +10 % | +15 % | 41.2 s |")
    first = lines.index("<details>")
    assert any(line.startswith("tool time: tests +38 % in 7 of 9 features") for line in lines[:first])
    assert lines.count("<details>") == lines.count("</details>") == 5
    assert "- `splitclock show 'runs/new run' waitlist-12ab`: the slowest of bookings/waitlist" in "\n".join(lines)


def test_markdown_takes_no_orders() -> None:
    """A name neither marks up, mentions, refers, folds, nor links; and no column is added."""
    text = gate_markdown(outcome(hostile()))
    lines = text.splitlines()
    outside = "\n".join(line for line in lines if not line.startswith(("- `splitclock show", MARK, "<")))
    for one in "`*<>|[]$~&":
        assert not re.search(
            rf"(?<!\\){re.escape(one)}", re.sub(r"^\|.*\|$|\*\*FAIL\*\*", "", outside, flags=re.MULTILINE)
        )
    assert not re.search(r"@\w|#\d|://", outside)
    assert lines.count("<details>") == lines.count("</details>")
    rows = [re.sub(r"\\.", "", line).count("|") for line in lines if line.startswith("|")]
    assert set(rows) == {11}
    for line in lines:
        if line.startswith("- `splitclock show"):
            assert line.count("`") - line.count("\\`") == 2


def test_a_reader_of_markdown_sees_only_our_own_markup() -> None:
    """By a parser: the elements are ours, each table has its columns, and the names are text, whole."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    two = replace(hostile(), pairs_of={HOSTILE: HOSTILE, "other": "other"})  # then names stand in headings too
    tokens = parser.parse(gate_markdown(outcome(two)))
    inner = [one for token in tokens for one in token.children or ()]
    html = "".join(one.content for one in (*tokens, *inner) if one.type.startswith("html"))
    assert set(re.findall(r"<[^>]*>", html)) == {MARK, "<details>", "</details>", "<summary>", "</summary>"}
    assert {one.type for one in inner} <= {
        "text",
        "text_special",
        "softbreak",
        "code_inline",
        "strong_open",
        "strong_close",
    }
    assert sum(one.type == "strong_open" for one in inner) == 2
    assert {one.content.partition(" show ")[0] for one in inner if one.type == "code_inline"} == {"splitclock"}
    title = str(re.search(r"<summary>(.*)</summary>", html)[1])  # type: ignore[index]  # there is one
    assert "</details>$x$" in unescape(title)
    assert "$" not in title
    cells = [one.type for one in tokens]
    assert cells.count("td_open") == 10 * (cells.count("tr_open") - 1)


@pytest.mark.parametrize("limit", [700, 1500, 4000, LIMIT])
def test_markdown_never_exceeds_the_comment(limit: int) -> None:
    """Hundreds of models: cut at a line, what is folded closed, and it is said."""
    names = {f"model-{number:03}-{'é' * 50}": f"model-{number:03}-{'é' * 50}" for number in range(150)}
    each = failing().criteria
    gate = made(*(replace(one, model=name) for name in names for one in each), pairs_of=names)
    text = gate_markdown(outcome(gate), limit)
    assert len(text.encode()) <= limit
    assert len(text.encode()) > 0.5 * min(limit, LIMIT)
    assert text.splitlines()[1].startswith("### FAIL: ")
    assert "Cut at the length of a comment" in text.splitlines()[-1]
    assert text.splitlines().count("<details>") == text.splitlines().count("</details>")
    assert "Cut at" not in gate_markdown(outcome(failing()))


CHILDREN: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors", "disabled"}, set()),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"},
        {"name", "tests", "failures", "errors"},
    ),
    "testcase": (
        {"skipped", "error", "failure", "properties", "system-out", "system-err"},
        {"name", "classname", "time", "group"},
        {"name"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
"""The form that CI servers read as JUnit 10: children, attributes, and those that must be there."""


def suite_of(found: Outcome) -> ET.Element:
    """The suite of a report, every element of which is as the form allows."""
    whole = ET.fromstring(gate_junit(found).encode())  # noqa: S314 - our own text
    assert whole.tag == "testsuites"
    for element in whole.iter():
        children, attributes, needed = CHILDREN[element.tag]
        assert {child.tag for child in element} <= children
        assert needed <= set(element.keys()) <= attributes
    (suite,) = whole
    return suite


def test_junit_is_a_case_for_each_criterion() -> None:
    """A failure with where it comes from, what is undecided or not judged skipped, and counts that add up."""
    suite = suite_of(outcome(failing()))
    cases = suite.findall("testcase")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["9", "2", "0", "2"]
    assert {case.get("classname") for case in cases} == {"splitclock gate.fast"}
    failure = next(case for case in cases if case.get("name") == "tool time").find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("the interval is wholly beyond")
    assert "tests +38 % in 7 of 9 features" in str(failure.text)
    assert "splitclock show 'runs/new run' waitlist-12ab" in str(failure.text)


def test_junit_is_xml_whatever_names_hold() -> None:
    """Control characters, line ends and non-characters of names leave it well-formed, and names readable."""
    every = "".join(map(chr, range(32))) + "\x7f\x85\ud800\ufffe\uffff\U0001fffe<&>\"']]>é"
    gate = failing(every)
    named = replace(gate, criteria=tuple(replace(one, model=every, reason=every) for one in gate.criteria))
    for found in (outcome(hostile()), outcome(replace(named, pairs_of={every: every}))):
        assert len(suite_of(found)) >= 9
    assert "<&>\"']]>é" in str(suite_of(outcome(replace(named, pairs_of={every: every})))[0].get("classname"))


def test_what_could_not_be_decided_is_told_to_machines() -> None:
    """In every form: an error with its reason, and the exit code."""
    suite = suite_of(BROKEN)
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert "9 of 9 trials were ended by a provider" in str(suite.findtext("testcase/error"))
    value = gate_value(BROKEN)
    assert (value["verdict"], value["exit_code"], value["criteria"]) == ("error", 5, [])
    assert value["baseline"]["trials"] is None
    assert value["errors"] == list(BROKEN.errors)
    assert "### ERROR" in gate_markdown(BROKEN)
    assert annotations(BROKEN) == ("::error title=Splitclock gate::runs/new: 9 of 9 trials were ended by a provider",)


def test_an_annotation_is_one_line_of_one_command() -> None:
    """Properties and messages are escaped as GitHub's toolkit does."""
    assert command("error", "a:b,c%d\n", "e:f,g%h\r\ni") == "::error title=a%3Ab%2Cc%25d%0A::e:f,g%25h%0D%0Ai"
    for line in annotations(outcome(hostile())):
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,\r\n]*::[^\r\n]*", line)
        assert "%" not in re.sub("%(25|0D|0A|3A|2C)", "", line)


def test_no_more_annotations_than_github_shows() -> None:
    """Ten of a kind at most, the last of which counts the rest; a pass is one notice."""
    criteria = [criterion(Metric.TOOL, Decision.FAIL, model=f"m{number}") for number in range(25)]
    lines = annotations(outcome(made(*criteria, pairs_of={f"m{number}": f"m{number}" for number in range(25)})))
    assert len(lines) == MOST
    assert lines[-1].endswith("and 16 more: the job's summary has them all")
    assert len(annotations(outcome(made(criterion(Metric.TOOL, Decision.PASS))))) == 1


def test_the_summary_stays_within_its_limit() -> None:
    """What other commands of the step wrote counts; without room nothing is written."""
    found = outcome(failing())
    whole = summary(found, 0)
    assert whole == gate_markdown(found)
    assert len(summary(found, SUMMARY_BYTES - 2000).encode()) <= 2000
    assert summary(found, SUMMARY_BYTES) == ""


def test_a_long_list_of_features_is_shortened() -> None:
    """Three parts are told, and how many more there are."""
    (one,) = (one for one in failing().criteria if one.metric is Metric.TOOL)
    assert one.blame is not None
    assert blamed()["blame"] == one.blame
    assert gate_words.parts(one.blame.features).endswith(", and 1 more")
