"""`splitclock merge`: the shards of a matrix, run on several machines, as one run."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.session import print_json, say
from harness.commands.showing import show_board, summary
from harness.merge_plan import Duplicate, Merge, Missing
from harness.merging import merge_runs


def command(
    runs: options.ShardFolders,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder of the merged run, new or empty.")],
    as_json: options.Json = False,
) -> None:
    """Put the runs of a matrix's shards together into one run folder, and print its board.

    Example: splitclock merge shard-1 shard-2 shard-3 -o runs/nightly
    """
    merge = merge_runs(runs, out)
    planned = len(merge.plan.trials)
    if as_json:
        print_json({**summary(out, planned), **_document(merge)})
        return
    for line in _remarks(merge):
        say(line)
    show_board([out])
    typer.echo(f"{len(runs)} runs are merged into {out}: {len(merge.homes)} of {planned} trials are in it")


def _remarks(merge: Merge) -> list[str]:
    """What is worth knowing of the parts: shards that are not there, and trials that are there more than once."""
    lines = [f"shard {one.shard} is missing: {_trials(one.trials)} no record" for one in merge.missing if one.trials]
    for (kept, dropped), number in Counter((one.kept, one.dropped) for one in merge.duplicates).items():
        cost = _cost(one for one in merge.duplicates if (one.kept, one.dropped) == (kept, dropped))
        lines.append(
            f"{_trials(number)} rows in {kept} and in {', '.join(dropped)}: those of {kept} are kept "
            f"(a verdict first, then the older one, then the order of the runs){cost}"
        )
    return lines


def _cost(duplicates: Iterable[Duplicate]) -> str:
    costs = [one.cost_usd for one in duplicates if one.cost_usd]
    return f"; ${sum(costs):.2f} that the others cost are in no figure" if costs else ""


def _trials(number: int) -> str:
    return "1 trial has" if number == 1 else f"{number} trials have"


def _document(merge: Merge) -> dict[str, object]:
    return {
        "missing_shards": [_missing(one) for one in merge.missing if one.trials],
        "duplicates": [
            {"id": one.trial, "kept": one.kept, "dropped": list(one.dropped), "cost_usd": one.cost_usd}
            for one in merge.duplicates
        ],
    }


def _missing(one: Missing) -> dict[str, object]:
    return {"shard": str(one.shard), "trials": one.trials}
