"""Photographs: each image of a folder is a frame by itself, of any size, with its file's name and no time."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.sources.stills import Photographs
from knowledge_spreader.realtime.types import Frame
from tests.realtime.sources.test_image_folder import cut, write


def read(source: Path) -> tuple[list[Frame], Photographs]:
    (target,) = targets([str(source)])
    with Photographs(target) as photographs:
        return list(photographs.frames()), photographs


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name, grey, size in (("b.png", 50, (30, 20)), ("a.jpg", 90, (20, 30)), ("c7.webp", 130, (64, 64))):
        write(tmp_path / name, grey, size)
    return tmp_path


def test_each_image_is_a_frame_of_its_own_size_without_a_time(album: Path) -> None:
    frames, photographs = read(album)
    assert [frame.picture for frame in frames] == ["a.jpg", "b.png", "c7.webp"]
    assert [frame.image.shape for frame in frames] == [(30, 20, 3), (20, 30, 3), (64, 64, 3)]
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [90, 50, 130]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert {frame.time_s for frame in frames} == {0.0}
    assert photographs.stream.stills == photographs.received == 3
    assert (photographs.loss, photographs.dropped) == ("", {})


def test_one_image(album: Path) -> None:
    frames, _ = read(album / "b.png")
    assert [(frame.picture, frame.image.shape) for frame in frames] == [("b.png", (20, 30, 3))]


def test_an_image_that_cannot_be_read_is_a_frame_with_its_reason(album: Path, caplog: pytest.LogCaptureFixture) -> None:
    cut(album / "b.png")
    (album / "d8.jpg").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        frames, photographs = read(album)
    assert [frame.unreadable for frame in frames] == ["", "unreadable", "", "unreadable"]
    assert photographs.dropped == {"unreadable": 2}
    assert "2 of 4 images cannot be read" in photographs.loss
    assert "b.png: this image cannot be read (cut off or damaged)" in caplog.text


def test_photographs_of_which_none_can_be_read_are_frames_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    frames, photographs = read(tmp_path)
    assert [frame.unreadable for frame in frames] == ["unreadable"]
    assert "1 of 1 images cannot be read" in photographs.loss


def test_a_bright_photograph_of_16_bits_does_not_darken_the_next(tmp_path: Path) -> None:
    """In a recording it does: there, all images have the bits of the brightest before."""
    for name, value in (("1.png", 60_000), ("2.png", 800)):  # 16 and 10 bits
        assert cv2.imwrite(str(tmp_path / name), np.full((8, 8), value, np.uint16))
    frames, _ = read(tmp_path)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [60_000 >> 8, 800 >> 2]
