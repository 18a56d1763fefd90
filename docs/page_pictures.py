#!/usr/bin/env python3
"""Pictures of the report page, taken by this machine's Chromium: what `docs/pictures.py` adds to its drawings."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

WIDTH = 1100
"""Width of the window, in pixels."""


def page_pictures(run: Path, folder: Path) -> None:
    """Write report-*.png about a run; says so and leaves them as they are where there is no Chromium."""
    found = os.environ.get("SPLITCLOCK_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.stderr.write("no Chromium here: the pictures of the report stay as they are\n")
        return
    with TemporaryDirectory() as scratch, sync_playwright() as playwright:
        page = Path(scratch) / "report.html"
        title = ["--title", "Splitclock: demo"]
        subprocess.run([sys.executable, "-m", "harness", "report", str(run), "-o", str(page), *title], check=True)
        browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.geteuid() != 0)
        for name, shoot in SHOTS.items():
            shoot(_opened(browser, page, 390 if name == "report-phone" else WIDTH), folder / f"{name}.png")
        browser.close()


def _opened(browser: Browser, path: Path, width: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 760}, reduced_motion="reduce")
    page.goto(path.as_uri())
    page.wait_for_selector("#trial-view[data-trial][aria-busy=false]")
    return page


def _from(page: Page, section: str) -> None:
    page.locator(f"#{section}").evaluate("(one) => scrollTo(0, one.offsetTop - 70)")


def _answer(page: Page, to: Path) -> None:
    page.screenshot(path=to)


def _claimed(page: Page, to: Path) -> None:
    _from(page, "claimed")
    page.screenshot(path=to)


def _trial(page: Page, to: Path) -> None:
    """A trial with a bar chosen, and the turn that it belongs to."""
    page.locator("#map-table button").nth(2).click()
    page.locator("#map-trials button.link").first.click()
    page.wait_for_selector("#trial-view[aria-busy=false]")
    page.get_by_role("button", name="Agent only").click()
    page.locator(".tl-row", has_text="shell").nth(1).click()
    page.locator(".two").evaluate("(one) => scrollTo(0, one.getBoundingClientRect().top + scrollY - 80)")
    page.screenshot(path=to)


SHOTS: dict[str, Callable[[Page, Path], None]] = {
    "report-answer": _answer,
    "report-claimed": _claimed,
    "report-trial": _trial,
    "report-phone": _answer,
}
