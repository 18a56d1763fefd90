"""The page in its other forms: dark, on a phone, on paper, as a folder, without texts, in an old browser."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.record import Verdict
from scoreboards.board import build_board
from tests.scoreboards.browser.conftest import Open
from tests.scoreboards.browser.made import Made, made

SECRET = "proprietary-source"


def test_a_phone_scrolls_one_way(opened: Open, plain_page: Path) -> None:
    """Nothing is wider than the window, in the dark neither; what is wide scrolls within itself."""
    watched = opened(plain_page, width=390, scheme="dark")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.page.locator("#map-table button").first.click()
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(28, 25, 23)"
    watched.shots("phone-dark")
    assert watched.is_quiet()


def test_paper_is_light_and_whole(opened: Open, plain_page: Path) -> None:
    """Printed from a dark screen: light, no controls, nothing cut off by boxes that scroll."""
    page = opened(plain_page, scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("#trial").is_hidden()
    page.emulate_media(media="screen")
    page.locator("#trial-choice").select_option(index=1)
    page.wait_for_selector("#trial-view[data-trial='1'][aria-busy=false]")
    page.set_viewport_size({"width": 720, "height": 900})
    page.emulate_media(media="print", color_scheme="dark")
    for _ in range(200):  # charts follow the window when they are told; the page's policy lets no test wait in it
        if page.evaluate("document.documentElement.scrollWidth") <= 720:
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator("#where-controls").is_hidden()
    assert page.locator(".turns").evaluate("(one) => one.scrollHeight <= one.clientHeight + 1")
    ink = page.locator("#where-chart .xtick text").first.evaluate("(one) => getComputedStyle(one).fill")
    assert ink == "rgb(28, 25, 23)"


def test_everything_has_a_name(opened: Open, plain_page: Path) -> None:
    """Landmarks, one first heading, a name for all that can be used, and no identifier twice."""
    page = opened(plain_page).page
    assert page.locator("h1").count() == page.locator("main").count() == page.locator("nav[aria-label]").count() == 1
    for section in page.locator("main > section").all():
        named = section.get_attribute("aria-labelledby")
        assert page.locator(f"#{named}").inner_text()
    nameless = """[...document.querySelectorAll('button, select, input, summary, a[href]')].filter((one) =>
        !(one.textContent.trim() && one.tagName !== 'SELECT') && !one.ariaLabel && !(one.labels || []).length)
        .map((one) => one.outerHTML)"""
    assert page.evaluate(nameless) == []
    twice = (
        "[...document.querySelectorAll('[id]')].map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at)"
    )
    assert page.evaluate(twice) == []


def test_a_folder_loads_what_is_opened(opened: Open, tmp_path: Path) -> None:
    """Trials come from data files beside the page, under a policy that trusts no other script; a lost file is said."""
    many = made(repeats=2)
    watched = opened(many.page(tmp_path, folder=True))
    page = watched.page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "trials-000.js"]
    assert page.locator(".turn").count() == 2
    assert watched.requests[-1].endswith("/trials-000.js")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div onclick=\"window.hacked = 1\" id=bad>')")
    page.evaluate("document.getElementById('bad').click()")
    assert page.evaluate("window.hacked === undefined")
    assert page.evaluate("violations.length") == 1
    assert not watched.trouble[1:]


def test_a_lost_data_file_is_said(opened: Open, harmless: Made, tmp_path: Path) -> None:
    """The trial says which file is missing; everything else works."""
    index = harmless.page(tmp_path, folder=True)
    (tmp_path / "trials-000.js").unlink()
    page = opened(index).page
    assert "trials-000.js does not stand beside this page" in page.locator("#trial-view").inner_text()
    assert page.locator("#where-chart .bars path").count()


def test_without_bodies_nothing_quotes(opened: Open, tmp_path: Path) -> None:
    """The page says what is left out, and still has its timeline."""
    watched = opened(made(SECRET).page(tmp_path, with_texts=False))
    page = watched.page
    assert "left out of this page" in page.locator("#no-bodies").inner_text()
    assert page.locator(".tl-row").count() == 8
    assert page.locator(".turn").count() == 0
    shown = str(page.evaluate("document.getElementById('trial-view').innerText"))
    for quoted in ("content", "command", "output proprietary", "summary", "reason", "hint", "why", "note", "brief"):
        assert f"{quoted} {SECRET}" not in shown, quoted
    assert watched.is_quiet()


def test_nothing_scored_is_said_and_not_drawn(opened: Open, tmp_path: Path) -> None:
    """Errors only: no empty chart, a sentence in its place; the trials still open."""
    trials = [one.model_copy(update={"verdict": Verdict.ERROR_PROVIDER, "calls": ()}) for one in made().board.trials]
    like = made()
    page = opened(replace(like, board=build_board(trials)).page(tmp_path)).page
    assert page.locator(".chart:visible").count() == 0
    for view in ("where", "whatif", "frontier"):
        assert "No trial was scored" in page.locator(f"#{view}").inner_text(), view
    assert "no end-to-end figure" in page.locator("#claimed-sentence").inner_text()
    assert page.locator("#map-table button").count() == 4


@pytest.mark.parametrize("script", ["delete window.DecompressionStream;"])
def test_an_old_browser_is_told(opened: Open, plain_page: Path, script: str) -> None:
    """A browser that cannot unpack says so in one line, and shows all that is text."""
    page = opened(plain_page, script=script).page
    assert "cannot open what is packed" in page.locator("#trouble").inner_text()
    assert "cannot be opened" in page.locator("#trial-view").inner_text()
    assert page.locator("#tables td").count() > 8
    assert page.locator("#map-table button").count() == 4
