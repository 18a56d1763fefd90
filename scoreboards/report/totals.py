"""The exact partition of one trial as sums that add up as they are shown."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from harness.clock import SUB_PHASES, Phase
from harness.record import Record


def totals(record: Record, width: int) -> Iterable[Text]:
    """The partition in milliseconds, rounded so that what is shown sums to what is shown."""
    wall_ms = round(record.wall_ns / 1e6)
    parts = _divided({phase: record.phases[phase] for phase in Phase}, wall_ms)
    yield _sum(f"{_ms(wall_ms)} s", parts, width)
    for phase in _DIVIDED:
        below = _divided(_subs(record, phase), parts[phase])
        if sum(below.values()) and (len(below) > 1 or phase is Phase.WAIT):
            yield _sum(f"  {_PHASES.get(phase, phase)} {_ms(parts[phase])}", below, width)


def _sum(whole: str, parts: Mapping[str, int], width: int) -> Text:
    shown = [f"{_PHASES.get(name, name).replace('_', ' ')} {_ms(ms)}" for name, ms in parts.items() if ms]
    first, *more = shown or ["nothing"]
    return flowing(map(Text, (f"{whole} = {first}", *(f"+ {entry}" for entry in more))), " ", width)


_DIVIDED = (Phase.SETUP, Phase.MODEL, Phase.TOOL, Phase.WAIT, Phase.GRADE)
_PHASES: Mapping[str, str] = {Phase.SETUP: "set-up", Phase.GRADE: "grading", "slot": "queue"}


def _subs(record: Record, phase: Phase) -> dict[str, int]:
    """The sub-phases that took time, in nanoseconds, in the order in which they happen."""
    known = {
        name.partition(".")[2]: ns
        for name, ns in record.sub_phases.items()
        if name.partition(".")[0] == phase and ns > 0
    }
    order = SUB_PHASES[phase]
    if phase is Phase.MODEL:
        order = tuple(reversed(order))
    return {sub: known[sub] for sub in sorted(known, key=lambda sub: order.index(sub) if sub in order else len(order))}


def _divided(lengths: Mapping[str, int], whole: int) -> dict[str, int]:
    """`whole` divided as the lengths are, in integers, by largest remainder."""
    total = max(1, sum(lengths.values()))
    parts = {name: length * whole // total for name, length in lengths.items()}
    by_remainder = sorted(lengths, key=lambda name: lengths[name] * whole % total, reverse=True)
    for name in by_remainder[: whole - sum(parts.values())]:
        parts[name] += 1
    return parts


def _ms(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def flowing(entries: Iterable[Text], joint: str, width: int) -> Text:
    """Entries one after the other, in as many lines as they need: a line breaks between two of them only."""
    text, cells = Text(), 0
    for entry in entries:
        more = len(joint) + entry.cell_len
        if cells and cells + more > width:
            text.append("\n  ")
            cells = 2 - len(joint)
        elif cells:
            text.append(joint, "dim")
        cells += more
        text.append_text(entry)
    return text
