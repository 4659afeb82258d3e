"""project.py: the folder of a study, its recordings by content, and who may open it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.store.project import Project


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Path(shutil.copy(demo_clip(), tmp_path / "anna.mp4"))


def test_a_new_folder_becomes_a_project_and_is_found_again(tmp_path: Path, clip: Path) -> None:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        [rec] = project.add(clip)
        project.set_subject(rec.id, "anna")
        project.set("model", "001")
    with Project(tmp_path / "study", tmp_path / "cache") as again:
        assert [(one.id, one.name, one.subject) for one in again.recordings()] == [(rec.id, "anna.mp4", "anna")]
        assert again.setting("model", "") == "001"
        assert again.recording(rec.id).path == clip
    assert json.loads((tmp_path / "study" / "project.json").read_text())["knowledge-spreader"] == "studio"


def test_a_recording_is_its_content(tmp_path: Path, clip: Path) -> None:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        [rec] = project.add(clip)
        copy = shutil.copy(clip, tmp_path / "the same.mp4")
        assert project.add(Path(copy)) == []
        moved = clip.rename(tmp_path / "moved.mp4")
        with pytest.raises(DataError, match="the file is gone; put it back"):
            project.check(rec)
        assert [one.id for one in project.add(moved)] == [rec.id]
        assert [one.path for one in project.recordings()] == [moved]


def test_other_pictures_under_the_same_name_are_not_it(tmp_path: Path, clip: Path) -> None:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        [rec] = project.add(clip)
        clip.touch()
        project.check(rec)  # a later date alone is no change
        clip.write_bytes(clip.read_bytes() + b"more")
        with pytest.raises(DataError, match="was changed since it was added, so its labels do not fit"):
            project.check(project.recording(rec.id))


def test_in_the_project_a_path_is_relative(tmp_path: Path, clip: Path) -> None:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        inside = shutil.copy(clip, project.place("recordings") / "anna.mp4")
        [rec] = project.add(Path(inside))
        assert project.spelled(rec) == "recordings/anna.mp4"
    (tmp_path / "study").rename(tmp_path / "elsewhere")
    with Project(tmp_path / "elsewhere", tmp_path / "cache") as project:
        project.check(project.recordings()[0])


def test_two_studios_on_one_project_are_refused_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path\n"
        "from knowledge_spreader.realtime.studio.store.project import Project\n"
        "project = Project(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "project.tell('http://127.0.0.1:8765/')\n"
        "print('open', flush=True)\n"
        "time.sleep(60)"
    )
    folder, cache = tmp_path / "study", tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", hold, folder, cache], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    with pytest.raises(DataError, match=r"another studio has it open at http://127\.0\.0\.1:8765/; use its page"):
        Project(folder, cache)
    process.kill()
    process.wait()
    process.stdout.close()
    Project(folder, cache).close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(DataError, match=r"is not a project of the studio and not empty \(thesis\.docx is in it\)"):
        Project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "cannot be read"), ('{"a": 1}', "not one of the studio"), ("[]", "not one of the studio")],
)
def test_a_wrong_project_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "project.json").write_text(text)
    with pytest.raises(DataError, match=says):
        Project(tmp_path)


def test_a_newer_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text('{"knowledge-spreader": "studio", "version": 2}')
    with pytest.raises(DataError, match="made by another version"):
        Project(tmp_path)


def test_what_is_no_recording_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        for wrong in ("notes.mp4", "empty", "nothing.mp4"):
            with pytest.raises(DataError):
                project.add(tmp_path / wrong)
        assert project.recordings() == []
