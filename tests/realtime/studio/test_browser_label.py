"""Label, Train and Files in a real browser: what a coder does with the keyboard, and what comes of it."""

import csv
import json
import re

import pytest

from knowledge_spreader.datasets.own_labels.read import read_own_labels
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.au_guide import guide
from knowledge_spreader.spec import au_label
from knowledge_spreader.synth.au_recipes import AUS
from tests.realtime.studio.browser import analysed, needs_chromium, page_of, shared, studio

pytestmark = [needs_chromium, pytest.mark.slow]
WANTED = "20"  # frames; those near another one are not asked for
TRAINED_MS = 90_000


def truth():
    """Level 0 to 5 of each AU on each frame of the bundled clip."""
    with demo_clip().with_suffix(".csv").open(newline="") as table:
        return [{au: round(5 * float(row[f"AU{au:02d}"])) for au in AUS} for row in csv.DictReader(table)]


TRUTH = truth()


@pytest.fixture(scope="module")
def labelled(browser, tmp_path_factory):
    """The address of a studio in which AB has labelled by keyboard, its folder, and the frames."""
    study = tmp_path_factory.mktemp("labelled") / "study"
    with studio(study, analysed(shared(tmp_path_factory))) as address:
        with page_of(browser, address, "AB") as page:
            page.get_by_role("button", name="Try the bundled clip").click()
            page.keyboard.press("Alt+4")
            page.get_by_role("button", name="Suggest frames").last.click()
            page.get_by_label("Budget").fill(WANTED)
            page.get_by_label("Budget").press("Enter")
            wanted = int(
                re.search(r"0 of (\d+)", page.get_by_text(re.compile(r"0 of [1-9]\d* frames")).inner_text())[1]
            )
            frames = [score(page, number, wanted) for number in range(1, wanted + 1)]
        yield address, study, frames


def score(page, number, of):
    """Scores the list's frame by keyboard, as the clip was drawn."""
    frame = shown(page, number, of)
    for au, level in TRUTH[frame].items():
        if level:
            page.keyboard.press(guide(au)["key"])
            page.keyboard.press(str(level))
    page.keyboard.press("Enter")
    page.get_by_text(f"{number} of {of} frames").wait_for()
    return frame


def shown(page, number, of):
    """The clip's frame that stands at this place of the list."""
    page.get_by_text(f"frame {number} of {of}").wait_for()
    return int(re.search(r"· frame (\d+) ·", page.get_by_text("clip.mp4 · frame").inner_text())[1])


def pressed(page):
    """AU -> what its key says, of those that are present."""
    keys = page.locator(".au-keys").get_by_role("button", pressed=True)
    return {int(re.search(r"AU(\d+)", text)[1]): text for text in keys.all_inner_texts()}


def test_what_was_labelled_by_keyboard_is_found_after_the_page_is_loaded_again(browser, labelled):
    address, study, frames = labelled
    assert len(set(frames)) == len(frames) >= 10
    with page_of(browser, address, "AB") as page:
        page.keyboard.press("Alt+4")
        page.get_by_text("All of these frames are scored").wait_for()
        for number, frame in enumerate(frames, 1):
            assert shown(page, number, len(frames)) == frame
            present = {au: level for au, level in TRUTH[frame].items() if level}
            found = pressed(page)
            assert set(found) == set(present)
            assert all(f"level {'-ABCDE'[level]}" in found[au] for au, level in present.items())
            page.keyboard.press("Enter")
    said = [json.loads(line) for line in (study / "labels.jsonl").read_text().splitlines()]
    assert {(one["frame"], one["au"]): one["value"] for one in said} == {
        (frame, au): level for frame in frames for au, level in TRUTH[frame].items()
    }


def test_a_second_coder_sees_nothing_of_the_first_ones_labels_until_both_are_compared(browser, labelled):
    address, _, frames = labelled
    with page_of(browser, address, "CD") as page:
        page.get_by_role("link", name="Label").click()  # Enter is the view's after it, not the link's
        page.get_by_text(f"0 of {len(frames)} frames").wait_for()
        assert shown(page, 1, len(frames)) == frames[0]
        assert pressed(page) == {}
        page.keyboard.press("q")  # AU1, and all others absent
        page.keyboard.press("Enter")
        page.get_by_text(f"1 of {len(frames)} frames").wait_for()
        page.get_by_role("link", name="Agreement").click()
        page.get_by_role("cell", name="AU1 inner brow raiser").wait_for()
        page.get_by_text("18 answers of both").wait_for()


def test_labels_are_written_and_downloaded_as_they_were_given(browser, labelled, tmp_path):
    address, _, frames = labelled
    with page_of(browser, address, "AB") as page:
        page.get_by_label("Labels of").select_option("AB")
        page.get_by_role("button", name="Write").first.click()
        link = page.get_by_role("link", name=".csv").first
        with page.expect_download() as download:
            link.click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    (sheet,) = read_own_labels([tmp_path]).sheets
    assert {(label.frame, label.au): label.value for label in sheet} == {
        (frame, au): int(level > 0) for frame in frames for au, level in TRUTH[frame].items()
    }


def test_training_moves_the_figures_and_the_own_model_is_used(browser, labelled):
    address, study, frames = labelled
    with page_of(browser, address, "AB") as page:
        base = probabilities(page, frames)
        page.get_by_role("link", name="Train").click()
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_role("heading", name="What model 001 learned").wait_for(timeout=TRAINED_MS)
        report = json.loads((study / "models" / "001.json").read_text())
        moved = {one["au"] for one in report["aus"] if one["kind"] != "base"}
        assert moved
        for one in report["aus"]:
            if one["present"]:
                row = page.get_by_role("row", name=f"{au_label(one['au'])} ").first.inner_text()
                assert f"{one['present']} present, {one['absent']} absent" in row
        page.get_by_role("button", name="Use this model").click()
        page.get_by_role("button", name="Use this model").wait_for(state="detached")
        own = probabilities(page, frames)
        changed = {au for now, then in zip(own, base, strict=True) for au in now if now[au] != then[au]}
        assert changed
        assert changed <= moved


def probabilities(page, frames):
    """What Review says of each frame: AU -> probability, as it is written."""
    (recording,) = page.request.get("/api/state").json()["recordings"]
    said = []
    for frame in frames:
        page.goto(f"/#review/{recording['id']}?frame={frame}")
        page.get_by_role("img", name=f"clip.mp4, frame {frame}", exact=True).wait_for()
        names = page.locator(".curve-name").all_inner_texts()
        said.append({int(re.match(r"AU(\d+)", name)[1]): re.search(r"\d\.\d\d", name)[0] for name in names})
    return said
