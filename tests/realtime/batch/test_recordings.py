"""Which recordings a command line means: each once, and what is not there by its name."""

import os
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.batch.recordings import Found, find


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """videos/{a.mp4, day2/b.MOV, day2/notes.txt, frames/{001,002}.png, .hidden.mp4}, and we stand above it."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "day2/b.MOV", "day2/notes.txt", "frames/001.png", "frames/002.png", ".hidden.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def found(*given: str) -> Found:
    return find(given, Path("results"))


def names(*given: str) -> list[str]:
    return [job.name for job in found(*given).jobs]


ALL = ["videos/a.mp4", "videos/day2/b.MOV", "videos/frames"]


def test_a_folder_means_all_videos_and_folders_of_images_below_it() -> None:
    assert sorted(names("videos")) == ALL


def test_paths_are_absolute_and_names_are_as_given(tree: Path) -> None:
    (job,) = found("videos/a.mp4").jobs
    assert (job.path, job.name, job.bytes) == (str(tree / "videos/a.mp4"), "videos/a.mp4", 5)  # it holds "a.mp4"


def test_a_pattern_a_list_and_a_table_lead_to_them_too(tree: Path) -> None:
    (tree / "list.txt").write_text("# two\nvideos/a.mp4\n\nvideos/day2\n")
    (tree / "videos/study.csv").write_text("Video;Subject;Session\na.mp4;Anna;1\nday2/b.MOV;Ben;2\n")
    (tree / "tabs.tsv").write_text("path\tperson\nvideos/a.mp4\tAnna\n")
    assert names("videos/*/*.MOV") == ["videos/day2/b.MOV"]
    assert names("videos/**/*.m*") == ["videos/a.mp4"]
    assert names("@list.txt") == ["videos/a.mp4", "videos/day2/b.MOV"]
    jobs = found("videos/study.csv").jobs
    assert [(job.name, job.subject, job.session) for job in jobs] == [
        ("videos/a.mp4", "Anna", "1"),
        ("videos/day2/b.MOV", "Ben", "2"),
    ]
    assert [(job.subject, job.session) for job in found("tabs.tsv").jobs] == [("Anna", "")]


def test_each_is_there_once_whatever_ways_lead_to_it(tree: Path) -> None:
    (tree / "study.csv").write_text("video,subject\nvideos/a.mp4,Anna\n")
    (tree / "link.mp4").symlink_to("videos/a.mp4")
    (tree / "videos/circle").symlink_to(tree / "videos")
    jobs = found("videos", "videos/a.mp4", "link.mp4", "study.csv").jobs
    assert sorted(job.name for job in jobs) == ALL
    assert [job.subject for job in jobs if job.name == "videos/a.mp4"] == ["Anna"]


def test_the_results_are_no_recordings(tree: Path) -> None:
    (tree / "videos/results").mkdir()
    (tree / "videos/results/c.mp4").write_text("c")
    assert sorted(job.name for job in find(["videos"], Path("videos/results")).jobs) == ALL


def test_what_is_not_there_is_told_and_the_others_stay(tree: Path) -> None:
    (tree / "study.csv").write_text("video,subject\nvideos/a.mp4,Anna\nvideos/lost.mp4,Ben\n")
    got = found("study.csv", "gone.mp4", "*.avi")
    assert [job.name for job in got.jobs] == ["videos/a.mp4"]
    assert [(failed.job.subject, failed.reason) for failed in got.missing] == [
        ("Ben", "videos/lost.mp4: no such file or folder; check the path"),
        ("", "gone.mp4: no such file or folder; check the path"),
        ("", "*.avi: nothing matches this pattern; check it"),
    ]


def test_a_pipe_is_no_recording(tree: Path) -> None:
    os.mkfifo(tree / "pipe.mp4")
    assert [failed.reason for failed in found("videos/a.mp4", "pipe.mp4").missing] == [
        "pipe.mp4: no regular file; check the path"
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["gone.mp4"], "gone.mp4: no such file or folder"),
        (["empty"], "empty: no video and no folder of images; give videos"),
        (["@gone.txt"], "@gone.txt: cannot be read as a list of recordings (No such file or directory)"),
        (["@comment.txt"], "@comment.txt: the list is empty"),
        (["bad.csv"], "bad.csv: wanted a table with a column video; got 'name,age'"),
        (["blank.csv"], "blank.csv, line 2: the column video is empty"),
        (["two.csv"], "videos/a.mp4: its subject is 'Ben' here and 'Anna' elsewhere"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_one_line(tree: Path, given: list[str], why: str) -> None:
    (tree / "empty").mkdir()
    (tree / "comment.txt").write_text("# nothing\n")
    (tree / "bad.csv").write_text("name,age\nx,1\n")
    (tree / "blank.csv").write_text("video,subject\n,Anna\n")
    (tree / "two.csv").write_text("video,subject\nvideos/a.mp4,Anna\nvideos/a.mp4,Ben\n")
    with pytest.raises(DataError) as told:
        found(*given)
    assert str(told.value).startswith(why)
    assert "\n" not in str(told.value)
