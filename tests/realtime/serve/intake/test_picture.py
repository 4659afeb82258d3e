"""decode(): sizes in headers, and pictures as ks-live reads them."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.errors import DataError
from knowledge_spreader.image_file import ImageReader
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.serve.intake.picture import decode, picture_size


def made(ext: str, width: int, height: int, *how: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(ext, noise, how)[1].tobytes()


@pytest.mark.parametrize(
    "data",
    [
        made(".jpg", 33, 17),
        made(".jpg", 33, 17, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        made(".jpg", 33, 17, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        made(".png", 33, 17),
    ],
    ids=["baseline", "progressive", "restarts", "png"],
)
def test_the_size_is_read_out_of_the_header(data: bytes) -> None:
    assert picture_size(data) == (33, 17)
    assert decode(data, 33 * 17).shape == (17, 33, 3)


def test_segments_and_filling_bytes_before_the_size_are_skipped() -> None:
    data = made(".jpg", 33, 17)
    comment = b"\xff\xfe" + (6).to_bytes(2) + b"\xff\xc0\xff\xff"  # a comment that looks like a size
    assert picture_size(data[:2] + comment + b"\xff\xff" + data[2:]) == (33, 17)


def test_a_picture_is_the_one_that_ks_live_reads_from_its_file(tmp_path: Path) -> None:
    for ext in (".jpg", ".png"):
        file = tmp_path / f"a{ext}"
        file.write_bytes(made(ext, 40, 30))
        assert np.array_equal(decode(file.read_bytes(), 10**4), ImageReader().read(file))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBP"])
def test_anything_else_is_one_line(data: bytes) -> None:
    with pytest.raises(DataError, match="neither a JPEG nor a PNG"):
        decode(data, 10**6)


def test_a_picture_that_is_too_large_or_has_no_pixels_is_refused_by_its_header() -> None:
    with pytest.raises(DataError, match="33 x 17 pixels; at most 560"):
        decode(made(".jpg", 33, 17), 33 * 17 - 1)
    empty = bytearray(made(".png", 33, 17))
    empty[16:20] = bytes(4)
    with pytest.raises(DataError, match="0 x 17"):
        decode(bytes(empty), 10**6)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 200))
def test_no_bytes_do_more_than_be_refused(tail: bytes, cut: int) -> None:
    for data in (b"\xff\xd8\xff" + tail, made(".jpg", 16, 16)[:cut] + tail, made(".png", 16, 16)[:cut] + tail):
        with suppress(DataError):
            assert decode(data, 10**6).ndim == 3
