"""Onset, apex and offset by keyboard, and one coder in two pages, in a real browser."""

import re
from contextlib import contextmanager

import numpy as np
import pytest

from knowledge_spreader.realtime.studio.store.labels import LabelLog
from tests.realtime.studio.browser import analysed, needs_chromium, page_of, pixels, shared, studio

pytestmark = [needs_chromium, pytest.mark.slow]
AU12 = "AU12 lip corner puller"
ELSEWHERE = "Your labels were changed elsewhere"


@pytest.fixture
def study(tmp_path):
    return tmp_path / "study"


@contextmanager
def review(browser, address, frame):
    """AB's page of the clip at a frame, with AU12 chosen."""
    with page_of(browser, address, "AB") as page:
        state = page.request.get("/api/state").json()
        if not state["recordings"]:
            page.get_by_role("button", name="Try the bundled clip").click()
            page.get_by_role("main").get_by_role("link", name="Review").wait_for()
            state = page.request.get("/api/state").json()
        page.goto(f"/#review/{state['recordings'][0]['id']}?frame={frame}")
        page.get_by_text("exact frame").wait_for()
        page.get_by_role("button", name=AU12).click()
        yield page


def row(page):
    return page.get_by_role("button", name=AU12)


def says(page, text):
    row(page).filter(has_text=text).wait_for()


def held(study):
    return {(one.frame, one.au, one.mark): one.value for one in LabelLog(study / "labels.jsonl").said("AB")}


def test_an_event_is_marked_by_keyboard_drawn_kept_and_taken_back(browser, study, tmp_path_factory):
    with studio(study, analysed(shared(tmp_path_factory))) as address, review(browser, address, 100) as page:
        plot = page.locator(".curve.chosen canvas")
        for key, says_then in (("6", "▶ onset"), ("Shift+ArrowRight", ""), ("3", "◆ level C"), ("7", "▲ apex")):
            page.keyboard.press(key)
            says(page, says_then)
        page.keyboard.press("Shift+ArrowRight")
        page.get_by_role("img", name="clip.mp4, frame 120", exact=True).wait_for()
        before = pixels(plot)
        page.get_by_role("button", name="Offset").click()
        says(page, "■ offset · ◆ present, between marks")
        page.get_by_text("AU12: present from 100 to 120").wait_for()
        event = {(frame, 12, None): "present" for frame in range(100, 121)} | {(110, 12, None): 3}
        marks = {(100, 12, "onset"): "marked", (110, 12, "apex"): "marked", (120, 12, "offset"): "marked"}
        assert held(study) == event | marks
        assert np.abs(pixels(plot) - before).max() > 50  # drawn
        page.keyboard.press("z")  # the mark and what followed from it are one action
        says(page, "▬ present")
        without = {(110, 12, None): 3, (100, 12, "onset"): "marked", (110, 12, "apex"): "marked"}
        assert held(study) == without
        page.keyboard.press("Shift+Z")
        says(page, "■ offset")
        page.reload()
        row(page).click()
        says(page, "▶ onset · ◆ present, between marks")  # the address names frame 100
        page.keyboard.press("Shift+ArrowRight")
        says(page, "▲ apex · ◆ level C")
        page.keyboard.press("Shift+ArrowRight")
        says(page, "■ offset · ◆ present, between marks")
        page.keyboard.press("8")  # once more: not
        page.locator(".curve.chosen").filter(has_not_text="■").wait_for()
        assert held(study) == event | {key: value for key, value in marks.items() if key[0] < 120}
        page.keyboard.press("?")
        help_text = page.get_by_role("dialog", name="Keys and help").inner_text()
    assert all(word in help_text for word in ("its onset", "the apex", "the offset"))


