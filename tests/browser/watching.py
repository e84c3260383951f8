"""Pages whose every request, error and message is seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

Watched = Callable[..., Page]

# What the browser itself says of answers that the page then explains.
REFUSED = re.compile(
    r"Failed to load resource: (the server responded with a status of (?!404)|net::)"
)


@contextmanager
def watched(browser: Browser) -> Iterator[Watched]:
    """Opens pages, and fails at the end if one complained or asked somebody else."""
    wrong: list[str] = []
    contexts = []

    def open_page(url: str, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/"
        own = (origin, "blob:" + origin, "data:")
        page.on("request", lambda r: r.url.startswith(own) or wrong.append(f"asked {r.url}"))
        page.on("pageerror", lambda error: wrong.append(f"error {error}"))
        page.on("console", lambda m: m.type in ("error", "warning") and complain(m.text))
        page.goto(url)
        page.get_by_text("Loading…", exact=True).wait_for(state="detached")
        return page

    def complain(text: str) -> None:
        if not REFUSED.match(text):
            wrong.append(f"console: {text}")

    try:
        yield open_page
    finally:
        for context in contexts:
            context.close()
    assert not wrong, wrong


def serious_findings(page: Page) -> list[str]:
    """What axe finds serious or critical, with the elements."""
    # It would fetch the style sheets and set them inline, which the pages do not allow.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
