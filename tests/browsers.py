"""A real Chromium, if there is one: started once for several tests, and ended."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
"""The path of the browser; None if there is none."""

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("playwright") is None,
    reason=f"no Chromium here, which the page is tried in; wanted: one of {', '.join(NAMES)}, and playwright",
)


@contextmanager
def browsing() -> Iterator[Any]:
    """Run a Chromium until the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
