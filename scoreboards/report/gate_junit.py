"""A gate as JUnit XML: a test case for each criterion, in the form that CI servers share."""

import re
from xml.etree import ElementTree as ET

from harness.untrusted import plain
from scoreboards.gate.findings import Criterion, Decision, Gate
from scoreboards.report import gate_notes, gate_words
from scoreboards.report.gate_outcome import Outcome, settled
from scoreboards.report.gate_view import blame_lines

SUITE = "splitclock gate"
"""Name of the suite, and the beginning of each case's class name."""

_NO_CHARACTER = re.compile("[\ufffe\uffff\U0001fffe\U0001ffff]|[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def gate_junit(outcome: Outcome) -> str:
    """The report as text: valid XML 1.0 whatever names hold.

    A criterion that failed is a failure, what is not judged is skipped, as is what is inconclusive
    unless the policy takes it for something else;
    a gate that could not be decided is one case with an error.
    """
    suite = ET.Element("testsuite", name=SUITE)
    if outcome.gate is None:
        _broken(suite, outcome)
    else:
        for one in outcome.gate.criteria:
            _case(suite, outcome.gate, one, outcome)
        _say(suite, "\n".join((gate_words.headline(outcome.gate), *_told(outcome.gate, outcome))))
    for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{child}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    whole = ET.Element("testsuites", {name: suite.get(name, "0") for name in ("tests", "failures", "errors")})
    whole.set("name", SUITE)
    whole.append(suite)
    ET.indent(whole)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(whole, encoding="unicode")}\n'


def _case(suite: ET.Element, gate: Gate, one: Criterion, outcome: Outcome) -> None:
    case = ET.SubElement(suite, "testcase")
    case.set("classname", _xml(f"{SUITE}.{gate_words.model_of(gate, one.model)}"))
    case.set("name", gate_words.TITLES[one.metric])
    told = "\n".join(_details(one))
    message = _xml(gate_words.why(gate, one))
    kind = settled(one.decision, outcome.policy)
    if kind is Decision.FAIL:
        ET.SubElement(case, "failure", message=message, type=one.decision.value).text = _xml(told)
    elif kind in (Decision.INCONCLUSIVE, Decision.SKIPPED):
        ET.SubElement(case, "skipped", message=message)
        _say(case, told)
    else:
        _say(case, "\n".join((message, *filter(None, [told]))))


def _details(one: Criterion) -> list[str]:
    lines = list(blame_lines(one.blame)) if one.blame is not None else []
    lines += [f"would decide: {gate_words.decides(one)}"] if one.would_decide else []
    return lines + [f"{gate_words.show_command(seen)}  # {gate_words.sentence(seen.why)}" for seen in one.look_at]


def _told(gate: Gate, outcome: Outcome) -> tuple[str, ...]:
    return (*gate_notes.differences(gate), *gate_notes.notes(gate, outcome.policy))


def _broken(suite: ET.Element, outcome: Outcome) -> None:
    case = ET.SubElement(suite, "testcase", classname=SUITE, name="the gate could be decided")
    told = _xml("\n".join(outcome.errors))
    ET.SubElement(case, "error", message=gate_words.sentence(told), type=f"exit {outcome.exit_code}").text = told


def _say(parent: ET.Element, text: str) -> None:
    if text:
        ET.SubElement(parent, "system-out").text = _xml(text)


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 forbids, nor those that steer terminals."""
    return _NO_CHARACTER.sub("", plain(text))
