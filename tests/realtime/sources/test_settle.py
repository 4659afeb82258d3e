"""Which folders are photographs, and which are one recording."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.settle import settled
from knowledge_spreader.realtime.sources.source_spec import targets
from tests.realtime.clips import write_clip
from tests.realtime.sources.test_image_folder import cut, write

_EXPOSURE = b"\xff\xe1\x00\x34Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\4\0\1\0\0\0\x1a\0\0\0\0\0\0\0" + (
    b"\x01\0\x9a\x82\5\0\1\0\0\0\x2c\0\0\0\0\0\0\0"
)


def album(folder: Path, sizes: Sequence[tuple[int, int]], suffix: str = ".png") -> Path:
    folder.mkdir(exist_ok=True)
    for i, size in enumerate(sizes):
        write(folder / f"{i}{suffix}", 90, size)
    return folder


def expose(path: Path) -> None:
    """Adds an exposure time, as a camera does."""
    data = path.read_bytes()
    path.write_bytes(data[:2] + _EXPOSURE + data[2:])
    assert cv2.imread(str(path)) is not None


def stills(source: Path, policy: str = "auto", rate: float = 0.0) -> bool:
    (target,) = settled(targets([str(source)], rate=rate), policy)
    assert target.stills is not None
    return target.stills


SAME, OTHER = (40, 30), (30, 40)


@pytest.mark.parametrize(
    ("sizes", "photographs"),
    [
        ([SAME] * 2, False),
        ([SAME] * 100, False),
        ([SAME] * 2 + [OTHER], False),  # a stray image in a recording
        ([SAME, OTHER], True),  # half of them
        ([SAME, OTHER, SAME, OTHER], True),
        ([(40 + i, 30) for i in range(20)], True),
        ([SAME], True),  # one, alone
    ],
)
def test_a_folder_is_photographs_if_most_sizes_differ(
    tmp_path: Path, sizes: Sequence[tuple[int, int]], photographs: bool
) -> None:
    assert stills(album(tmp_path / "a", sizes)) is photographs


def test_a_folder_is_photographs_if_half_of_them_have_an_exposure_time(tmp_path: Path) -> None:
    folder = album(tmp_path / "a", [SAME] * 4, ".jpg")
    expose(folder / "0.jpg")
    assert not stills(folder)
    expose(folder / "1.jpg")
    assert stills(folder)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".ppm", ".avif"])
def test_the_sizes_of_each_format_are_known(tmp_path: Path, suffix: str) -> None:
    assert stills(album(tmp_path / "a", [(64 + 16 * i, 64) for i in range(3)], suffix))
    assert not stills(album(tmp_path / "b", [(64, 64)] * 3, suffix))


def test_names_with_signs_that_ffmpeg_reads(tmp_path: Path) -> None:
    folder = tmp_path / "a:b %03d"
    folder.mkdir()
    for i, size in enumerate([SAME, OTHER]):
        write(folder / f"pipe:%02d_{i}.png", 90, size)
    assert stills(folder)


@pytest.mark.parametrize(
    ("names", "photographs"),
    [
        (["0643", "0644", "0650"], False),
        (["P1_T1_1", "P1_T1_2", "P1_T1_3", "cover"], False),
        (["anna", "bert", "carl"], True),
        (["2023_anna", "2023_bert", "2024_carl"], True),
        (["064_smiling", "064_neutral", "065_smiling"], False),  # two of three differ in the number alone
        (["smiling_064", "neutral_064", "sad_064"], True),
    ],
)
def test_names_that_are_not_numbered_are_photographs(tmp_path: Path, names: Sequence[str], photographs: bool) -> None:
    for name in names:
        write(tmp_path / f"{name}.png", 90, SAME)
    assert stills(tmp_path) is photographs


def test_images_that_cannot_be_read_do_not_count(tmp_path: Path) -> None:
    folder = album(tmp_path / "a", [SAME] * 3)
    for name in ("0.png", "1.png"):
        (folder / name).write_bytes(b"")
    assert not stills(folder)
    cut(folder / "2.png")
    assert not stills(folder)


def test_a_policy_or_a_rate_decides(tmp_path: Path) -> None:
    mixed = album(tmp_path / "a", [SAME, OTHER])
    assert not stills(mixed, "every-frame")
    assert not stills(mixed, "live")
    assert not stills(mixed, rate=5)
    assert stills(album(tmp_path / "b", [SAME] * 3), "stills")
    assert stills(mixed / "0.png")
    assert not stills(mixed / "0.png", "every-frame")


def test_one_line_says_what_a_folder_was_taken_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    same, mixed = album(tmp_path / "same", [SAME] * 3), album(tmp_path / "mixed", [SAME, OTHER])
    with caplog.at_level(logging.INFO):
        found = settled(targets([str(same), str(mixed)]), "auto")
        assert settled(found, "auto") == found
    first, second = (record.getMessage() for record in caplog.records)
    assert "same: taken as one recording, 3 images of 25 per second; --policy stills takes each" in first
    assert "mixed: taken as 2 photographs, each of its own (of different sizes); --policy every-frame takes" in second


def test_what_is_no_photograph_is_refused(tmp_path: Path) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 3), 60 * i, np.uint8) for i in range(3)]
    animation.durations = np.array([40, 40, 40])
    assert cv2.imwriteanimation(str(tmp_path / "a.webp"), animation)
    for source in (str(write_clip(tmp_path / "a.mp4", 3)), str(tmp_path / "a.webp"), "rtsp://camera/door"):
        with pytest.raises(DataError, match="--policy stills takes photographs, and this is a video"):
            settled(targets([source]), "stills")
    with pytest.raises(DataError, match="leave one of them out"):
        stills(album(tmp_path / "b", [SAME]), "stills", rate=5)
