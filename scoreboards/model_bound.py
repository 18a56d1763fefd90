"""What bounds a model's agent wall: the largest part of it that a reader can act on, in words. Pure."""

from collections.abc import Mapping

from harness.clock import Phase
from harness.untrusted import one_line
from scoreboards import words
from scoreboards.board import Board, Figures
from scoreboards.calls import PROVIDER_WAIT_KEYS
from scoreboards.speedup import pick_pair

MOST_MODELS = 3
"""Where no two models compare, so many are told of."""


def bound_sentence(board: Board) -> str:
    """What takes most of the faster and of the slower model's time, or of the first few's; "" where nobody worked."""
    pair = pick_pair(board)
    rows = board.models[:MOST_MODELS] if pair is None else [board.figures(model) for model in reversed(pair)]
    found = {row.model: part for row in rows if (part := bound_by(row)) is not None}
    said = [
        f"{_name(model)} {'is bound ' * (not at)}by {name}, {words.percent(portion)}{' of its agent wall' * (not at)}"
        for at, (model, (name, portion)) in enumerate(found.items())
    ]
    return f"Over all scored trials {'; '.join(said)}." if said else ""


def bound_by(row: Figures) -> tuple[str, float] | None:
    """The part with the largest share of a model's agent wall, and that share; None where nothing was scored."""
    wall = row.times.agent_wall_total_ns
    parts = wall_parts(row)
    if not wall or not parts:
        return None
    name = max(parts, key=lambda name: (parts[name], name))
    return name, parts[name] / wall


def wall_parts(row: Figures) -> dict[str, int]:
    """Agent wall of the scored trials in nanoseconds by what can be acted on; processes of tools by class of work."""
    inside, phases = row.times.inside, row.times.phases
    if inside is None or phases is None:
        return {}
    known = {key: ns or 0 for key, ns in inside.sums.items()}
    first = known.get("model.first_token", 0) + known.get("model.connect", 0)
    transport = known.get("tool.transport", 0)
    parts = {
        "decoding": phases[Phase.MODEL] - first,
        "first tokens": first,
        "the sandbox's transport": transport,
        "the harness itself": phases[Phase.HARNESS],
        "waiting for the provider": sum(known.get(key, 0) for key in PROVIDER_WAIT_KEYS),
    }
    parts |= {f"tools ({one_line(work, 40)})": ns for work, ns in _by_work(row, phases[Phase.TOOL] - transport).items()}
    return {name: ns for name, ns in parts.items() if ns > 0}


def _by_work(row: Figures, processes_ns: int) -> Mapping[str, int]:
    """The time of processes, divided as the calls' own times are; of records that tell no class it is "other"."""
    own = {group.name or "other": group.exec_ns for group in row.tools.by_class}
    whole = sum(own.values())
    if not whole:
        return {"other": processes_ns}
    return {name: ns * processes_ns // whole for name, ns in own.items()}


def _name(text: str) -> str:
    return "`" + one_line(text, 80).replace("`", "'") + "`"
