"""What rounds of killing came to, as a table."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tests.kill.rounds import Round

COLUMNS = ("kills", "lives", "answered", "promoted", "in_doubt", "replayed", "reattached", "diverged")


def round_table(done: Sequence[Round]) -> Table:
    """A row for each round, and one for all."""
    table = Table("seed", *(name.replace("_", " ") for name in COLUMNS), "seconds", "killed after", "wrong")
    for each in done:
        table.add_row(str(each.seed), *_figures([each]), _after([each]), str(len(each.wrong) or ""))
    table.add_section()
    table.add_row("all", *_figures(done), _after(done), str(sum(len(each.wrong) for each in done)))
    return table


def _figures(done: Sequence[Round]) -> list[str]:
    counts = [str(sum(getattr(each, name) for each in done)) for name in COLUMNS]
    return [*counts, f"{sum(each.seconds for each in done):.0f}"]


def _after(done: Sequence[Round]) -> Text:
    counts = sum((each.after for each in done), Counter[str]())
    return Text(", ".join(f"{name} {count}" for name, count in counts.most_common()))
