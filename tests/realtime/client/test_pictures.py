"""Pictures are encoded as a decoder wants them, and what is no frame is told in one line."""

import time

import av
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.client.pictures import H264, Jpeg, at_their_times, checked, encoder, is_key

RED = np.zeros((48, 65, 3), np.uint8) + np.array([250, 10, 10], np.uint8)


def test_a_jpeg_shows_the_rgb_picture() -> None:
    shown = cv2.imdecode(np.frombuffer(Jpeg(95)(0.0, RED, first=True), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == RED.shape
    assert np.abs(shown[..., ::-1].astype(int) - RED).max() < 8


def test_every_picture_gives_an_access_unit_at_once_and_the_first_of_a_connection_is_a_key() -> None:
    """Also the odd column is cut, since H.264 stores colours of 2 x 2 pixels."""
    encode = H264()
    units = [encode(i / 25, RED, first=i in (0, 3)) for i in range(5)]
    assert [is_key(unit) for unit in units] == [True, False, False, True, False]
    decoder = av.CodecContext.create("h264", "r")
    shown = [frame for unit in units for frame in decoder.decode(av.Packet(unit))] + decoder.decode(None)
    assert len(shown) == 5
    assert (shown[0].width, shown[0].height) == (64, 48)
    assert np.abs(shown[4].to_ndarray(format="rgb24").astype(int) - RED[:, :64]).max() < 12


def test_another_size_begins_with_a_key() -> None:
    encode = H264()
    encode(0.0, RED, first=True)
    assert is_key(encode(0.1, RED[:40], first=False))


def test_of_encoded_access_units_those_before_a_key_are_left_out_on_each_connection() -> None:
    key, other = b"\0\0\0\1\x67sps\0\0\1\x65picture", b"\0\0\0\1\x41picture"
    encode = H264()
    assert [encode(0, unit, first=True) for unit in (other, key)] == [b"", key]
    assert encode(0, other, first=False) == other
    assert encode(0, other, first=True) == b""  # a new connection
    assert encode(0, other, first=True) == b""
    assert encode(0, key, first=True) == key


@pytest.mark.parametrize(
    ("unit", "key"),
    [(b"", False), (b"\0\0\1", False), (b"\0\0\1\x65", True), (b"\0\0\1\x06\0\0\1\x67", True), (b"\x65\x67", False)],
)
def test_a_key_is_told_by_its_units(unit: bytes, key: bool) -> None:
    assert is_key(unit) is key


def test_encoded_pictures_are_sent_as_they_are() -> None:
    assert Jpeg(90)(0.0, b"any", first=True) == b"any"


def test_frames_come_when_they_are_due() -> None:
    begun_s = time.perf_counter()
    came = [
        (time_s, time.perf_counter() - begun_s) for time_s, _ in at_their_times([(7.0, b""), (7.1, b""), (7.2, b"")])
    ]
    assert [time_s for time_s, _ in came] == [7.0, 7.1, 7.2]
    assert came[0][1] < 0.1 <= came[1][1]
    assert came[2][1] >= 0.2


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (RED.astype(np.float32), r"uint8 \(height, width, 3\) RGB, or encoded bytes; got float32 \(48, 65, 3\)"),
        (RED[..., 0], r"got uint8 \(48, 65\)"),
        ("a.jpg", "got str"),
        (RED[:1], "2 x 2 pixels or more; got 65 x 1"),
    ],
)
@pytest.mark.parametrize("encode", [Jpeg(90), H264()])
def test_what_is_no_picture_is_told(encode: Jpeg | H264, picture: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        encode(0.0, picture, first=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("time_s", [1.0, 0.5, float("nan"), float("inf")])
def test_times_must_increase(time_s: float) -> None:
    with pytest.raises(DataError, match="times must increase"):
        checked((time_s, b""), 1.0)


def test_what_is_no_pair_is_told() -> None:
    for frame in (RED, 3, ("now", b""), (1.0,)):
        with pytest.raises(DataError, match="pairs"):
            checked(frame, -1.0)  # type: ignore[arg-type]


def test_formats_and_quality_are_checked() -> None:
    with pytest.raises(DataError, match="format must be one of jpeg, h264; got 'png'"):
        encoder("png", 90)
    with pytest.raises(DataError, match="quality must be 1 to 100; got 0"):
        encoder("jpeg", 0)
