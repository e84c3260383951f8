"""A real Chromium, and pages that tell what went wrong behind the scenes.

Needs Chromium (``apt-get install chromium``). Where it is missing the group is skipped and says
so; with ``CI`` set that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from watching import Watched, watched

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        why = "tests/browser is left out, no page is opened: chromium is missing"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with sync_playwright() as playwright:
        # Tests run as root in containers, where Chromium has no sandbox.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Watched]:
    """Opens pages: ``open_page(url, width=360, dark=True)``; they may do nothing wrong."""
    with watched(browser) as opened:
        yield opened


@pytest.fixture
def page(open_page: Watched, service: object) -> Page:
    """The form of the module's service."""
    return open_page(f"{service}/")
