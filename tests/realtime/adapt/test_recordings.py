"""recordings.py: what is meant by a folder, a list or files, whose it is, and names that are unique."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.recordings import find_recordings


def files(folder: Path, *names: str) -> list[Path]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a video")
    return [folder / name for name in names]


def test_a_folder_gives_its_videos_in_order_and_folders_of_pictures(tmp_path: Path) -> None:
    files(tmp_path, "b.MP4", "a.mov", "notes.txt", ".hidden.mp4", "deeper/c.mp4")
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames/1.png"), np.zeros((8, 8, 3), np.uint8))
    found = find_recordings([tmp_path])
    assert [one.name for one in found] == ["a.mov", "b.MP4", "frames"]
    assert [one.person for one in found] == ["a.mov", "b.MP4", "frames"]
    assert [one.path for one in find_recordings([tmp_path / "frames"])] == [tmp_path / "frames"]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_list_says_whose_a_recording_is_and_may_name_it_in_many_rows(tmp_path: Path, mark: str) -> None:
    files(tmp_path, "v/a.mp4", "v/b.mp4")
    rows = ["Video,Subject,frame", "v/a.mp4,anna,1", "v/a.mp4,anna,2", "v/b.mp4,,1"]
    (tmp_path / "list.csv").write_text("\n".join(rows).replace(",", mark))
    found = find_recordings([tmp_path / "list.csv"])
    assert [(one.path, one.person) for one in found] == [
        (tmp_path / "v/a.mp4", "anna"),
        (tmp_path / "v/b.mp4", "b.mp4"),
    ]


def test_names_that_clash_grow_until_they_differ_and_those_that_decide_what_is_apart_do_not(tmp_path: Path) -> None:
    given = files(tmp_path, "x/day1/a.mp4", "y/day1/a.mp4", "y/day2/a.mp4", "b.mp4")
    found = find_recordings(given)
    assert [one.name for one in found] == ["x/day1/a.mp4", "y/day1/a.mp4", "day2/a.mp4", "b.mp4"]
    assert len({one.person for one in found}) == 4
    assert [one.file_name for one in found] == ["a.mp4", "a.mp4", "a.mp4", "b.mp4"]
    assert find_recordings(given[:1])[0].file_name == "a.mp4"


def test_thousands_are_no_problem(tmp_path: Path) -> None:
    files(tmp_path, *(f"{i}.mp4" for i in range(3000)))
    assert len({one.name for one in find_recordings([tmp_path])}) == 3000


def test_the_same_recording_twice_is_refused_also_by_another_name(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "a.mp4")
    (tmp_path / "link.mp4").symlink_to(path)
    for given in ([path, path], [tmp_path]):
        with pytest.raises(DataError, match="is given twice; give each recording once"):
            find_recordings(given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "wanted a CSV with a column video"),
        ("name,subject\na.mp4,anna", "wanted a CSV with a column video; got 'name,subject'"),
        ("video\n\nmissing.mp4", "no video 'missing.mp4'; correct the path, which is relative to the list"),
        ("video,subject\na.mp4,anna\na.mp4,ben", "a.mp4 is of 'ben', and of 'anna' above; correct one"),
        ("video\n", "no video in there"),
        (b"\xff\xfev\0", "cannot be read as a list"),
    ],
)
def test_a_list_that_is_none_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    files(tmp_path, "a.mp4")
    (tmp_path / "list.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError, match=message) as refused:
        find_recordings([tmp_path / "list.csv"])
    assert "\n" not in str(refused.value)


def test_a_folder_without_recordings_and_a_path_that_is_not_there_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "notes.doc")
    with pytest.raises(DataError, match="no video in there; give videos, or folders of them"):
        find_recordings([tmp_path])
    with pytest.raises(DataError, match="no such file or folder"):
        find_recordings([tmp_path / "nowhere"])
