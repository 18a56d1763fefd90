"""Whatever a model, a repository or a sandbox wrote, the page shows it and nothing of it runs."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.scoreboards.browser.conftest import Open, Watched
from tests.scoreboards.browser.made import Made

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
OURS = "[...document.body.querySelectorAll('{what}')].filter((one) => !one.closest('.js-plotly-plot')).length"


def _walk(page: Page) -> None:
    """Through every view that shows names or texts."""
    for by in ("sub", "tool", "work", "feature", "whole"):
        page.locator("#where-controls select").first.select_option(by)
    page.locator("#where-controls select").nth(2).select_option(index=1)
    for cell in page.locator("#map-table button").all():
        cell.click()
        page.locator("#map-trials button.link").first.click()
        page.wait_for_selector("#trial-view[aria-busy=false]")
        page.evaluate(OPEN_ALL)
        for bar in page.locator(".tl-row").all()[:4]:
            bar.hover()
    page.locator("#whatif-decode").fill("1")
    for chart in ("where-chart", "whatif-chart", "frontier-chart"):
        page.locator(f"#{chart}").hover()


@pytest.fixture(scope="module")
def walked(opened: Open, hostile: Made, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The hostile page after a walk through it."""
    watched = opened(hostile.page(tmp_path_factory.mktemp("hostile"), title=hostile.board.models[0].model))
    _walk(watched.page)
    watched.shot("hostile")
    return watched


def test_nothing_of_it_runs(walked: Watched) -> None:
    """No script of theirs ran, no violation was reported: there was nothing that the policy had to stop."""
    assert walked.page.evaluate("window.hacked === undefined")
    assert walked.is_quiet()


def test_it_makes_no_elements(walked: Watched) -> None:
    """No image, frame, link or style but the page's own, in the charts' text neither."""
    page = walked.page
    for what in ("img", "iframe", "object", "embed", "form", "meta[http-equiv=refresh]", "style", "link", "base"):
        assert page.evaluate(OURS.format(what=what)) == 0, what
    assert page.locator("a:not([href^='#'])").count() == 0
    links = "[...document.querySelectorAll('svg a')].filter((one) => one.getAttribute('xlink:href') || one.href)"
    assert page.evaluate(f"{links}.length") == 0
    assert page.locator("svg image").count() == 0


def test_it_is_shown_as_it_is(walked: Watched) -> None:
    """As text, without control characters, terminal sequences and turns of direction."""
    shown = str(walked.page.evaluate("document.body.textContent"))
    assert walked.page.evaluate("document.documentElement.scrollWidth") <= 1200
    for told in ("</script><script>window.hacked = 1</script>", "content </script>", "{{ 7 * 7 }}", "<br><b>bold</b>"):
        assert told in shown, told
    assert not {"\x1b", "\x00", "\x9b", "\u202e", "\u2028", "\ufffd"} & set(shown)


def test_the_policy_would_stop_it(opened: Open, plain_page: Path) -> None:
    """The page's policy is in force: a script, an image and a request that get in all the same come to nothing."""
    page = opened(plain_page).page
    page.evaluate(
        """() => {
        const add = (tag, set) => document.body.append(Object.assign(document.createElement(tag), set));
        add("script", { textContent: "window.hacked = 1" });
        add("script", { src: "other.js" });
        add("img", { src: "other.png" });
        add("iframe", { src: "other.html" });
        const holder = document.createElement("div");
        holder.setAttribute("onclick", "window.hacked = 1");
        document.body.append(holder);
        holder.click();
        return fetch("other.json").catch(() => null);
    }"""
    )
    assert page.evaluate("window.hacked === undefined")
    found = " ".join(page.evaluate("violations"))
    for directive in ("script-src-elem", "script-src-attr", "img-src", "frame-src", "connect-src"):
        assert directive in found, directive
