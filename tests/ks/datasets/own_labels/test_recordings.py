"""Which recording a label is of."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets.own_labels import on_frames, read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import put
from tests.ks.datasets.trees import plant_names


def manifest(folder: Path, *videos: str) -> Path:
    """Frame i of video i is present."""
    path = folder / "labels.csv"
    path.write_text("video,frame,AU12\n" + "".join(f"{video},{i},1\n" for i, video in enumerate(videos)))
    return path


@pytest.mark.parametrize(
    ("written", "recording"),
    [
        ("clips/anna.mp4", "clips/anna.mp4"),
        ("clips\\anna.mp4", "clips/anna.mp4"),
        ("./clips/../clips/anna.mp4", "clips/anna.mp4"),
        ("D:\\lab\\Anna.MP4", "clips/anna.mp4"),
        ("/old/place/anna.mp4", "clips/anna.mp4"),
        ("anna", "clips/anna.mp4"),
        ("lab/anna.avi", "clips/anna.mp4"),
        ("gro\u0308ße.mp4", "clips/größe.mp4"),  # as macOS writes it
        ("pictures", "clips/pictures"),
        ("session.1", "clips/session.1"),  # a folder has no suffix
    ],
)
def test_a_recording_is_found_by_path_else_by_name_else_by_stem(tmp_path: Path, written: str, recording: str) -> None:
    plant_names(tmp_path / "clips", ["anna.mp4", "größe.mp4"])
    plant_names(tmp_path / "clips" / "pictures", ["0.jpg"])
    plant_names(tmp_path / "clips" / "session.1", ["0.jpg"])
    assert put(manifest(tmp_path, written), (12,), 1, recording=recording) == [[1]]


def test_a_path_that_exists_means_that_recording_alone(tmp_path: Path) -> None:
    for folder in "ab":
        plant_names(tmp_path / folder, ["clip.mp4"])
    path = manifest(tmp_path, "a/clip.mp4")
    assert put(path, (12,), 1, recording="a/clip.mp4") == [[1]]
    assert put(path, (12,), 1, recording="b/clip.mp4") == [[-1]]


def test_a_name_that_may_mean_two_recordings_is_refused_and_so_are_two_names_of_one(tmp_path: Path) -> None:
    for folder in "ab":
        plant_names(tmp_path / folder, ["clip.mp4"])
    recordings = [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4"]
    with pytest.raises(
        DataError, match=r"'clip' in .*labels\.csv may be .*a/clip\.mp4 or .*b/clip\.mp4; write the path"
    ):
        read_own_labels([manifest(tmp_path, "clip")], recordings)
    with pytest.raises(DataError, match=r"'x/clip\.mp4' and 'y/clip\.mp4' may both be .*a/clip\.mp4; write its path"):
        read_own_labels([manifest(tmp_path, "x/clip.mp4", "y/clip.mp4")], recordings[:1])


def test_a_file_named_like_its_recording_goes_to_the_one_beside_it(tmp_path: Path) -> None:
    for folder in "ab":
        plant_names(tmp_path / folder, ["clip.mp4"])
    (tmp_path / "b" / "clip.csv").write_text("frame,AU12\n0,1\n")
    recordings = [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4"]
    labels = read_own_labels([tmp_path / "b"], recordings)
    assert labels.notes == (f"recordings without labels: 1 of 2, e.g. {recordings[0]}",)
    one, two = (on_frames(labels, recording, np.arange(1), np.zeros(1), (12,)).tolist() for recording in recordings)
    assert (one, two) == ([[-1]], [[1]])
    with pytest.raises(DataError, match=r"other\.mp4 is not among the recordings that the labels were read for"):
        on_frames(labels, tmp_path / "other.mp4", np.arange(1), np.zeros(1), (12,))


def test_labels_without_a_recording_are_noted(tmp_path: Path) -> None:
    path = manifest(tmp_path, "anna.mp4", "ben.mp4", "cleo.mp4")
    labels = read_own_labels([path], [tmp_path / "anna.mp4"])
    assert labels.notes == (f"labels of recordings that are not among those given: 2, e.g. 'ben.mp4' in {path}",)