def test_in_label_a_mark_belongs_to_the_frame_that_is_looked_at_and_is_no_answer_to_the_others(
    browser, study, tmp_path_factory
):
    with studio(study, analysed(shared(tmp_path_factory))) as address, review(browser, address, 0) as page:
        page.keyboard.press("Alt+4")
        page.get_by_role("button", name="Suggest frames").last.click()
        page.get_by_label("Budget").fill("6")
        page.get_by_label("Budget").press("Enter")
        page.get_by_text(re.compile(r"0 of [1-9]\d* frames")).wait_for()
        frame = int(re.search(r"· frame (\d+) ·", page.get_by_text("clip.mp4 · frame").inner_text())[1])
        for key in ("d", "6", "ArrowRight", "ArrowRight", "8"):
            page.keyboard.press(key)
        page.get_by_text(f"AU12: present from {frame} to {frame + 2}").wait_for()
        page.get_by_text(f"AU12: ▶ onset {frame}, ■ offset {frame + 2}").wait_for()
        page.get_by_text(re.compile(r"0 of [1-9]\d* frames")).wait_for()  # it still waits for the other AUs
        page.keyboard.press("z")
        page.get_by_text(f"AU12: ▶ onset {frame}", exact=True).wait_for()
        pressed = page.locator(".au-keys button[aria-pressed=true]")
        pressed.filter(has_text="AU12").wait_for()  # what was pressed is still there
    assert held(study) == {(frame, 12, "onset"): "marked"}


def test_what_is_said_in_another_page_comes_and_is_not_overwritten(browser, study, tmp_path_factory):
    with (
        studio(study, analysed(shared(tmp_path_factory))) as address,
        review(browser, address, 100) as page,
        review(browser, address, 100) as stale,
    ):
        old = stale.request.get("/api/state?coder=AB").text()
        stale.route("**/api/state?*", lambda asked: asked.fulfill(body=old, content_type="application/json"))
        page.keyboard.press("3")
        says(page, "level C")
        stale.keyboard.press("0")  # does not know of level C yet
        stale.get_by_text(f"{ELSEWHERE}, in another page or by a file that was read; look at them").wait_for()
        says(stale, "level C")
        assert held(study) == {(100, 12, None): 3}
        page.keyboard.press("e")  # AU4, which the other page does not speak of
        page.get_by_role("group", name="Correct AU4").get_by_text("you:").wait_for()
        stale.keyboard.press("0")  # now it knows
        says(stale, "absent")
        stale.get_by_role("button", name="AU4 brow lowerer").filter(has_text="◆ present").wait_for()
        assert held(study) == {(100, 12, None): 0, (100, 4, None): "present"}
        page.get_by_text(f"{ELSEWHERE}, in another page or by a file that was read; they are shown").wait_for()
        says(page, "◇ absent")  # came by itself
        page.keyboard.press("5")
        page.get_by_role("group", name="Correct AU4").get_by_text("you: level E").wait_for()
        stale.keyboard.press("z")
        stale.get_by_text("press again to go on").wait_for()
        assert held(study) == {(100, 12, None): 0, (100, 4, None): 5}
        stale.keyboard.press("z")
        stale.get_by_text("Undone. AU4: present, frame 100").wait_for()
    assert held(study) == {(100, 12, None): 0, (100, 4, None): "present"}


def test_what_is_pressed_is_kept_while_another_page_says_one_label_after_the_other(browser, study, tmp_path_factory):
    with studio(study, analysed(shared(tmp_path_factory))) as address, review(browser, address, 100) as page:
        (rec,) = page.request.get("/api/state").json()["recordings"]
        origin = {"origin": address.partition("/?")[0].rstrip("/")}
        others = iter(range(4))

        def another_comes_first(asked):
            for frame in others:
                about = {"face": 0, "frame": frame, "time_s": frame / 25, "au": 12, "value": 1}
                said = {"coder": "AB", "recording": rec["id"], "statements": [about]}
                assert page.request.post("/api/labels", data=said, headers=origin).ok
                break
            asked.continue_()

        page.route("**/api/labels", another_comes_first)
        page.keyboard.press("6")
        says(page, "▶ onset")
        page.get_by_text(f"{ELSEWHERE}, in another page or by a file that was read; they are shown").wait_for()
    assert held(study) == {(frame, 12, None): 1 for frame in range(4)} | {(100, 12, "onset"): "marked"}


def test_a_key_that_is_held_down_marks_once(browser, study, tmp_path_factory):
    with studio(study, analysed(shared(tmp_path_factory))) as address, review(browser, address, 100) as page:
        for _ in range(4):
            page.keyboard.down("6")  # all but the first are the keyboard's repeats
        page.keyboard.up("6")
        page.keyboard.press("2")  # said after it
        says(page, "▶ onset · ◆ level B")
    assert held(study) == {(100, 12, "onset"): "marked", (100, 12, None): 2}
