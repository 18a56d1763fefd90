"""Whether a command that ran again said the same: what differs by nature is masked, everything else counts.

By nature differ durations, dates and clock times, addresses in memory, process numbers, temporary names, ports that the
system picked, random seeds, the hashes of commits just made, and the order of lines. What passed, what failed, how much
and with which words does not.
"""

import re
from collections import Counter
from collections.abc import Sequence

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?"
_UNIT = r"(?:ns|[uµμ]s|ms|msecs?|milliseconds?|s|secs?|seconds?|mins?|minutes?|hours?)"
_ISO = rf"\b\d{{4}}[-/]\d{{2}}[-/]\d{{2}}(?:[T ,]{{1,2}}{_CLOCK})?(?: ?(?:Z|UTC|GMT|[+-]\d{{2}}:?\d{{2}}))?\b"
_DATE = (
    rf"(?:\b{_DAY},? +)?\b(?:{_MONTH} +\d{{1,2}}\b|\d{{1,2}} {_MONTH}(?=,? \d{{4}}\b)),?(?: +\d{{4}}\b)?(?: +{_CLOCK})?"
    r"(?: +[AP]M)?(?: +(?:[A-Z]{3,4}|[+-]\d{4}))?(?: +\d{4}\b)?"
)
_COMMITS = (
    r"(?<=\bcommit )[0-9a-f]{7,40}\b",
    r"^[0-9a-f]{7,40}(?= [^ ])",
    r"(?<=^\[)\S+(?: \(root-commit\))? [0-9a-f]{7,40}(?=\])",
)

MASKS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (name, re.compile(pattern, re.MULTILINE))
    for name, pattern in (
        ("address", r"\b0x[0-9a-fA-F]{4,}\b"),
        ("uuid", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
        ("time", _ISO),
        ("time", _DATE),
        ("time", rf"(?<![\w.:/-]){_CLOCK}(?![\w:])"),
        ("time", r"(?<![\w.])1\d{9}(?:\.\d+|\d{3}|\d{6}|\d{9})?(?![\w.])"),
        ("duration", r"(?<![\w.])(?:\d+h ?)?\d+m ?\d+(?:[.,]\d+)?s\b"),
        ("duration", rf"(?<![\w.])\d+(?:[.,]\d+)?(?:e-\d+)? ?{_UNIT}\b(?: \(<time>\))?"),
        (
            "duration",
            r"(?i)\b(?:duration_ms|(?:duration|elapsed|time)(?:_\w+)?[\"']?\s*[:=])\s*\d+(?:\.\d+)?(?:e-\d+)?\b",
        ),
        ("process", r"(?i)\bp?pid\b[\s:=#(]*\d+|\bprocess (?:id )?\d{2,}\b"),
        ("process", r"^\[\d+\][ +-]*\d+"),
        ("name", r"\btmp[a-z0-9_]{6,10}\b|\btmp\.[A-Za-z0-9]{6,12}\b|pytest-of-\w+/pytest-\d+"),
        ("port", r"(?<=:)(?:3[2-9]|[4-6]\d)\d{3}\b|(?<=port )\d{4,5}\b"),
        ("seed", r"(?i)\bseed[\"']?[ =:]+\d+"),
        ("commit", "|".join(_COMMITS)),
        ("rule", r"[=_-]{3,}"),  # as long as the duration between two of them leaves room for
    )
)
_CUT = re.compile(r"^.*\n?\[\.\.\. .* \.\.\.\]\n?.*$", re.MULTILINE)
_SHOWN = 120


def masked(text: str, workspace: str = "") -> str:
    """The text with what differs by nature replaced by what it is, and its workspace by a word."""
    if workspace:
        text = text.replace(workspace, "<workspace>")
    text = _CUT.sub("<cut>", text)  # with the lines beside it, for where it falls depends on what comes before
    for name, pattern in MASKS:
        text = pattern.sub(f"<{name}>", text)
    return text


def difference(then: str, now: str) -> str:
    """The first line of two masked outputs that only one of them has, in words; "" where they say the same."""
    old, new = Counter(then.splitlines()), Counter(now.splitlines())
    for had, has in ((old, new), (new, old)):
        for line in had:
            if had[line] > has[line]:
                said = "said" if had is old else "says"
                other = "does not now" if had is old else "did not then"
                return f"it {said} {line.strip()[:_SHOWN]!r}, and {other}"
    return ""
