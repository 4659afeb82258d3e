"""The page in a real browser where something is not as usual: storage that is blocked, odd addresses, a restart."""

import re
from urllib.parse import urlsplit

import pytest

from tests.realtime.studio.browser import PATIENCE_MS, analysed, needs_chromium, page_of, shared, studio

pytestmark = [needs_chromium, pytest.mark.slow]
BLOCKED = """for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });"""
FULL = """Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };"""


@pytest.fixture(scope="module")
def to_label(browser, tmp_path_factory):
    """A project with a list of frames to label, and its cache."""
    study, cache = tmp_path_factory.mktemp("odd") / "study", analysed(shared(tmp_path_factory))
    with studio(study, cache) as address, page_of(browser, address, "AB") as page:
        page.get_by_role("button", name="Try the bundled clip").click()
        page.keyboard.press("Alt+4")
        page.get_by_role("button", name="Suggest frames").last.click()
        page.get_by_label("Budget").fill("6")
        page.get_by_label("Budget").press("Enter")
        page.get_by_text(re.compile(r"0 of [1-9]\d* frames")).wait_for()
    return study, cache


def au1(page):
    return page.locator(".au-keys").get_by_role("button", name="AU1 ")


def pressed(page, on):
    page.locator(f".au-keys button[aria-pressed={str(on).lower()}]", has_text="AU1 ").first.wait_for()


@pytest.mark.parametrize("storage", [BLOCKED, FULL], ids=["blocked", "full"])
def test_a_browser_that_keeps_nothing_opens_the_page_and_remembers_until_it_is_closed(browser, to_label, storage):
    with studio(*to_label) as address:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(storage)
        page = context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.get_by_title(re.compile("press for the next")).click()
        page.get_by_role("link", name="Live").click()
        page.get_by_role("heading", name="Live").wait_for()
        page.get_by_role("link", name="Label").click()
        page.get_by_label("Initials").fill("CD")
        with page.expect_request(re.compile(r"/api/state\?coder=CD")):
            page.get_by_label("Initials").press("Enter")
        page.get_by_text(re.compile(r"0 of [1-9]\d* frames")).wait_for()
        page.keyboard.press("q")
        pressed(page, True)
        context.close()
        assert wrong == []


@pytest.mark.parametrize("address", ["#review/%ff", "#%E0%A4%A/x", "#review/%"])
def test_an_address_that_says_nothing_names_no_recording(browser, to_label, address):
    with studio(*to_label) as started, page_of(browser, started) as page:
        page.goto(f"/{address}")
        page.reload()
        heading = "Review" if address.startswith("#review") else "Recordings"
        page.get_by_role("heading", name=heading).first.wait_for()


def test_keys_that_were_pressed_for_a_frame_are_there_after_a_reload_until_it_is_scored(browser, to_label):
    with studio(*to_label) as address, page_of(browser, address, "AB") as page:
        page.keyboard.press("Alt+4")
        page.get_by_text("frame 1 of").wait_for()
        page.keyboard.press("q")
        page.keyboard.press("3")
        page.get_by_text("level C").first.wait_for()
        page.reload()
        page.get_by_text("level C").first.wait_for()
        page.keyboard.press("z")
        page.keyboard.press("z")
        pressed(page, False)  # each press can still be taken back
        page.keyboard.press("q")
        page.evaluate("localStorage.setItem('ks-studio.coder', 'CD')")
        page.add_init_script("localStorage.setItem('ks-studio.coder', 'CD')")
        page.reload()
        page.get_by_text("frame 1 of").wait_for()
        pressed(page, False)  # another coder sees nothing of it
        assert page.evaluate("Object.keys(sessionStorage).length") == 1
        page.add_init_script("localStorage.setItem('ks-studio.coder', 'AB')")
        page.reload()
        pressed(page, True)
        page.get_by_text("frame 1 of").wait_for()  # before its labels are loaded, a frame is not scored
        page.keyboard.press("Enter")
        page.get_by_text(re.compile(r"1 of \d+ frames")).wait_for()
        assert page.evaluate("Object.keys(sessionStorage).length") == 0


def test_after_a_restart_with_a_new_token_one_line_says_what_to_do(browser, to_label):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script("localStorage.setItem('ks-studio.coder', 'EF')")
    page = context.new_page()
    red = page.locator("[role=alert]")
    with studio(*to_label) as address:
        page.goto(address)
        page.get_by_role("link", name="Label").click()
        page.get_by_text("frame 1 of").wait_for()
        page.keyboard.press("q")
    page.keyboard.press("Enter")
    red.get_by_text("The studio does not answer").wait_for()  # pictures may say so, too
    assert red.count() == 1
    with studio(*to_label, urlsplit(address).port):
        red.get_by_text("open the address that ks-studio printed").wait_for()
        page.keyboard.press("Enter")
        for view in ("Agreement", "Review", "Live", "Label"):
            page.get_by_role("link", name=view).click()
            page.wait_for_timeout(300)
            assert red.count() == 1, red.all_inner_texts()
    context.close()
