"""The page in a real browser: it opens, and nothing of it comes from elsewhere."""

import pytest

from tests.realtime.studio.browser import needs_chromium, page_of, studio

pytestmark = [needs_chromium, pytest.mark.slow]


def test_the_token_leaves_the_address_and_without_it_nothing_opens(browser, tmp_path):
    with studio(tmp_path / "study", tmp_path / "cache") as address:
        with page_of(browser, address) as page:
            page.get_by_role("link", name="Label").wait_for()
            assert "token" not in page.url
            assert "study" in page.title()
        stranger = browser.new_context()
        answer = stranger.new_page().goto(address.partition("?")[0])
        assert (answer.status, "with its token" in answer.text()) == (401, True)
        stranger.close()
