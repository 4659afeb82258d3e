"""labelled.py: which face a label is of, and what is said of labels that are of none."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.cache import Views, Watched
from knowledge_spreader.realtime.adapt.labelled import label_faces, read_labels
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from tests.ks.adapt.made_up import AUS, made_up
from tests.realtime.clips import write_clip


@pytest.fixture
def recording(tmp_path: Path) -> OwnRecording:
    (tmp_path / "a.mp4").write_bytes(b"a video")
    return OwnRecording(tmp_path / "a.mp4", "a.mp4", "anna")


def watched() -> Watched:
    """Five frames: face 0 alone in frame 0; faces 0 and 1, which is wider, in 1 and 2; none in 3; face 1 in 4."""
    faces, _ = made_up(1, 6)
    faces = replace(
        faces,
        frame=np.array([0, 1, 1, 2, 2, 4]),
        time_s=np.array([0, 1, 1, 2, 2, 4]) / 25,
        face=np.array([0, 0, 1, 0, 1, 1], np.int32),
        width_px=np.array([50, 50, 90, 50, 90, 90], np.float32),
    )
    views = Views(np.zeros((6, 4), np.float32), np.zeros((6, 3), np.float32), np.zeros((6, len(AUS)), np.float32))
    return Watched(faces, views, (np.arange(5),), (np.arange(5) / 25,))


def labelled(recording: OwnRecording, text: str, aus: tuple[int, ...] = AUS):
    path = recording.path.with_suffix(".csv")
    path.write_text(text)
    return label_faces(read_labels([path], [recording], aus), [recording], watched(), aus)


def test_a_label_without_a_face_is_of_the_widest(recording: OwnRecording) -> None:
    found = labelled(recording, "frame,AU12\n0,1\n1,1\n2,0\n")
    assert found.labels[:, 1].tolist() == [1, -1, 1, -1, 0, -1]
    assert (found.labels[:, [0, 2]] == -1).all()


def test_a_label_with_a_face_is_of_that_one(recording: OwnRecording) -> None:
    found = labelled(recording, "frame,face,AU12\n1,0,1\n1,1,0\n2,0,1\n")
    assert found.labels[:, 1].tolist() == [-1, 1, 0, 1, -1, -1]
    assert found.notes == ()


def test_events_count_from_where_players_start_the_recording_whatever_its_clock(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", n=5, times_ms=[2000 + 40 * i for i in range(5)])
    with av.open(str(path)) as container:
        clock = np.array([frame.time for frame in container.decode(video=0)])
    assert clock[0] > 1
    table = tmp_path / "a.tsv"
    table.write_text("onset\tduration\ttrial_type\tface_id\n0.04\t0.04\tAU12\t1\n0\t0.2\tcoded\tn/a\n")
    recording = OwnRecording(path, "a.ts", "anna")
    seen = replace(watched(), times_s=(clock,))
    found = label_faces(read_labels([table], [recording], AUS), [recording], seen, AUS)
    assert found.labels[:, 1].tolist() == [-1, -1, 1, -1, 0, 0]  # face 1 in frames 1, 2 and 4


def test_labels_of_no_face_are_counted_whoever_they_name(recording: OwnRecording) -> None:
    found = labelled(recording, "frame,face,AU12\n3,,1\n4,0,1\n1,7,1\n4,1,1\n")
    assert found.labels[:, 1].tolist() == [-1, -1, -1, -1, -1, 1]
    assert found.notes == ("3 labels lie on frames in which their face was not found; they teach nothing",)


def test_aus_that_the_model_lacks_are_told_and_the_others_used(recording: OwnRecording) -> None:
    found = labelled(recording, "frame,AU12,AU9\n0,1,1\n")
    assert found.labels[0].tolist() == [-1, 1, -1]
    assert found.notes == ("labels of AU9 are not used: the model does not know them",)


def test_files_that_contradict_each_other_leave_the_label_unknown_and_say_where(recording: OwnRecording) -> None:
    files = [recording.path.with_name(name) for name in ("one.csv", "two.csv")]
    for path, value in zip(files, "10", strict=True):
        path.write_text(f"video,frame,AU12,AU25\na.mp4,0,{value},1\n")
    said = read_labels(files, [recording], AUS)
    found = label_faces(said, [recording], watched(), AUS)
    assert found.labels[0].tolist() == [-1, -1, 1]
    assert "labels that contradict each other and are unknown: 1, first AU12 of frame 0" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this file is empty"),
        ("frame,AU12\n", "no label in there"),
        ("frame,AU12\n0,\n1,\n", "no label in there"),
        ("frame,AU9\n0,1\n", "labels of AU9, but the model has AU1, AU12, AU25; label AUs of the model"),
        ("video,frame,AU12\nother.mp4,0,1\n", "names none of the recordings, such as a.mp4; correct the names"),
        ("frame,AU12\n0,2\n", "AU12 is '2'"),
        ("frame,AU12\n0,1\n0,0\n", "frame 0"),
    ],
)
def test_labels_that_cannot_be_used_are_one_line_before_anything_is_watched(
    recording: OwnRecording, text: str, message: str
) -> None:
    path = recording.path.with_suffix(".csv")
    path.write_text(text)
    with pytest.raises(DataError, match=message) as refused:
        read_labels([path], [recording], AUS)
    assert "\n" not in str(refused.value)
