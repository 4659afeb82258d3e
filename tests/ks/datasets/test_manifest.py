"""Anybody's videos, described by one CSV file."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets import UNKNOWN, load_dataset, manifest
from knowledge_spreader.errors import DataError
from tests.ks.datasets.trees import plant_names, plant_table, plant_video

HEADER = ("video", "subject", "frame", "AU01", "au12")


def test_every_picture_is_there_and_those_not_listed_are_unknown(tmp_path: Path) -> None:
    plant_video(tmp_path / "clips" / "anna.avi", 5, fps=20)
    rows = [("clips/anna.avi", "Anna", 3, 1, 0), ("./clips/anna.avi", "Anna", 0, "", 1)]  # two spellings of one path
    path = plant_table(tmp_path / "labels.csv", HEADER, rows)
    data = load_dataset("manifest", path)
    assert (data.aus, data.fps) == ((1, 12), pytest.approx(20.0))
    (video,) = data.videos
    assert (video.name, video.subject, video.source) == ("anna", "Anna", tmp_path / "clips" / "anna.avi")
    assert video.frames.tolist() == video.pictures.tolist() == [0, 1, 2, 3, 4]
    u = UNKNOWN
    assert video.labels.tolist() == [[u, 1], [u, u], [u, u], [1, 0], [u, u]]
    assert video.labels.flags.writeable


def test_in_a_folder_the_frame_is_the_number_in_the_name(tmp_path: Path) -> None:
    plant_names(tmp_path / "bob", ["0007.jpg", "0008.jpg", "0010.jpg"])
    path = plant_table(tmp_path / "labels.csv", HEADER, [("bob", "Bob", 10, 1, 0)])
    (video,) = manifest.load(path).videos
    assert video.name == "bob"
    assert video.frames.tolist() == [7, 8, 10]  # 9 is a gap
    assert video.pictures.tolist() == [0, 1, 2]
    assert video.labels[2].tolist() == [1, 0]
    plant_table(path, HEADER, [("bob", "Bob", 0, 1, 0)])
    with pytest.raises(DataError, match=r"labels\.csv, line 2: no frame 0 in .*bob, which has 7 to 10"):
        manifest.load(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_common_csv_dialects_are_read(tmp_path: Path, delimiter: str, mark: bytes, newline: str) -> None:
    plant_names(tmp_path / "größe 顔", ["0.jpg", "1.jpg"])
    rows = [("größe 顔", "a", 0, 1, "NaN"), ("", "", "", "", ""), ("größe 顔", "a", " 1 ", "1.0", 9)]
    path = plant_table(tmp_path / "labels.csv", HEADER, rows, newline, delimiter)
    path.write_bytes(mark + path.read_bytes())
    (video,) = manifest.load(path).videos
    assert video.name == "größe 顔"
    assert video.labels.tolist() == [[1, UNKNOWN], [1, UNKNOWN]]


def test_a_folder_with_one_csv_an_absolute_path_and_backslashes_are_understood(tmp_path: Path) -> None:
    plant_names(tmp_path / "far" / "a", ["0.jpg"])
    plant_names(tmp_path / "set" / "near" / "b", ["0.jpg"])
    rows = [(tmp_path / "far" / "a", "x", 0, 1, 0), ("near\\b", "y", 0, 0, 1)]
    plant_table(tmp_path / "set" / "labels.csv", HEADER, rows)
    data = manifest.load(tmp_path / "set")
    assert [video.source for video in data.videos] == [tmp_path / "far" / "a", tmp_path / "set" / "near" / "b"]


@pytest.mark.parametrize("name", ["AU12", "AU 12", "AU-12", "AU_12", "au12", "AU012", "AU12_c", "AU12_C", " aU 12 "])
def test_a_column_is_used_where_its_meaning_is_plain(tmp_path: Path, name: str) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    data = manifest.load(plant_table(tmp_path / "l.csv", ("video", "frame", "AU1", name), [("a", 0, 0, 1)]))
    assert (data.aus, data.videos[0].labels.tolist()) == ((1, 12), [[0, 1]])
    assert not any("not used" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AU12_r", "'AU12_r' is an intensity; make a column AU12 of it"),
        ("AU 12 intensity", "is an intensity"),
        ("AU12L", "'AU12L' is one side of the face; make one column AU12: 1 where either side shows it"),
        ("AU12_right", "is one side of the face"),
        ("R12", "is one side of the face"),
        ("12", "'12' looks like AU12, but its meaning is not plain"),
        ("AU12?", "looks like AU12"),
        ("AU12_smile", "looks like AU12"),
        ("AU6+12", "looks like AU6"),
        ("FAU12", "looks like AU12"),
        ("Action Unit 12", "looks like AU12"),
        ("AU_1", "AU1 has two columns, 'AU1' and 'AU_1'; keep one"),
        ("AU51", "AU51 is not among the facial AUs that can be learned; choose the others with --aus 1"),
    ],
)
def test_a_column_that_looks_like_an_au_is_refused_rather_than_dropped(tmp_path: Path, name: str, message: str) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1", name), [("a", 0, 1, 1)])
    with pytest.raises(DataError, match=r"l\.csv, line 1: ") as caught:
        manifest.load(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    if "two columns" not in message:  # whoever asks for other AUs does not need it
        assert manifest.load(path, (1,)).aus == (1,)


def test_other_columns_are_named_as_not_used(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    header = ("video", "frame", "AU1_c", "AU1_r", "audio", "Participant", "")
    data = manifest.load(plant_table(tmp_path / "l.csv", header, [("a", 0, 1, 3.5, "x", "y", "")]))
    assert "columns that are not used: 'AU1_r', 'audio', 'Participant'" in data.notes


@pytest.mark.parametrize("text", ["NA", "na", "NaN", "nan", "", " ", "9", "9.0"])
def test_an_unknown_label_may_be_written_as_r_pandas_and_coders_do(tmp_path: Path, text: str) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    data = manifest.load(plant_table(tmp_path / "l.csv", ("video", "frame", "AU1", "AU12"), [("a", 0, 1, text)]))
    assert data.videos[0].labels.tolist() == [[1, UNKNOWN]]


def test_chosen_aus_come_in_the_chosen_order(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1_c", "AU012", "AU1_r"), [("a", 0, 1, 0, 3.5)])
    data = manifest.load(path, (12, 4, 1))
    assert data.aus == (12, 4, 1)
    assert data.videos[0].labels.tolist() == [[0, UNKNOWN, 1]]
    assert "AU4 has no column; its labels are unknown" in data.notes


def test_without_a_subject_column_each_video_is_its_own_subject(tmp_path: Path) -> None:
    for name in ("b", "a", "d", "c"):
        plant_names(tmp_path / name, ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1"), [(name, 0, 1) for name in "badc"])
    data = manifest.load(path)
    assert data.subjects == ("a", "b", "c", "d")
    assert data.parts == (("a", "d"), ("b",), ("c",))
    assert any("each video counts as one subject" in note for note in data.notes)
    assert any("4 subjects, sorted by name, are dealt in turn into 3 parts" in note for note in data.notes)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("1", "01", True),
        ("Anna", "anna", True),
        ("P1", "P_001", True),
        ("1", "1.0", True),
        ("Jos\u00e9", "Jose\u0301", True),
        ("1", "10", False),
        ("P1", "Q1", False),
    ],
)
def test_subjects_that_look_like_one_person_are_named(tmp_path: Path, one: str, other: str, alike: bool) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    plant_names(tmp_path / "b", ["0.jpg"])
    rows = [("a", one, 0, 1), ("b", other, 0, 1)]
    data = manifest.load(plant_table(tmp_path / "l.csv", ("video", "subject", "frame", "AU1"), rows))
    said = [note for note in data.notes if "look like one person" in note]
    assert len(data.subjects) == 2  # a note, not a decision
    assert bool(said) == alike
    if alike:
        assert repr(one) in said[0]
        assert repr(other) in said[0]


def test_blanks_around_a_subject_do_not_make_a_second_person(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    plant_names(tmp_path / "b", ["0.jpg"])
    rows = [("a", "Anna ", 0, 1), ("b", " Anna", 0, 1)]
    assert manifest.load(plant_table(tmp_path / "l.csv", ("video", "subject", "frame", "AU1"), rows)).subjects == (
        "Anna",
    )


def test_a_subject_that_r_would_write_for_unknown_is_named(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    data = manifest.load(plant_table(tmp_path / "l.csv", ("video", "subject", "frame", "AU1"), [("a", "NA", 0, 1)]))
    assert any("the subject 'NA' is counted as one person" in note for note in data.notes)


def test_one_subject_makes_one_part(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1"), [("a", 0, 1)])
    assert manifest.load(path).parts == (("a",),)


def test_names_are_unique_and_can_name_a_file(tmp_path: Path) -> None:
    for name in ("x/front", "y/front"):
        plant_names(tmp_path / name, ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1"), [("x/front", 0, 1), ("y/front", 0, 0)])
    assert [video.name for video in manifest.load(path).videos] == ["x_front", "y_front"]


def test_a_part_column_gives_the_folds(tmp_path: Path) -> None:
    for name in "abc":
        plant_names(tmp_path / name, ["0.jpg"])
    header = ("video", "subject", "frame", "part", "AU1")
    path = plant_table(tmp_path / "l.csv", header, [("a", "A", 0, 2, 1), ("b", "B", 0, 1, 1), ("c", "A", 0, 2, 1)])
    data = manifest.load(path)
    assert data.parts == (("B",), ("A",))
    assert data.fold(1) == (("B",), ("A",))
    assert not any("dealt" in note for note in data.notes)
    plant_table(path, header, [("a", "A", 0, 2, 1), ("b", "B", 0, 1, 1), ("c", "A", 0, 1, 1)])
    with pytest.raises(DataError, match=r"subject A is in two parts \(part 2 in line 2, part 1 in line 4\)"):
        manifest.load(path)
    plant_table(path, header, [("a", "A", 0, 3, 1), ("b", "B", 0, 1, 1)])
    with pytest.raises(DataError, match="there is part 3 but no part 2"):
        manifest.load(path)


def test_the_rate_is_the_arguments_then_the_videos_then_25(tmp_path: Path) -> None:
    plant_names(tmp_path / "a", ["0.jpg"])
    path = plant_table(tmp_path / "l.csv", ("video", "frame", "AU1"), [("a", 0, 1)])
    assert manifest.load(path).fps == 25.0
    assert any("assuming 25 frames per second" in note for note in manifest.load(path).notes)
    assert manifest.load(path, fps=12.5).fps == 12.5
    assert not any("assuming" in note for note in manifest.load(path, fps=12.5).notes)
    for name, fps in (("b.avi", 30), ("c.avi", 30), ("d.avi", 20)):
        plant_video(tmp_path / name, 4, fps)
    plant_table(path, ("video", "frame", "AU1"), [(name, 0, 1) for name in ("a", "b.avi", "c.avi", "d.avi")])
    data = manifest.load(path)
    assert data.fps == pytest.approx(30.0)  # the middle one
    assert any("20 to 30 frames per second" in note for note in data.notes)


ROW = ("a", "A", 0, 1, 0)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, [("nowhere.mp4", "A", 0, 1, 0)], r"line 2: no video or folder 'nowhere\.mp4'"),
        (HEADER, [("", "A", 0, 1, 0)], "line 2: no video or folder ''"),
        (HEADER, [ROW, ("a", "A", "one", 1, 0)], "line 3: frame must be a whole number from 0; got 'one'"),
        (HEADER, [("a", "A", -1, 1, 0)], "line 2: frame must be a whole number from 0; got '-1'"),
        (HEADER, [ROW, ROW], "line 3: frame 0 of this video is already in line 2"),
        (HEADER, [("a", "A", 0, 2, 0)], "line 2: AU1 is '2'; wanted 1, 0, or blank"),
        (HEADER, [("a", "A", 0, 1, "yes")], "line 2: AU12 is 'yes'"),
        (HEADER, [ROW, ("a", "B", 1, 1, 0)], "line 3: a video must have one subject and one part; line 2 has others"),
        (HEADER, [("a", " ", 0, 1, 0)], "line 2: the subject is blank"),
        (HEADER, [("a", "A", 0)], "line 2: 3 cells, but the header needs 5"),
        (HEADER, [("a", "A", 9, 1, 0)], "line 2: no frame 9 in .*a, which has 0 to 1"),
        (HEADER, [("a", "A", 0, "", "")], "no label for AUs 1, 12"),
        (HEADER, [("empty", "A", 0, 1, 0)], "empty: contains no picture"),
        (HEADER, [("unnumbered", "A", 0, 1, 0)], r"portrait\.jpg: the name of an image must contain its frame number"),
        (HEADER, [], "no row below the header"),
        (("video", "AU1"), [("a", 1)], "line 1: wanted columns video, frame and AU1"),
        (("video", "frame", "smile"), [("a", 0, 1)], "line 1: no AU column"),
        (("video", "frame", "AU1", "au01"), [("a", 0, 1, 1)], "line 1: AU1 has two columns"),
        (("video", "frame", "AU1", "frame"), [("a", 0, 1, 1)], "line 1: two columns 'frame'"),
        (("video", "frame", "part", "AU1"), [("a", 0, 0, 1)], "line 2: part must be a whole number from 1; got '0'"),
    ],
)
def test_anything_unexpected_is_named_by_line(
    tmp_path: Path, header: tuple[object, ...], rows: list[tuple[object, ...]], message: str
) -> None:
    plant_names(tmp_path / "a", ["0.jpg", "1.jpg"])
    plant_names(tmp_path / "unnumbered", ["portrait.jpg"])
    plant_names(tmp_path / "empty", [])
    with pytest.raises(DataError, match=message) as caught:
        manifest.load(plant_table(tmp_path / "labels.csv", header, rows))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_csv_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wanted one CSV file in this folder, found 0"):
        manifest.load(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        manifest.load(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00video")
    with pytest.raises(DataError, match="cannot read this text file"):
        manifest.load(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_bytes(b"")
    with pytest.raises(DataError, match="wanted columns video, frame"):
        manifest.load(tmp_path / "labels.csv")


def test_a_hundred_thousand_rows_load_in_seconds(tmp_path: Path) -> None:
    n = 100_000
    plant_names(tmp_path / "a", [f"{i}.jpg" for i in range(1000)])
    aus = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
    lines = [f"v{i // 1000},{i % 1000}," + ",".join("01"[(i + au) % 2] for au in aus) for i in range(n)]
    for k in range(n // 1000):
        (tmp_path / f"v{k}").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "l.csv").write_text("video,frame," + ",".join(f"AU{au}" for au in aus) + "\n" + "\n".join(lines))
    data = manifest.load(tmp_path / "l.csv")
    assert sum(len(video.frames) for video in data.videos) == n
    assert np.mean([video.labels.mean() for video in data.videos]) == pytest.approx(0.5)
