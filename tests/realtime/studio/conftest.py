"""The browser of the tests of the page."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.realtime.studio.browser import CHROMIUM, FLAGS


@pytest.fixture(
    scope="module"
)  # and no longer: its driver keeps an event loop running, which others may not start then
def browser() -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()
