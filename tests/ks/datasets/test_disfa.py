"""DISFA: intensities in text files, one video or folder of images for each subject."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN, disfa, load_dataset
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images
from tests.ks.datasets.trees import plant_disfa_labels, plant_names, plant_video

AUS = (1, 12)
INTENSITY = {1: [0, 1, 2, 5], 12: [3, 0, 9, 1]}
LABELS = [[0, 1], [0, 0], [1, UNKNOWN], [1, 0]]  # present from intensity 2; 9 is unknown


@pytest.mark.parametrize("upper", ["ActionUnit_Labels", "ActionUnits_Labels", "actionunit_labels", "DISFA/Labels"])
@pytest.mark.parametrize(
    "video",
    [
        "Videos_LeftCamera/LeftVideoSN001_comp.avi",
        "Videos_LeftCamera/LeftVideoSN001_Comp.AVI",
        "Video_LeftCamera/leftvideosn001.avi",
        "LeftVideoSN001_comp.mkv",
        "DISFA/left/SN001.avi",
    ],
)
def test_labels_and_video_are_found_whatever_their_spelling(tmp_path: Path, upper: str, video: str) -> None:
    plant_disfa_labels(tmp_path, "SN001", INTENSITY, upper)
    plant_video(tmp_path / video, 4)
    plant_video(tmp_path / "Videos_RightCamera" / "RightVideoSN001_comp.avi", 4)
    data = load_dataset("disfa", tmp_path, AUS)
    (loaded,) = data.videos
    assert (data.fps, loaded.name, loaded.subject, loaded.source) == (20.0, "SN001", "SN001", tmp_path / video)
    assert loaded.frames.tolist() == [1, 2, 3, 4]  # the annotators count from 1
    assert loaded.pictures.tolist() == [0, 1, 2, 3]  # label row t is picture t - 1
    assert loaded.labels.tolist() == LABELS


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("folder", ["Images/SN001", "Left/SN001", "LeftVideoSN001_comp"])
def test_extracted_images_may_count_from_0_or_from_1(tmp_path: Path, folder: str, first: int) -> None:
    plant_disfa_labels(tmp_path, "SN001", INTENSITY)
    plant_names(tmp_path / folder, [f"{first + i}.png" for i in range(4)])
    (video,) = disfa.load(tmp_path, AUS).videos
    assert video.source == tmp_path / folder
    assert video.frames.tolist() == [1, 2, 3, 4]
    assert [list_images(video.source)[i].name for i in video.pictures] == [f"{first + i}.png" for i in range(4)]
    assert video.labels.tolist() == LABELS


def test_images_dropped_by_a_face_finder_do_not_shift_the_others(tmp_path: Path) -> None:
    for subject, names in {"SN001": ["1.png", "3.png"], "SN002": ["0.png", "1.png", "2.png", "3.png"]}.items():
        plant_disfa_labels(tmp_path, subject, INTENSITY)
        plant_names(tmp_path / "Images" / subject, names)
    data = disfa.load(tmp_path, AUS)
    assert data.videos[0].frames.tolist() == [2, 4]  # SN002 tells that counting began at 0: image 1 is frame 2
    assert data.videos[0].pictures.tolist() == [0, 1]
    assert data.videos[0].labels.tolist() == [LABELS[1], LABELS[3]]
    assert "SN001: 2 of 4 labels have no picture and are left out, from frame 1" in data.notes


def test_a_video_one_frame_short_cuts_the_labels(tmp_path: Path) -> None:
    plant_disfa_labels(tmp_path, "SN010", INTENSITY)
    plant_video(tmp_path / "Videos_LeftCamera/LeftVideoSN010_comp.avi", 3)
    plant_disfa_labels(tmp_path, "SN002", INTENSITY)
    plant_video(tmp_path / "Videos_LeftCamera/LeftVideoSN002_comp.avi", 6)
    data = disfa.load(tmp_path, AUS)
    assert [len(video.frames) for video in data.videos] == [4, 3]
    assert data.videos[1].labels.tolist() == LABELS[:3]
    assert "SN010: 1 of 4 labels have no picture and are left out, from frame 4" in data.notes
    assert "SN002: 2 of 6 pictures have no label and are left out" in data.notes


def test_the_video_goes_before_images_of_the_same_subject(tmp_path: Path) -> None:
    plant_disfa_labels(tmp_path, "SN001", INTENSITY)
    plant_names(tmp_path / "Left" / "SN001", ["0.png"])
    video = plant_video(tmp_path / "LeftVideoSN001_comp.avi", 4)
    assert disfa.load(tmp_path, AUS).videos[0].source == video


def test_two_videos_that_may_be_meant_are_an_error(tmp_path: Path) -> None:
    plant_disfa_labels(tmp_path, "SN001", INTENSITY)
    for name in ("LeftVideoSN001.avi", "LeftVideoSN001_comp.avi"):
        plant_video(tmp_path / name, 4)
    with pytest.raises(DataError, match=r"SN001: found in .*LeftVideoSN001\.avi and in .*LeftVideoSN001_comp\.avi"):
        disfa.load(tmp_path, AUS)


def test_missing_files_are_told(tmp_path: Path) -> None:
    plant_disfa_labels(tmp_path, "SN001", {1: [0, 2]})
    plant_disfa_labels(tmp_path, "SN002", {1: [0, 2], 12: [2, 0]})
    plant_disfa_labels(tmp_path, "SN003", {1: [0, 2], 12: [2, 0]})
    for subject in ("SN001", "SN002"):
        plant_video(tmp_path / f"LeftVideo{subject}_comp.avi", 2)
    data = disfa.load(tmp_path, (1, 12, 45))
    assert data.videos[0].labels.tolist() == [[0, UNKNOWN, UNKNOWN], [1, UNKNOWN, UNKNOWN]]
    assert data.videos[1].labels.tolist() == [[0, 1, UNKNOWN], [1, 0, UNKNOWN]]
    assert "AU12 has no label file for SN001; its labels are unknown there" in data.notes
    assert "AU45 has no label file for any subject; its labels are unknown there" in data.notes
    assert "SN003 has labels, but no video or images of the left camera; it is left out" in data.notes
    assert "part 1 has 4 frames, published 43,604 (43,600 fewer)" in data.notes


def test_parts_and_default_aus_are_the_fields(tmp_path: Path) -> None:
    for subject in ("SN002", "SN013", "SN003"):  # the first of each part
        plant_disfa_labels(tmp_path, subject, {au: [0, 2] for au in disfa.AUS})
        plant_video(tmp_path / f"LeftVideo{subject}_comp.avi", 2)
    data = disfa.load(tmp_path)
    assert data.aus == (1, 2, 4, 6, 9, 12, 25, 26)
    assert [len(part) for part in data.parts] == [9, 9, 9]
    assert len({subject for part in data.parts for subject in part}) == 27
    assert data.fold(1) == (("SN002", "SN013"), ("SN003",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,0\n2,6\n", r"SN001_au1\.txt, line 2: intensity 6; wanted 0 to 5"),
        ("1,0\n2,-1\n", r"SN001_au1\.txt, line 2: intensity -1"),
        ("1,0\n2,x\n", r"SN001_au1\.txt, line 2: wanted 2 integers"),
        ("0,0\n1,0\n", r"SN001_au1\.txt, line 1: frame numbers must increase from 1; got 0"),
        ("1,0\n1,0\n", r"SN001_au1\.txt, line 2: frame numbers must increase"),
        ("1,0\n99999999,0\n", r"SN001_au1\.txt, line 2: frame numbers must increase"),
        ("1,0,0\n2,0,0\n", r"SN001_au1\.txt, line 1: wanted frame,intensity; got 3 columns"),
    ],
)
def test_anything_unexpected_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    plant_disfa_labels(tmp_path, "SN001", INTENSITY)
    (tmp_path / "ActionUnit_Labels/SN001/SN001_au1.txt").write_text(text)
    plant_video(tmp_path / "LeftVideoSN001_comp.avi", 4)
    with pytest.raises(DataError, match=message):
        disfa.load(tmp_path, AUS)


def test_trees_without_labels_or_pictures_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no label file, e.g. ActionUnit_Labels/SN001/SN001_au1\.txt"):
        disfa.load(tmp_path, AUS)
    plant_disfa_labels(tmp_path, "SN001", INTENSITY)
    with pytest.raises(DataError, match=r"no picture of a labelled frame, e\.g\. Videos_LeftCamera"):
        disfa.load(tmp_path, AUS)
    plant_video(tmp_path / "LeftVideoSN001_comp.avi", 4)
    with pytest.raises(DataError, match="no label for AUs 45"):
        disfa.load(tmp_path, (45,))
