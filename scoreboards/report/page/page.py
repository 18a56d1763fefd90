"""The page itself: one HTML file, or a folder, that opens from disk, asks no network, and runs only its own scripts."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.untrusted import plain
from scoreboards import words
from scoreboards.board import Board
from scoreboards.report.call_tables import calls_grid
from scoreboards.report.grid import Cell, Grid, Name
from scoreboards.report.inside_table import inside_grid
from scoreboards.report.page.data import page_data
from scoreboards.report.page.inert import inert_json, packed, plain_value
from scoreboards.report.tables import clock_grid, features_grid, models_grid
from scoreboards.report.turned import turned_grid

_ASSETS = files("scoreboards.report.page") / "assets"

SCRIPTS = (
    "format.js",
    "unpack.js",
    "charts.js",
    "where.js",
    "claimed.js",
    "whatif.js",
    "frontier.js",
    "map.js",
    "runs.js",
    "timeline.js",
    "transcript.js",
    "evidence.js",
    "trial.js",
    "start.js",
)
"""The page's own scripts, in the order in which they are loaded."""

LIMIT = 8_000_000
"""Bytes of a page with everything in it; what would be more becomes a folder."""

CHUNK = 2_000_000
"""Bytes of trials, about, in one of a folder's data files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a page is to be: its `title`, whether it has texts, and whether it is to be a `folder` at any size."""

    title: str
    with_texts: bool = True
    folder: bool = False
    limit: int = LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page as text, and the data files beside it by name; none where all of it is in the page."""

    html: str
    files: Mapping[str, str] = field(default_factory=dict)


def make_page(board: Board, bodies: Iterable[str], options: Options) -> Page:
    """The page of a board with its trials' bodies as JSON texts, in the board's order.

    What reads as text needs no script: the answer, its warnings and the tables.
    """
    own = [packed(text) for text in bodies]
    if not options.folder and sum(map(len, own)) < options.limit:
        html = _html(board, options, own, ())
        if len(html) <= options.limit:
            return Page(html=html)
    chunks = tuple(_chunks(own))
    names = {f"trials-{number:03}.js": chunk for number, chunk in enumerate(chunks)}
    data = {
        name: f"splitclock.arrived({inert_json({at: own[at] for at in chunk})});\n" for name, chunk in names.items()
    }
    return Page(html=_html(board, options, (), [chunk.start for chunk in chunks]), files=data)


def _chunks(bodies: Sequence[str]) -> Iterator[range]:
    """Neighbouring trials whose bodies make about one data file."""
    start = length = 0
    for at, body in enumerate(bodies):
        length += len(body)
        if length >= CHUNK or at == len(bodies) - 1:
            yield range(start, at + 1)
            start, length = at + 1, 0


def _html(board: Board, options: Options, bodies: Sequence[str], chunks: Sequence[int]) -> str:
    data = plain_value(page_data(board, with_texts=options.with_texts))
    library = _plotly()
    scripts = [(_ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS]
    environment = Environment(
        loader=PackageLoader("scoreboards.report.page", "assets"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"cell": _cell, "named": _named}
    return environment.get_template("page.html.j2").render(
        title=plain(options.title),
        policy=content_policy([library, *scripts], loads_files=bool(chunks)),
        style=Markup((_ASSETS / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - a file of our own
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of our own
        answer=data["answer"],
        models=data["models"],
        grids=_grids(board),
        data=_inert(data),
        library=_inert(packed(library)),
        chunks=_inert(list(chunks)),
        bodies=[_inert(body) for body in bodies],
        with_texts=options.with_texts,
        words=words,
    )


def content_policy(scripts: Sequence[str], *, loads_files: bool) -> str:
    """A content security policy that lets these inline scripts run and nothing be fetched, framed or sent.

    A page opened from disk has no origin of its own, and no browser checks hashes of files there. So a folder's page
    trusts what its own scripts load, and nothing that stands in the page's markup ('strict-dynamic').
    """
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts]
    rules = (
        "default-src 'none'",
        " ".join(["script-src", *hashes, *(["'strict-dynamic'"] if loads_files else [])]),
        "style-src 'unsafe-inline'",  # charts set styles; no style can fetch anything, for nothing may be fetched
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _inert(value: object) -> Markup:
    return Markup(inert_json(value))  # noqa: S704 - no character in it can end its element


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # the library's own JavaScript comes with its Python package

    return str(get_plotlyjs())


def _grids(board: Board) -> list[Grid]:
    return [
        models_grid(board),
        clock_grid(board),
        turned_grid(inside_grid(board, shares=True)),
        turned_grid(calls_grid(board)),
        features_grid(board),
    ]


def _named(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    pieces = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(pieces))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Name):
        return plain(cell.text) + (" (simulated)" if cell.simulated else "")
    return plain(cell)
