"""The page itself: one HTML file that runs from disk, asks no network, and lets nothing run but its own scripts."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scoreboards import words
from scoreboards.board import Board
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.page.data import page_data
from scoreboards.report.tables import clock_grid, features_grid, models_grid

_ASSETS = files("scoreboards.report.page") / "assets"
SCRIPTS = ("format.js", "charts.js", "views.js", "start.js")
"""The page's own scripts, in the order in which they are loaded."""


def page_html(board: Board, title: str) -> str:
    """The whole page as text. What reads as text needs no script: the answer, its warnings and the tables."""
    data = page_data(board)
    scripts = [_plotly(), *((_ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)]
    environment = Environment(
        loader=PackageLoader("scoreboards.report.page", "assets"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["cell"] = _cell
    return environment.get_template("page.html.j2").render(
        title=title,
        policy=content_policy(scripts),
        style=Markup((_ASSETS / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - a file of our own
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - a library's file and our own
        answer=data["answer"],
        models=data["models"],
        grids=_grids(board),
        data=Markup(inert_json(data)),  # noqa: S704 - no character in it can end its element
        words=words,
    )


def content_policy(scripts: Sequence[str]) -> str:
    """A content security policy that lets these inline scripts run and nothing be fetched, framed or sent."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    rules = (
        "default-src 'none'",
        f"script-src {hashes}",
        "style-src 'unsafe-inline'",  # charts set styles; no style can fetch anything, for nothing may be fetched
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def inert_json(value: Any) -> str:
    """JSON for a script element that is no script: "<", ">" and "&" escaped, so that no text in it ends the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # the library's own JavaScript comes with its Python package

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _grids(board: Board) -> list[Grid]:
    return [models_grid(board), clock_grid(board), inside_grid(board), features_grid(board)]


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return cell.text + (" (simulated)" if cell.simulated else "")
    return cell
