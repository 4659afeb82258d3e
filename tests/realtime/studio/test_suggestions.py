"""Which frames a project asks for, on recordings of the demo clip's face."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Project
from knowledge_spreader.realtime.studio.store.statement import UNSCORABLE, Statement
from knowledge_spreader.realtime.studio.suggestions import queue, suggest
from tests.realtime.adapt.clips import piece

FRAMES = 130  # all of them show the face


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    piece(folder / "a.mp4", range(0, 30))
    piece(folder / "b.mp4", range(30, 130))
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, videos: Path, cache: Path) -> Iterator[Project]:
    with Project(tmp_path / "study", cache) as made:
        made.add(videos)
        yield made


@pytest.fixture
def options(tiny_file: ModelFile) -> Options:
    return Options(model=str(tiny_file.path), threads=1)


def test_the_list_grows_by_other_frames_and_says_which_are_done(project: Project, options: Options) -> None:
    log = LabelLog(project.labels_file)
    assert queue(project, log, "xy") == {"frames": [], "wanted": 0, "done": 0, "share": 0.0, "faces_frames": 0}
    first = suggest(project, 2, log.state(), options)
    assert len(first) == 2
    names = {rec.id: rec.name for rec in project.recordings()}
    assert {names[one["recording"]] for one in first} == {"a.mp4", "b.mp4"}  # one of each recording first
    assert all(one["time_s"] == pytest.approx(one["frame"] / 25) for one in first)
    assert {one["why"] for one in first} == {"spread"}

    one, other = first
    rec = project.recording(one["recording"])
    said = Statement(
        rec.video, project.spelled(rec), one["face"], one["frame"], one["time_s"], 12, UNSCORABLE, coder="xy"
    )
    log.say([said])
    found = queue(project, log, "xy")
    assert [frame["done"] for frame in found["frames"]] == [True, False]
    assert (found["wanted"], found["done"], found["faces_frames"]) == (2, 1, FRAMES)
    assert found["share"] == pytest.approx(1 / FRAMES)
    assert queue(project, log, "ab")["done"] == 0  # another coder has said nothing
    assert queue(project, log, "")["done"] == 1  # somebody has

    second = suggest(project, 0.02, log.state(), options)  # 2 % of 130 are 2.6, so 3
    assert len(second) == 3
    every = [*first, *second]
    for at in (one, other, *second):
        near = [two for two in every if two["recording"] == at["recording"] and abs(two["time_s"] - at["time_s"]) < 0.5]
        assert near == [at]  # none again, and none beside it, labelled or not
    assert queue(project, log, "xy")["wanted"] == 5

    project.remove(one["recording"])
    assert queue(project, log, "xy")["done"] == 0  # what was taken off is not asked for


def test_a_list_is_replaced_whole_or_stays_and_a_broken_one_is_said(project: Project, options: Options) -> None:
    suggest(project, 2, [], options)
    path = project.folder / "to-label.json"
    before = path.read_bytes()
    suggest(project, FRAMES, [], options)  # as many as lie half a second apart
    with pytest.raises(DataError, match="every frame with a face has a label"):
        suggest(project, 1, [], options)
    assert json.loads(path.read_bytes())["frames"][:2] == json.loads(before)["frames"]
    assert [name for name in os.listdir(project.folder) if name.startswith(".to-label")] == []
    path.write_text('{"frames": 3}')
    with pytest.raises(DataError, match="is not the studio's list of frames"):
        queue(project, LabelLog(project.labels_file), "xy")
