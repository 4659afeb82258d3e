"""BP4D, BP4D+ and MME: one table of occurrence and one folder of images for each recording."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets import UNKNOWN, bp4d, load_dataset, mme
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images
from tests.ks.datasets.trees import plant_names, plant_occ, plant_table

AUS = (1, 12)
HEADER = (0, 12, 1)  # columns are found by AU number: 12 stands before 1


def note(data: object, pattern: str) -> str:
    found = [text for text in data.notes if re.search(pattern, text)]  # type: ignore[attr-defined]
    assert len(found) == 1, f"{pattern!r} in {data.notes}"  # type: ignore[attr-defined]
    return found[0]


def test_frames_labels_and_images_of_a_recording_belong_together(tmp_path: Path) -> None:
    rows = [(643, 1, 0), (644, 0, 9), (1000, 0, 1)]  # frame, AU12, AU1
    plant_occ(tmp_path, "F001_T1", HEADER, rows, ["0642.jpg", "0643.jpg", "0644.jpg", "1000.jpg", "0643.obj"])
    data = bp4d.load(tmp_path, AUS)
    assert (data.name, data.aus, data.fps, data.subjects) == ("bp4d", AUS, 25.0, ("F001",))
    (video,) = data.videos
    assert (video.name, video.subject) == ("F001_T1", "F001")
    assert video.frames.tolist() == [643, 644, 1000]
    assert video.labels.tolist() == [[0, 1], [UNKNOWN, 0], [1, 0]]  # AU1, AU12; 9 is unknown
    images = list_images(video.source)
    assert [images[i].name for i in video.pictures] == ["0643.jpg", "0644.jpg", "1000.jpg"]
    assert (video.frames.dtype, video.pictures.dtype, video.labels.dtype) == (np.int32, np.int32, np.int8)


@pytest.mark.parametrize("padded", [False, True])
def test_names_may_be_padded_or_not(tmp_path: Path, padded: bool) -> None:
    names = [f"{frame:0{4 if padded else 1}}.jpg" for frame in (9, 10, 100)]
    plant_occ(tmp_path, "F001_T1", HEADER, [(9, 0, 0), (10, 1, 0), (100, 0, 1)], names)
    (video,) = bp4d.load(tmp_path, AUS).videos
    assert [list_images(video.source)[i].name for i in video.pictures] == names


def test_the_published_parts_give_the_folds(tmp_path: Path) -> None:
    for subject in ("F001", "M011", "F007"):  # the first of each part
        plant_occ(tmp_path, f"{subject}_T1", HEADER, [(1, 1, 0)])
    data = bp4d.load(tmp_path, AUS)
    assert [len(part) for part in data.parts] == [14, 14, 13]
    assert len({subject for part in data.parts for subject in part}) == 41
    assert data.fold(1) == (("F001", "M011"), ("F007",))  # fold 1 tests part 3
    assert data.fold(3) == (("M011", "F007"), ("F001",))


def test_the_twelve_aus_of_the_field_are_the_default(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", (0, *bp4d.AUS), [(1, *[1] * 12)])
    assert bp4d.load(tmp_path).aus == (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)


def test_tasks_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for task in ("T10", "T2", "T1"):
        plant_occ(tmp_path, f"F001_{task}", HEADER, [(1, 1, 0)])
    assert [video.name for video in mme.load(tmp_path, AUS).videos] == ["F001_T1", "F001_T2", "F001_T10"]
    assert [video.name for video in bp4d.load(tmp_path, AUS).videos] == ["F001_T1", "F001_T2"]  # BP4D has 8 tasks


@pytest.mark.parametrize(
    ("labels", "sequences"),
    [
        ("AUCoding/AU_OCC", "Sequences(2D+3D)"),
        ("aucoding/au_occ", "sequences"),
        ("AU_OCC", "2D+3D"),
        ("AUCoding", "BP4D"),
        ("BP4D/AUCoding/AU_OCC", "BP4D/Sequences(2D+3D)"),  # --root is one folder too high
        ("AU_OCC", "."),
    ],
)
def test_folders_are_found_whatever_their_names(tmp_path: Path, labels: str, sequences: str) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0)], labels=labels, sequences=sequences)
    (video,) = bp4d.load(tmp_path, AUS).videos
    assert video.source == tmp_path / sequences / "F001" / "T1"


def test_small_letters_and_padded_tasks_are_the_same_recording(tmp_path: Path) -> None:
    plant_table(tmp_path / "AU_OCC" / "f001_t1.CSV", HEADER, [(1, 1, 0)])
    plant_names(tmp_path / "Sequences" / "F001" / "T01", ["1.JPG"])
    assert [video.name for video in bp4d.load(tmp_path, AUS).videos] == ["F001_T1"]


def test_intensities_physiology_and_crops_are_not_taken_for_the_data(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0)])
    plant_table(tmp_path / "AUCoding" / "AU_INT" / "F001_T1.csv", HEADER, [(1, 5, 5)])
    plant_names(tmp_path / "Physiology" / "F001" / "T1", ["BP_mmHg.txt"])
    plant_names(tmp_path / "Crops" / "F001" / "T1", ["1.jpg"])
    (video,) = bp4d.load(tmp_path, AUS).videos
    assert video.source == tmp_path / "Sequences(2D+3D)" / "F001" / "T1"
    assert video.labels.tolist() == [[0, 1]]


def test_two_folders_that_may_be_meant_are_an_error(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0)], sequences="images")
    plant_names(tmp_path / "crops" / "F001" / "T1", ["1.jpg"])
    with pytest.raises(DataError, match=r"F001_T1: found in .*crops.* and in .*images"):
        bp4d.load(tmp_path, AUS)
    plant_table(tmp_path / "old" / "AU_OCC" / "F001_T1.csv", HEADER, [(1, 1, 0)])
    with pytest.raises(DataError, match=r"label files: found in"):
        bp4d.load(tmp_path, AUS)


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_are_read(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0), (2, 0, 1)])
    path = tmp_path / "AUCoding/AU_OCC/F001_T1.csv"
    path.write_bytes(b"\xef\xbb\xbf0, 12, 1\r\n1, 1, 0\r\n\r\n2, 0, 1\r\n\r\n")
    assert bp4d.load(tmp_path, AUS).videos[0].labels.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,12,1\n1,1,0\n2,3,0\n", r"F001_T1\.csv, line 3: AU12 is 3; wanted 0, 1 or 9"),
        ("0,12,1\n1,1,0\n\n2,0,-1\n", r"F001_T1\.csv, line 4: AU1 is -1"),  # the blank line counts
        ("0,12,1\n1,1,0\n2,x,0\n", r"F001_T1\.csv, line 3: wanted 3 integers .* got '2,x,0'"),
        ("0,12,1\n1,1,0\n2,,0\n", r"F001_T1\.csv, line 3: wanted 3 integers"),
        ("0,12,1\n1,1,0\n2,0.5,0\n", r"F001_T1\.csv, line 3: wanted 3 integers"),
        ("0,12,1\n1,1,0\n2,1\n", r"F001_T1\.csv, line 3: wanted 3 integers"),
        ("0,12,1\n1,1\n", r"F001_T1\.csv, line 2: AU1 has a heading but no value"),
        ("0,12,1\n2,1,0\n2,1,0\n", r"F001_T1\.csv, line 3: frame numbers must increase"),
        ("0,12,12\n1,1,0\n", r"F001_T1\.csv, line 1: AU12 has two columns"),
        ("frame,brow\n1,1\n", r"F001_T1\.csv, line 1: the first row must contain AU numbers"),
        ("", r"F001_T1\.csv, line 1: the first row must contain AU numbers"),
    ],
)
def test_anything_unexpected_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0)])
    (tmp_path / "AUCoding/AU_OCC/F001_T1.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        bp4d.load(tmp_path, AUS)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_unknown_and_told(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", (0, 12), [(1, 1)])
    plant_occ(tmp_path, "F001_T2", ("frame", "AU01", "AU12"), [(1, 1, 0)])
    data = bp4d.load(tmp_path, AUS)
    assert data.videos[0].labels.tolist() == [[UNKNOWN, 1]]
    assert data.videos[1].labels.tolist() == [[1, 0]]
    assert "1 of 2 label files" in note(data, "AU1 has no column")


def test_frames_without_an_image_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [(5, 1, 0), (6, 0, 0), (7, 0, 1), (8, 1, 1)]
    plant_occ(tmp_path, "F001_T1", HEADER, rows, ["5.jpg", "8.jpg"])
    plant_occ(tmp_path, "F001_T2", HEADER, rows)
    plant_table(tmp_path / "AUCoding/AU_OCC/F001_T3.csv", HEADER, rows)
    data = bp4d.load(tmp_path, AUS)
    assert [video.name for video in data.videos] == ["F001_T1", "F001_T2"]
    assert data.videos[0].frames.tolist() == [5, 8]
    assert data.videos[0].pictures.tolist() == [0, 1]
    assert data.videos[0].labels.tolist() == [[0, 1], [1, 1]]
    assert note(data, "have no image") == "2 labelled frames have no image and are left out: F001_T1 (from frame 6)"
    assert note(data, "no images") == "1 recordings have labels but no images and are left out: F001_T3"


def test_differences_from_the_published_totals_are_told(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", HEADER, [(1, 1, 0), (2, 1, 0)])
    plant_occ(tmp_path, "F099_T1", HEADER, [(1, 1, 0)])
    data = bp4d.load(tmp_path, AUS)
    assert note(data, "part 1") == "part 1 has 2 frames, published 50,631 (50,629 fewer)"
    assert note(data, "subjects,") == "2 subjects, published 41"
    assert note(data, "no published part").endswith("F099")


def test_bp4d_plus_pairs_frame_f_with_image_f_minus_1(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T6", HEADER, [(1, 1, 0), (2, 0, 1), (5, 0, 0)], ["0000.jpg", "0001.jpg", "0004.jpg"])
    plant_occ(tmp_path, "F001_T2", HEADER, [(1, 1, 0)])  # not a coded task
    data = load_dataset("bp4d+", tmp_path, AUS)
    (video,) = data.videos
    assert video.name == "F001_T6"
    assert video.frames.tolist() == [1, 2, 5]
    assert [list_images(video.source)[i].name for i in video.pictures] == ["0000.jpg", "0001.jpg", "0004.jpg"]
    assert note(data, "published 140") == "1 subjects, published 140"


@pytest.mark.parametrize("name", ["bp4d+", "mme"])
def test_without_a_published_split_subjects_are_dealt(tmp_path: Path, name: str) -> None:
    for subject in ("M002", "F001", "M001", "F002", "F003"):
        plant_occ(tmp_path, f"{subject}_T1", HEADER, [(1, 1, 0)], ["0.jpg", "1.jpg"])
    data = load_dataset(name, tmp_path, AUS)
    assert data.parts == (("F001", "M001"), ("F002", "M002"), ("F003",))  # F001 F002 F003 M001 M002 in turn
    assert "5 subjects, sorted by name, are dealt in turn into 3 parts" in note(data, "no published split")


def test_empty_and_labelless_trees_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no label file, e.g. AUCoding/AU_OCC/F001_T1\.csv"):
        bp4d.load(tmp_path, AUS)
    plant_table(tmp_path / "AU_OCC" / "F001_T1.csv", HEADER, [(1, 9, 9)])
    with pytest.raises(DataError, match="no image of a labelled frame"):
        bp4d.load(tmp_path, AUS)
    plant_names(tmp_path / "Sequences" / "F001" / "T1", ["1.jpg"])
    with pytest.raises(DataError, match="no label for AUs 1, 12"):
        bp4d.load(tmp_path, AUS)
    plant_table(tmp_path / "AU_OCC" / "F001_T1.csv", (0, 2, 5), [(1, 1, 0)])
    with pytest.raises(DataError, match="no label for AUs 1, 12"):
        bp4d.load(tmp_path, AUS)


def test_a_whole_bp4d_loads_in_seconds(tmp_path: Path) -> None:
    """328 label files of 448 rows and 60 columns, as many as BP4D has; images for one recording only."""
    header = ",".join(map(str, range(60)))
    rows = "\n".join(f"{frame}," + ",".join("01"[(frame + au) % 2] for au in range(59)) for frame in range(1, 449))
    folder = tmp_path / "AU_OCC"
    folder.mkdir()
    subjects = [f"F{i:03}" for i in range(1, 24)] + [f"M{i:03}" for i in range(1, 19)]
    for subject in subjects:
        for task in range(1, 9):
            (folder / f"{subject}_T{task}.csv").write_text(f"{header}\n{rows}\n")
    plant_names(tmp_path / "Sequences" / "F001" / "T1", [f"{i}.jpg" for i in range(1, 449)])
    began = time.perf_counter()
    data = bp4d.load(tmp_path)
    assert time.perf_counter() - began < 5
    assert len(data.videos[0].frames) == 448
    assert "327 recordings" in note(data, "no images")
