"""One Chromium for all tests of the page; each page is opened from disk and watched."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.scoreboards.browser.made import HOSTILE, RAW, Made, made

NAMES = ("chromium", "chromium-browser", "google-chrome")
REQUIRE = "SPLITCLOCK_REQUIRE_BROWSER"
SHOTS = Path("build/screenshots")
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (one) => violations.push(`${one.effectiveDirective} ${one.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs a browser, and takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A page with what it asked for and said that it should not have."""

    page: Page
    requests: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def is_quiet(self) -> bool:
        """No error, no message, no violation of the policy, and nothing asked for but files."""
        found = [*self.trouble, *self.page.evaluate("violations")]
        found += [url for url in self.requests if not url.startswith(("file:", "blob:", "data:"))]
        assert not found
        return True

    def shot(self, name: str) -> None:
        """A picture of the whole page, kept as an artefact."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def shots(self, name: str) -> None:
        """A picture of each view by itself, and of the whole page."""
        self.shot(name)
        header = self.page.locator("body > header")
        header.evaluate("(one) => { one.hidden = true; }")  # it sticks to the window, and would lie over the views
        for view in self.page.locator("main > section:visible").all():
            view.screenshot(path=SHOTS / f"{name}-{view.get_attribute('id')}.png")
        header.evaluate("(one) => { one.hidden = false; }")


Open = Callable[..., Watched]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """This machine's Chromium; tests that need it are skipped without one, unless it is required."""
    wanted = os.environ.get("SPLITCLOCK_CHROMIUM")
    found = wanted or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        hint = f"no {', '.join(NAMES)} on PATH: install one, or set SPLITCLOCK_CHROMIUM"
        assert not os.environ.get(REQUIRE), hint
        pytest.skip(f"{hint} (set {REQUIRE}=1 to make this a failure)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opened(chromium: Browser) -> Iterator[Open]:
    """Opens a page from disk: `width` of the window, `scheme` of its colours, a `script` that runs before its own."""
    contexts = []

    def open_(path: Path, *, width: int = 1200, scheme: str = "light", script: str = "") -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(WATCH + script)
        watched = Watched(page=page)
        _watch(watched)
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_selector("html[data-ready=yes]")
        page.wait_for_selector("#trial-view[data-trial][aria-busy=false]")
        return watched

    yield open_
    for context in contexts:
        context.close()


def _watch(watched: Watched) -> None:
    def said(message: ConsoleMessage) -> None:
        watched.trouble.append(f"console {message.type}: {message.text}")

    def asked(request: Request) -> None:
        watched.requests.append(request.url)

    def failed(error: Exception) -> None:
        watched.trouble.append(f"error: {error}")

    watched.page.on("console", said)
    watched.page.on("request", asked)
    watched.page.on("pageerror", failed)


@pytest.fixture(scope="session")
def harmless() -> Made:
    """Trials like any."""
    return made()


@pytest.fixture(scope="session")
def hostile() -> Made:
    """Trials whose every text would run something if it could."""
    return made(HOSTILE, RAW)


@pytest.fixture(scope="session")
def plain_page(harmless: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harmless trials as one file."""
    return harmless.page(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def plain(opened: Open, plain_page: Path) -> Watched:
    """The harmless page, opened once for a module: each test leads to where it looks."""
    return opened(plain_page)
