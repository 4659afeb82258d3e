"""Pictures are shown upright, unmirrored and with square pixels, whatever the file says about them."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.displayed import UPRIGHT, display_matrix, displayed, square_size, turned

CORNERS = np.array([[[1], [2]], [[3], [4]]], np.uint8).repeat(3, 2)  # top left 1, top right 2, bottom left 3


def shown(matrix: tuple[int, int, int, int]) -> list[list[int]]:
    return turned(CORNERS, matrix)[..., 0].tolist()


@pytest.mark.parametrize(
    ("matrix", "wanted"),
    [
        ((1, 0, 0, 1), [[1, 2], [3, 4]]),
        ((-1, 0, 0, 1), [[2, 1], [4, 3]]),  # mirrored: left becomes right
        ((1, 0, 0, -1), [[3, 4], [1, 2]]),
        ((-1, 0, 0, -1), [[4, 3], [2, 1]]),  # half a turn
        ((0, 1, -1, 0), [[3, 1], [4, 2]]),  # a quarter turn clockwise: what was at the bottom left is at the top left
        ((0, -1, 1, 0), [[2, 4], [1, 3]]),  # counter-clockwise
        ((0, 1, 1, 0), [[1, 3], [2, 4]]),  # transposed
        ((0, -1, -1, 0), [[4, 2], [3, 1]]),
    ],
)
def test_each_of_the_eight_ways_to_hold_a_picture_is_shown_as_its_matrix_says(
    matrix: tuple[int, int, int, int], wanted: list[list[int]]
) -> None:
    assert shown(matrix) == wanted


def quadrants(width: int = 64, height: int = 32) -> np.ndarray:
    """Grey levels 40, 100, 160, 220 in reading order."""
    picture = np.zeros((height, width, 3), np.uint8)
    for i, level in enumerate((40, 100, 160, 220)):
        y, x = divmod(i, 2)
        picture[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = level
    return picture


def video(path: Path, picture: np.ndarray, pixel_aspect: Fraction = Fraction(1)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "10"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.sample_aspect_ratio = pixel_aspect
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(picture)), *stream.encode()):
            container.mux(packet)
    return path


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Writes the matrix of the only track header (ISO 14496-12, tkhd, version 0)."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def first(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return displayed(frame, stream.sample_aspect_ratio)


def levels(picture: np.ndarray) -> list[int]:
    """Grey in the middle of each quarter, in reading order, to the nearest ten."""
    height, width = picture.shape[:2]
    return [round(int(picture[height * y // 4, width * x // 4, 0]), -1) for y in (1, 3) for x in (1, 3)]


@pytest.mark.parametrize(
    ("matrix", "wanted"),
    [
        ((-1, 0, 0, 1), [100, 40, 220, 160]),
        ((1, 0, 0, -1), [160, 220, 40, 100]),
        ((0, 1, -1, 0), [160, 40, 220, 100]),
        ((0, 1, 1, 0), [40, 160, 100, 220]),
    ],
)
def test_a_files_display_matrix_is_honoured_whole(
    tmp_path: Path, matrix: tuple[int, int, int, int], wanted: list[int]
) -> None:
    picture = first(with_matrix(video(tmp_path / "v.mp4", quadrants()), *matrix))
    assert levels(picture) == wanted
    assert picture.shape[:2] == ((32, 64) if matrix[0] else (64, 32))


@pytest.mark.parametrize(
    ("pixel_aspect", "size"),
    [
        (Fraction(4, 3), (85, 32)),  # HDV, AVCHD: 64 * 4 / 3
        (Fraction(8, 9), (64, 36)),  # DV: 32 * 9 / 8, so that no column is lost
        (Fraction(0), (64, 32)),  # unknown
        (Fraction(1), (64, 32)),
        (Fraction(100, 1), (64, 32)),  # nobody's pixels
    ],
)
def test_pixels_that_are_not_square_are_made_square_without_loss(pixel_aspect: Fraction, size: tuple[int, int]) -> None:
    assert square_size(64, 32, pixel_aspect) == size


def test_the_containers_pixel_aspect_reaches_the_picture(tmp_path: Path) -> None:
    picture = first(video(tmp_path / "v.mkv", quadrants(), Fraction(4, 3)))
    assert picture.shape == (32, 85, 3)
    assert levels(picture) == [40, 100, 160, 220]


def test_square_pixels_are_made_square_before_the_picture_is_turned(tmp_path: Path) -> None:
    picture = first(with_matrix(video(tmp_path / "v.mp4", quadrants(), Fraction(4, 3)), 0, 1, -1, 0))
    assert picture.shape == (85, 32, 3)


def test_a_frame_without_a_matrix_is_upright() -> None:
    assert display_matrix(av.VideoFrame.from_ndarray(quadrants())) == UPRIGHT
