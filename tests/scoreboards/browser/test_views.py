"""Every view of the page in a real browser: it opens, it answers, and one thing leads to the next."""

from pathlib import Path

from scoreboards.statistics import median
from scoreboards.whatif import Changes, what_if
from scoreboards.words import duration
from tests.scoreboards.browser.conftest import Open, Watched
from tests.scoreboards.browser.made import Made

FAILED = 5
"""The place among the choices of a trial that failed: those of `slow` come after those of `fast`."""

CHARTS = ("where-chart", "claimed-ratios", "claimed-chart", "whatif-chart", "frontier-chart")


def test_every_view_opens(plain: Watched) -> None:
    """Each has its chart or table; nothing is asked of a network, and the console stays empty."""
    page = plain.page
    for chart in CHARTS:
        assert page.locator(f"#{chart} svg.main-svg").count(), chart
    for section in page.locator("main > section").all():
        assert section.is_visible(), section.get_attribute("id")
    assert page.locator("#map-table button").count() == 4
    assert page.locator("#runs-table tbody tr").count() == 4
    assert "tool \u22121.00 s" in page.locator("#runs-table").inner_text()
    assert page.locator(".tl-row").count() == 8
    assert page.locator("#answer .sentence").inner_text()
    assert "1 model simulated" in page.locator("#answer .warnings").inner_text()
    shown = page.locator("main").inner_text()
    for slip in ("undefined", "NaN", "[object", "null"):
        assert slip not in shown, slip
    plain.shots("desktop-light")
    assert plain.is_quiet()


def test_what_was_left_of_the_claim_is_told_in_words_too(plain: Watched) -> None:
    """From the claim to the real ratio, cause by cause, for those who see no chart; the front of the frontier too."""
    told = plain.page.locator("#claimed-told").inner_text()
    assert told.startswith("claimed 10.0x, decoding, measured 10.0x, tool work \u2212")
    assert "real 3.3x" in told
    assert plain.page.locator("#claimed-ratios .bars path").count() == told.count(", ")
    hint = plain.page.locator("#frontier-hint").inner_text()
    assert hint.startswith("On the Pareto front: fast plain (simulated) (")


def test_sliders_tell_what_whatif_tells(plain: Watched, harmless: Made) -> None:
    """The page's own arithmetic and the command's come to the same walls; the button brings the measured ones back."""
    page = plain.page
    before = page.locator("#whatif-table [data-model]").all_inner_texts()
    for name, power in (("decode", 0.5), ("first", 0.3), ("tools", -0.2), ("turns", 0.1)):
        page.locator(f"#whatif-{name}").fill(str(power))
    changes = Changes(decode=10**0.5, first_token=10**0.3, tools=10**-0.2, turns=10**0.1)
    for row in harmless.board.models:
        own = [record for record in harmless.board.trials if record.trial.model == row.model]
        walls = [one.wall_ns for one in what_if(own, changes) if one.wall_ns is not None]
        shown = page.locator(f"#whatif-table [data-model='{row.model}']").inner_text()
        assert shown == duration(median(walls)), row.model
    page.get_by_role("button", name="As measured").click()
    assert page.locator("#whatif-table [data-model]").all_inner_texts() == before


def test_a_cell_leads_to_a_turn_and_a_turn_to_its_bar(plain: Watched) -> None:
    """Heat map cell, its trials, the trial, a bar, the turn that it belongs to, and back: by clicks."""
    page = plain.page
    page.locator("#map-table button").nth(3).click()
    page.locator("#map-trials button.link").first.click()
    page.wait_for_selector("#trial-view[aria-busy=false]")
    assert "slow plain on target/mend plain" in page.locator(".verdict").inner_text()
    assert page.locator(".tl-row", has_text="read").locator(".tl-used").all_inner_texts() == ["1.50 s", "64 MB"]
    page.locator(".tl-row", has_text="read").click()
    assert page.evaluate("[...document.querySelectorAll('.marked')].map((one) => one.id)") == ["turn-1", "turn-1-1"]
    assert page.evaluate("document.activeElement.id") == "turn-1-1"
    assert "CPU 1.50 s" in page.locator(".tl-detail").inner_text()
    assert "64 MB" in page.locator(".tl-detail").inner_text()
    page.get_by_role("button", name="Turn 2").click()
    assert "call 2" in page.locator(".tl-row[aria-current]").inner_text()
    assert plain.is_quiet()


def test_the_same_by_keyboard(opened: Open, plain_page: Path) -> None:
    """Tab begins at the skip link, and Enter does all that a click does."""
    page = opened(plain_page).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#map-table button").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#map-trials') !== null")
    page.locator("#map-trials button.link").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#trial-view[aria-busy=false]")
    assert page.evaluate("document.activeElement.id") == "trial-choice"
    page.locator(".tl-row").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "turn-1"


def test_the_time_opens_part_by_part(plain: Watched) -> None:
    """From the phases down to a feature, and back by the trail."""
    page = plain.page
    for part in ("tool", "tool.exec", "shell", "test"):
        page.locator(f"#where-path [data-part='{part}']").click()
    assert page.locator(".crumbs li").all_inner_texts()[-2:] == ["shell", "test"]
    assert "target/add plain" in (page.locator("#where-chart").get_attribute("aria-label") or "")
    page.locator(".crumbs button").first.click()
    assert "model" in (page.locator("#where-chart").get_attribute("aria-label") or "")
    for by in ("sub", "tool", "work", "feature", "whole"):
        page.locator("#where-controls select").first.select_option(by)
        assert page.locator("#where-chart .bars path").count(), by


def test_the_timeline_zooms(plain: Watched) -> None:
    """To the agent's part and back: what is outside is said, not shown."""
    page = plain.page
    page.locator("#trial-choice").select_option(index=0)
    page.wait_for_selector("#trial-view[data-trial='0'][aria-busy=false]")
    page.get_by_role("button", name="Agent only").click()
    assert page.locator(".tl-row:visible").count() < 8
    page.get_by_role("button", name="Whole trial").click()
    assert page.locator(".tl-row:visible").count() == 8
    bar = page.locator(".tl-row", has_text="call 2").locator("i.t-decode")
    before = bar.evaluate("(one) => parseFloat(one.style.width)")
    page.get_by_role("button", name="Zoom in").click()
    assert bar.evaluate("(one) => parseFloat(one.style.width)") > before
    page.get_by_role("button", name="Whole trial").click()


def test_the_evidence_stands_under_the_trial(plain: Watched) -> None:
    """Difference with colours, tests with reasons, signs of tampering, brief and provenance."""
    page = plain.page
    page.locator("#trial-choice").select_option(index=FAILED)
    page.wait_for_selector(".verdict .bad")
    for part in page.locator(".part > summary").all():
        if not part.evaluate("(one) => one.parentElement.open"):
            part.click()
    view = page.locator("#trial-view")
    assert view.locator(".d-added .y-c").inner_text() == "# plain"
    assert view.locator(".d-removed .y-k").inner_text() == "return"
    for told in ("tests/test_plain.py::new", "why plain", "hint plain", "brief plain", "local plain", "note plain"):
        assert view.get_by_text(told).first.is_visible(), told


def test_hours_have_a_price(plain: Watched) -> None:
    """Dearer hours make the faster model the cheaper one."""
    page = plain.page
    least = page.locator("#hour-table tr", has=page.locator(".tag.ok")).locator("th")
    page.locator("#hour-usd").fill("0")
    assert least.inner_text().startswith("slow")
    page.locator("#hour-usd").fill("300")
    assert least.inner_text().startswith("fast")
