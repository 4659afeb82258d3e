"""Recordings and Review in a real browser: what is shown is exactly the frame whose number stands beside it."""

import av
import numpy as np
import pytest

from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from tests.realtime.studio.browser import analysed, needs_chromium, page_of, pixels, shared, studio

ANALYSED_MS = 60_000
pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def reader():
    """The pictures of the clip, as the model was given them."""
    return [picture for _, picture in read_pictures(demo_clip(), np.arange(195))]


def test_a_frame_that_is_scrubbed_to_is_the_readers_picture_to_the_byte(browser, reader, tmp_path_factory, tmp_path):
    cache = analysed(shared(tmp_path_factory))
    with studio(tmp_path / "study", cache) as address, page_of(browser, address) as page:
        asked = {}
        page.on("request", lambda one: asked.setdefault(one.url.rpartition("/")[2], one.url))
        page.get_by_role("button", name="Try the bundled clip").click()
        page.get_by_role("link", name="Review").nth(1).click()
        box = page.get_by_role("spinbutton", name="Frame")
        page.get_by_text("exact frame").wait_for()
        for key, frame in (("", 100), ("ArrowRight", 101), ("Shift+ArrowRight", 111), ("End", 194), ("Home", 0)):
            if key:
                page.keyboard.press(key)
            else:
                box.fill(str(frame))
                box.press("Enter")
            canvas = page.get_by_role("img", name=f"clip.mp4, frame {frame}", exact=True)
            canvas.wait_for()
            page.get_by_text("exact frame").wait_for()
            assert box.input_value() == str(frame)
            assert page.request.get(asked[str(frame)]).body() == jpeg(reader[frame])
            assert nearest(pixels(canvas), reader) == frame


def test_a_humans_word_stands_over_the_models_and_can_be_undone(browser, tmp_path_factory, tmp_path):
    study = tmp_path / "study"
    cache = analysed(shared(tmp_path_factory))
    with studio(study, cache) as address, page_of(browser, address, "AB") as page:
        page.get_by_role("button", name="Try the bundled clip").click()
        page.get_by_role("main").get_by_role("link", name="Review").wait_for()
        (recording,) = page.request.get("/api/state").json()["recordings"]
        page.goto(f"/#review/{recording['id']}?frame=100")
        page.get_by_role("button", name="AU12 lip corner puller").click()
        bar = page.get_by_role("group", name="Correct AU12")
        bar.get_by_text("the model: present").wait_for()  # the smile
        for key, says in (("d", "absent"), ("3", "level C"), ("z", "absent"), ("Shift+Z", "level C")):
            page.keyboard.press(key)
            bar.get_by_text(f"you: {says}").wait_for()
        for key in ("i", "Shift+ArrowRight", "o", "0"):  # from frame 100 to 110
            page.keyboard.press(key)
        page.get_by_text("Z takes it back").wait_for()
        page.reload()
        page.get_by_role("button", name="AU12 lip corner puller").click()
        bar.get_by_text("you: absent").wait_for()
    held = [(one.frame, one.au, one.value) for one in LabelLog(study / "labels.jsonl").state("AB")]
    assert sorted(held) == [(frame, 12, 0) for frame in range(100, 111)]


def test_a_picked_video_is_copied_analysed_and_its_person_kept(browser, reader, tmp_path):
    short = write_short(tmp_path / "anna.mp4", reader[60:100])
    study = tmp_path / "study"
    with studio(study, tmp_path / "cache") as address, page_of(browser, address) as page:
        page.get_by_label("Video files").set_input_files(short)
        page.get_by_role("button", name="Analyse it").click()
        page.get_by_label("Who is seen in anna.mp4").fill("Anna")
        page.get_by_label("Who is seen in anna.mp4").press("Enter")
        page.get_by_text("analysed", exact=True).wait_for(timeout=ANALYSED_MS)
        page.reload()
        assert page.get_by_label("Who is seen in anna.mp4").input_value() == "Anna"
        page.get_by_role("main").get_by_role("link", name="Review").click()
        page.get_by_text("of 40", exact=True).wait_for()
        page.get_by_role("option", name="face 0: 40 frames").wait_for(state="attached")
    assert (study / "recordings" / "anna.mp4").read_bytes() == short.read_bytes()


def write_short(path, pictures):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def jpeg(picture):
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def nearest(canvas, reader):
    """The number of the picture that a canvas shows, whole and in its middle."""
    height, width = canvas.shape[:2]
    scale = min(width / reader[0].shape[1], height / reader[0].shape[0])
    w, h = round(reader[0].shape[1] * scale), round(reader[0].shape[0] * scale)
    left, top = (width - w) // 2, (height - h) // 2
    shown = canvas[top : top + h, left : left + w]
    apart = [np.abs(cv2.resize(one, (w, h), interpolation=cv2.INTER_AREA) - shown).mean() for one in reader]
    return int(np.argmin(apart))
