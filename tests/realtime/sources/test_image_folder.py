"""A folder of images, whatever lies in it, and animations."""

import logging
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.types import Frame
from tests.realtime.sources.test_live import frames_of as live_frames


def write(path: Path, grey: int, size: tuple[int, int] = (30, 20)) -> Path:
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), grey, np.uint8))
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def read(source: Path) -> tuple[list[Frame], Recording]:
    (target,) = targets([str(source)])
    with Recording(target) as recording:
        return list(recording.frames()), recording


@pytest.fixture
def six(tmp_path: Path) -> Path:
    for i in range(1, 7):
        write(tmp_path / f"img_{i:03}.png", 40 * i)
    return tmp_path


@pytest.mark.parametrize("bad", [[1], [3], [6], [1, 2], [5, 6], [2, 4, 6]])
def test_an_image_that_is_cut_off_is_a_frame_with_a_reason_and_the_others_are_read(six: Path, bad: list[int]) -> None:
    for i in bad:
        cut(six / f"img_{i:03}.png")
    frames, recording = read(six)
    assert [frame.unreadable for frame in frames] == ["unreadable" if i in bad else "" for i in range(1, 7)]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0 if i in bad else 40 * i for i in range(1, 7)]
    assert [frame.picture for frame in frames] == [f"img_{i:03}.png" for i in range(1, 7)]
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(6)])
    assert {frame.image.shape for frame in frames} == {(20, 30, 3)}
    assert recording.dropped == {"unreadable": len(bad)}
    assert f"{len(bad)} of 6 images cannot be read" in recording.loss


@pytest.mark.parametrize("odd", [1, 3, 6])
def test_an_image_of_another_size_is_a_frame_with_a_reason(six: Path, odd: int) -> None:
    write(six / f"img_{odd:03}.png", 200, size=(16, 12))
    frames, recording = read(six)
    assert [frame.unreadable for frame in frames] == ["size" if i == odd else "" for i in range(1, 7)]
    assert {frame.image.shape for frame in frames} == {(20, 30, 3)}
    assert "1 of 6 images are not of the recording's size" in recording.loss


def test_the_live_policy_loses_the_same_images(six: Path) -> None:
    cut(six / "img_003.png")
    (target,) = targets([str(six)])
    with Capture(target, speed=0.2) as capture:
        frames = list(live_frames(capture))
        assert [frame.unreadable for frame in frames] == ["", "", "unreadable", "", "", ""]
        assert "1 of 6 images cannot be read" in capture.loss


def test_a_folder_without_any_good_image_is_one_line(six: Path) -> None:
    for image in six.iterdir():
        cut(image)
    with pytest.raises(DataError, match=r"none of its 6 images can be used; .*img_001.png: this image cannot be read"):
        read(six)


def test_gaps_in_the_numbers_are_told(six: Path, caplog: pytest.LogCaptureFixture) -> None:
    (six / "img_004.png").unlink()
    with caplog.at_level(logging.WARNING):
        frames, _ = read(six)
    assert "1 gap(s) in the numbers of its images, the first after img_003.png" in caplog.text
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(5)])


def test_even_steps_are_no_gaps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for i in range(0, 50, 10):
        write(tmp_path / f"{i}.png", 90)
    with caplog.at_level(logging.WARNING):
        read(tmp_path)
    assert not caplog.records


@pytest.mark.parametrize("suffix", [".tif", ".avif", ".webp", ".ppm"])
def test_folders_of_each_format_are_recordings(tmp_path: Path, suffix: str) -> None:
    for i in (1, 2):
        write(tmp_path / f"{i}{suffix}", 60 * i, size=(64, 48))
    frames, _ = read(tmp_path)
    assert [round(float(frame.image.mean()) / 60) for frame in frames] == [1, 2]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_an_animation_is_a_recording_with_its_own_times(tmp_path: Path, suffix: str) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 3), 60 * i, np.uint8) for i in range(4)]
    animation.durations = np.array([40, 100, 40, 40])
    assert cv2.imwriteanimation(str(tmp_path / f"a{suffix}"), animation)
    frames, _ = read(tmp_path / f"a{suffix}")
    assert [round(float(frame.image.mean()) / 60) for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 1000) for n in (0, 40, 140, 180)]
