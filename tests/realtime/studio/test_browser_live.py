"""Live in a real browser: the bundled clip, as it is answered."""

import csv
import re

import numpy as np
import pytest

from tests.realtime.studio.browser import needs_chromium, page_of, pixels, studio

pytestmark = [needs_chromium, pytest.mark.slow]


def test_live_shows_moving_pictures_with_their_faces_and_records_what_is_said(browser, tmp_path):
    study = tmp_path / "study"
    with studio(study, tmp_path / "cache") as address, page_of(browser, address) as page:
        page.get_by_role("link", name="Live").click()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_role("heading", name="Face 0").wait_for()
        picture = page.get_by_role("img", name="Picture with faces")
        first = pixels(picture)
        page.get_by_role("button", name="Record results").click()
        page.get_by_text("recording 0:0").wait_for()
        page.get_by_text("present", exact=True).nth(1).wait_for()  # the first is the legend; then an AU
        page.wait_for_timeout(500)  # so that there is something to record
        second = pixels(picture)
        assert first.shape == second.shape
        assert float(np.abs(first - second).mean()) > 0.1  # the person and the background stay, the face moves
        facts = page.get_by_role("region", name="Picture").inner_text()
        assert float(re.search(r"([\d.]+) fps", facts)[1]) > 1
        page.keyboard.press("R")  # stops it, if the clip has not come to its end before, which does so as well
        page.get_by_text(re.compile("^Written")).wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Start", exact=True).wait_for()
    (table,) = study.glob("recorded/*/*.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) > 5
    assert {row["success"] for row in rows} == {"1"}
