"""synth.dataset.drafts: files are there whole, or as they were before."""

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.synth.dataset.drafts import drafts


def test_all_files_take_their_places_at_the_end(tmp_path):
    table, video = tmp_path / "a.csv", tmp_path / "a.mp4"
    video.write_text("old")
    with drafts(table, video) as (table_draft, video_draft):
        assert video_draft.suffix == ".mp4"  # the format of a video is told by it
        table_draft.write_text("t")
        video_draft.write_text("new")
        assert video.read_text() == "old"
        assert not table.exists()
    assert (table.read_text(), video.read_text()) == ("t", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.mp4"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DataError])
def test_what_stood_there_outlives_a_stop(tmp_path, stop):
    video = tmp_path / "a.mp4"
    video.write_text("old")

    def write_half() -> None:
        with drafts(video) as (draft,):
            draft.write_text("hal")
            raise stop

    with pytest.raises(stop):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert video.read_text() == "old"


def test_a_folder_replaces_a_folder(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/1.jpg").touch()
    with drafts(tmp_path / "set") as (draft,):
        draft.mkdir()
        (draft / "2.jpg").touch()
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["2.jpg"]


def test_a_place_that_cannot_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file: cannot be written \(Not a directory\)"),
        drafts(tmp_path / "file/a.csv") as (draft,),
    ):
        draft.write_text("x")
