"""answers.py, uploads.py, state.py: what the page may ask for, and what is made of all else, on a real project."""

import json
import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.app import make_app
from knowledge_spreader.realtime.studio.state import Studio
from knowledge_spreader.realtime.studio.store.project import Project
from tests.realtime.studio.browser import analysed, shared


class Page:
    """A project with the bundled clip, and what its page sends."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.studio = Studio(Project(folder, cache or folder.parent / "cache"))
        self.client = TestClient(make_app(self.studio), raise_server_exceptions=False)

    def post(self, path: str, value: object) -> tuple[int, dict]:
        answer = self.client.post(path, content=value if isinstance(value, bytes) else json.dumps(value))
        return answer.status_code, answer.json()

    def state(self) -> dict:
        answer = self.client.get("/api/state?coder=AB")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rec(self) -> str:
        return self.state()["recordings"][0]["id"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path / "study")
    made.client.post("/api/recordings/demo")
    yield made
    made.studio.close()


def label(**other: object) -> dict:
    return {"face": 0, "frame": 3, "time_s": 0.12, "au": 12, "value": 1, **other}


def test_labels_are_kept_taken_back_and_told(page: Page) -> None:
    rec = page.rec()
    said = {"coder": " AB ", "recording": rec, "statements": [label(), label(au=4, value=0)]}
    assert page.post("/api/labels", said) == (200, {"said": 2, "batch": 1})
    found = page.client.get("/api/labels", params={"recording": rec, "coder": "AB"}).json()
    assert [(one["au"], one["value"]) for one in found["labels"]] == [(4, 0), (12, 1)]
    assert page.state()["recordings"][0]["labelled"] == 1
    _, undone = page.post("/api/undo", {"coder": "AB"})
    assert [(one["au"], one["value"]) for one in undone["changed"]] == [(4, None), (12, None)]
    assert page.state()["coders"] == []


def test_a_page_that_does_not_know_what_another_one_said_says_nothing_and_is_told(page: Page) -> None:
    rec = page.rec()
    about = {"coder": "AB", "recording": rec}
    known = page.client.get("/api/labels", params=about).json()["batch"]
    assert page.post("/api/labels", {**about, "statements": [label()], "known": known})[1] == {"said": 1, "batch": 1}
    assert page.state()["said"] == {"coder": "AB", "batch": 1}
    for path in ("/api/labels", "/api/undo", "/api/redo"):
        answer = page.post(path, {**about, "statements": [label(value=0)], "known": known})
        assert answer == (200, {"elsewhere": True})
    assert [one["value"] for one in page.client.get("/api/labels", params=about).json()["labels"]] == [1]
    _, undone = page.post("/api/undo", {"coder": "AB", "known": 1})
    assert (undone["batch"], len(undone["changed"])) == (2, 1)
    assert page.post("/api/labels", {**about, "statements": [label()], "known": "1"})[0] == 400


def test_marks_are_kept_and_told(page: Page) -> None:
    about = {"coder": "AB", "recording": page.rec()}
    assert page.post("/api/labels", {**about, "statements": [label(value="marked", mark="apex")]})[0] == 200
    (mark,) = page.client.get("/api/labels", params=about).json()["labels"]
    assert (mark["mark"], mark["frame"], mark["au"]) == ("apex", 3, 12)
    assert page.state()["recordings"][0]["labelled"] == 0
    assert page.post("/api/labels", {**about, "statements": [label(mark="apex")]})[0] == 400


def test_marks_come_in_with_the_labels_of_their_file_and_one_undo_takes_both_back(page: Page) -> None:
    about = {"recording": page.rec()}
    statements = [label(), label(value="marked", mark="onset"), label(frame=4, value="present", source="between")]
    page.post("/api/labels", {**about, "coder": "AB", "statements": statements})
    log = (page.folder / "labels.jsonl").read_bytes()
    answer = page.client.post("/api/import?name=labels.jsonl&coder=CD", content=log)
    assert (answer.status_code, answer.json()["said"]) == (200, 3)
    found = page.client.get("/api/labels", params={**about, "coder": "CD"}).json()["labels"]
    kept = [(one["frame"], one["value"], one["source"], one["mark"]) for one in found]
    assert kept == [(3, 1, "human", None), (3, "marked", "human", "onset"), (4, "present", "between", None)]
    assert len(page.post("/api/undo", {"coder": "CD"})[1]["changed"]) == 3


@pytest.mark.slow
def test_labels_and_marks_beyond_the_end_of_an_analysed_recording_are_refused(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = Page(tmp_path / "study", analysed(shared(tmp_path_factory)))
    page.client.post("/api/recordings/demo")
    about = {"coder": "AB", "recording": page.rec()}
    last, beyond = (label(frame=frame, value="marked", mark="offset") for frame in (194, 195))
    assert page.post("/api/labels", {**about, "statements": [last]})[0] == 200
    refused = (400, {"error": "frame 195 is beyond clip.mp4, which has 195, counted from 0"})
    assert page.post("/api/labels", {**about, "statements": [last, beyond]}) == refused
    log = (page.folder / "labels.jsonl").read_text().replace('"frame": 194', '"frame": 195')
    log += log.replace('"marked"', "1").replace(', "mark": "offset"', "")
    answer = page.client.post("/api/import?name=labels.jsonl&coder=CD", content=log.encode())
    assert (answer.status_code, answer.json()) == refused
    page.studio.close()


WRONG = {"face": "0", "frame": -1, "au": 999, "value": 9, "side": "left", "source": "guess"}
TIMES = (math.nan, math.inf, "0.1s", None, True, 10**400, -1e300)


@pytest.mark.parametrize(("name", "value"), [*WRONG.items(), *(("time_s", time) for time in TIMES)])
def test_a_wrong_label_is_one_line_and_nothing_is_said(page: Page, name: str, value: object) -> None:
    said = {"coder": "AB", "recording": page.rec(), "statements": [label(), label(**{name: value})]}
    status, answer = page.post("/api/labels", json.dumps(said).encode())
    if (name, value) == ("time_s", True):
        assert status in (200, 400)  # 1.0 s
        return
    assert status == 400
    assert "\n" not in answer["error"]
    assert page.state()["coders"] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/api/labels", b"{"),
        ("/api/labels", b"[" * 100_000),
        ("/api/labels", []),
        ("/api/labels", {"coder": "AB", "recording": "no", "statements": [label()]}),
        ("/api/labels", {"coder": "\u202e", "recording": "no", "statements": [label()]}),
        ("/api/labels", {"coder": "AB", "statements": 5}),
        ("/api/undo", {}),
        ("/api/undo", {"coder": "\ud800"}),
        ("/api/recordings", {"path": ""}),
        ("/api/recordings", {"path": "clip.mp4"}),
        ("/api/recordings", {"path": "~nobodyhere/x"}),
        ("/api/recordings", {"path": "/no/such/file.mp4"}),
        ("/api/recordings", {"path": "\ud800"}),
        ("/api/recordings/no/watch", {}),
        ("/api/suggest", {"budget": "2 %%"}),
        ("/api/suggest", {"budget": 5}),
        ("/api/train", {"goal": "these", "spread": "none"}),
        ("/api/model", {"id": "../../x"}),
        ("/api/model", {"id": "7"}),
        ("/api/export", {"format": "csv"}),
        ("/api/export", {"format": "pdf", "coder": "AB"}),
        ("/api/coded", {"aus": [True]}),
        ("/api/coded", {"aus": []}),
    ],
)
def test_what_cannot_be_done_is_one_line(page: Page, path: str, value: object) -> None:
    status, answer = page.post(path, value)
    assert status == 400, answer
    assert answer["error"]
    assert "\n" not in answer["error"]
    page.state()


@pytest.mark.parametrize(
    "path",
    [
        "/page/../state.py",
        "/page/..%2f..%2fpyproject.toml",
        "/page/__init__.py",
        "/page/%2e%2e/app.py",
        "/api/exports/..%2flabels.jsonl",
        "/api/exports/.lock",
        "/api/recordings/no/still/0",
        "/api/agreement?a=AB&b=AB",
        "/api/agreement?a=AB&b=CD&tolerance_s=nan",
    ],
)
def test_nothing_but_the_page_and_the_project_is_served(page: Page, path: str) -> None:
    assert page.client.get(path).status_code in (400, 404)


def test_a_still_of_a_number_that_is_none(page: Page) -> None:
    for index in ("9" * 5000, "99999999"):
        assert page.client.get(f"/api/recordings/{page.rec()}/still/{index}").status_code in (400, 404)
    assert page.client.get(f"/api/recordings/{page.rec()}/still/0?w=-1").status_code == 400


def upload(page: Page, name: str, content: bytes) -> tuple[int, dict]:
    answer = page.client.post(f"/api/recordings/upload?name={name}", content=content)
    return answer.status_code, answer.json()


def test_a_picked_file_is_copied_under_a_name_of_its_own(page: Page, tmp_path: Path) -> None:
    clip = demo_clip().read_bytes()
    status, answer = upload(page, "..%2F..%2Fanna.mp4", clip + b"1")
    assert status == 200, answer
    assert upload(page, "anna.mp4", clip + b"22")[0] == 200
    names = sorted(path.name for path in (page.folder / "recordings").iterdir())
    assert names == ["anna-2.mp4", "anna.mp4"]
    assert (page.folder / "recordings" / "anna-2.mp4").read_bytes() == clip + b"22"
    for name, content in (("notes.mp4", b"no video"), ("x.exe", clip), ("", clip), ("anna.mp4", clip + b"1")):
        assert upload(page, name, content)[0] == 400
    assert sorted(path.name for path in (page.folder / "recordings").iterdir()) == names


def test_two_files_of_one_name_at_once_do_not_touch_each_other(page: Page) -> None:
    clip, codes = demo_clip().read_bytes(), {}

    def send(n: int) -> None:
        codes[n] = upload(page, "talk.mp4", clip + b"x" * n)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in codes.values()} == {200}, codes
    sizes = sorted(path.stat().st_size - len(clip) for path in (page.folder / "recordings").iterdir())
    assert sizes == [1, 2, 3, 4, 5]


def test_what_cannot_be_written_did_not_happen(page: Page) -> None:
    kept = page.folder / "recordings.json"
    kept.unlink()
    kept.mkdir()
    (kept / "in the way").touch()
    before = page.state()["recordings"]
    assert page.client.delete(f"/api/recordings/{before[0]['id']}").status_code == 400
    assert page.post(f"/api/recordings/{before[0]['id']}", {"subject": "anna"})[0] == 400
    assert page.state()["recordings"] == before


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", '{"faces_frames": 1e400, "frames": []}', '{"faces_frames": 1, "frames": [{"frame": 1}]}'],
)
def test_a_damaged_list_of_frames_leaves_the_other_views(page: Page, text: str) -> None:
    (page.folder / "to-label.json").write_text(text)
    assert "to-label.json" in page.state()["queue"]["error"]
    assert page.client.get("/api/queue?coder=AB").status_code == 400


def test_a_damaged_model_is_not_chosen_and_one_that_was_is_replaced_by_the_bundled_one(page: Page) -> None:
    shutil.copy(page.studio.model_path(), page.studio.project.place("models") / "001.ks")
    assert page.post("/api/model", {"id": "001"})[0] == 200
    (page.folder / "models" / "001.ks").write_bytes(b"PK no model")
    assert page.state()["model"] == "bundled"
    assert page.post("/api/model", {"id": "001"})[0] == 400


def test_an_import_that_is_none_names_the_picked_file(page: Page) -> None:
    answer = page.client.post("/api/import?name=codes.csv&coder=AB", content=b"frame,AU12\n1,7\n")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("codes.csv")
    line = {**label(), "video": "b" * 64, "recording": "x", "side": None, "coder": "AB", "source": "human", "when": ""}
    for wrong in ({"batch": "x"}, {"undoes": 1e400}, {"time_s": math.nan}):
        content = json.dumps({**line, "batch": 1, **wrong}) + "\n"
        assert page.client.post("/api/import?name=a.jsonl&coder=AB", content=content.encode()).status_code == 400
