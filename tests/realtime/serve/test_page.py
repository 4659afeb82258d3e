"""The example page in a real browser, with the bundled clip as its webcam."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.benchmarks.serve.bad_clients import BareSocket
from knowledge_spreader.benchmarks.serve.levels import settled
from knowledge_spreader.benchmarks.serve.process import ServeProcess
from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.client.pictures import Jpeg
from knowledge_spreader.realtime.demo import demo_clip
from tests.realtime.studio.browser import CHROMIUM, FLAGS, PATIENCE_MS, needs_chromium, pixels

pytestmark = [needs_chromium, pytest.mark.slow]

SMILE = range(100, 125)  # frames of the clip


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    with ServeProcess(["--max-streams", "2"]) as made:
        yield made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api")
    clip = tmp_path_factory.mktemp("camera") / "smile.mjpeg"
    encode = Jpeg(90)
    clip.write_bytes(b"".join(encode(0, shown, first=True) for _, shown in read_pictures(demo_clip(), np.array(SMILE))))
    camera = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, *camera, f"--use-file-for-fake-video-capture={clip}"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Fails at the end if the page threw, its policy was broken, or anything but the server was asked."""
    wrong: list[str] = []
    context = browser.new_context(permissions=["camera"], viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    made = context.new_page()
    made.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    made.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    made.on("request", lambda asked: None if _ours(asked.url) else wrong.append(f"leaves this machine: {asked.url}"))
    yield made
    context.close()
    assert not wrong, "\n".join(wrong)


def _ours(url: str) -> bool:
    return bool(re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", url))


def start(page: Any, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Start").click()


def test_a_webcam_is_shown_with_its_face_and_the_smile_is_marked(server: ServeProcess, page: Any) -> None:
    page.goto(server.address)
    start(page, server.token)
    page.locator("#aus li.present", has_text="AU12 lip corner puller").wait_for()
    assert page.get_by_role("heading", name="Face 0").is_visible()
    assert page.locator("#aus li").count() == 18
    shown = pixels(page.get_by_role("img", name="Your picture with faces"))
    yellow = (np.abs(shown - np.array([255, 196, 46])).max(axis=2) < 40).sum()
    assert yellow > 300  # the box around the face
    page.locator("#fps", has_text=re.compile(r"^([4-9]|\d\d)")).wait_for()
    assert re.match(r"\d+ ms", page.locator("#round").inner_text())
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start").wait_for()


def test_a_token_in_the_address_is_taken_out_of_it_and_works(server: ServeProcess, page: Any) -> None:
    page.goto(f"{server.address}/#token={server.token}")
    assert page.url == f"{server.address}/"
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Running: openvino").wait_for()


def test_a_wrong_token_is_told(server: ServeProcess, page: Any) -> None:
    page.goto(server.address)
    start(page, "0123456789abcdef")
    page.get_by_text("This is not the server's token.").wait_for()
    page.get_by_role("button", name="Start").wait_for()


def test_a_full_server_is_told_and_tried_again(server: ServeProcess, page: Any) -> None:
    settled(server)
    page.goto(server.address)
    with BareSocket(server).hello(), BareSocket(server).hello():
        start(page, server.token)
        page.get_by_text("The server is full; trying again.").wait_for()
    page.get_by_text("Running: openvino").wait_for()


def test_the_page_goes_on_after_a_restart_of_the_server(page: Any) -> None:
    with ServeProcess([]) as first:
        port, token = int(first.address.rpartition(":")[2]), first.token
        page.goto(first.address)
        start(page, token)
        page.locator("#aus li").first.wait_for()
        first.kill()
        page.get_by_text(re.compile("The connection broke|does not answer")).wait_for()
        with ServeProcess([], port, token):
            page.get_by_text("Running: openvino").wait_for()


def test_it_fits_a_phone_and_follows_the_dark_scheme(server: ServeProcess, browser: Any) -> None:
    context = browser.new_context(color_scheme="dark", viewport={"width": 390, "height": 844}, permissions=["camera"])
    page = context.new_page()
    page.goto(server.address)
    start(page, server.token)
    page.locator("#aus li.present").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"
    context.close()
