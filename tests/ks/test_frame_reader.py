"""A folder or a video: listed, counted and read in one order."""

import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader import frame_reader as pictures
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import (
    OtherSizeError,
    count_pictures,
    list_images,
    picture_number,
    picture_numbers,
    picture_rate,
    read_pictures,
)

STEP = 7  # grey levels from one picture of a planted video to the next


def write_image(path: Path, grey: int, width: int = 8, height: int = 8) -> Path:
    """One grey image; tofile, because cv2.imwrite fails on some systems for names beyond ASCII."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix, np.full((height, width, 3), grey, np.uint8))
    assert ok
    data.tofile(path)
    return path


def write_video(path: Path, n: int, codec: str = "libx264", fps: int = 25, **options: str) -> Path:
    """n pictures of 64 x 48 px; picture i is grey 20 + 7 (i mod 30), but for a light upper left quarter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 4_000_000  # so that greys survive
        for i in range(n):
            picture = np.full((48, 64, 3), 20 + STEP * (i % 30), np.uint8)
            picture[:24, :32] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def index_by_grey(picture: np.ndarray) -> int:
    return round((int(picture[40, 60].mean()) - 20) / STEP)


# --- folders


def test_images_are_ordered_by_number_and_not_by_padding(tmp_path: Path) -> None:
    for name in ("1000.jpg", "0644.jpg", "643.JPG", "F001_T1_0002.png", "notes.txt", "._0643.jpg", "643.obj"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["F001_T1_0002.png", "643.JPG", "0644.jpg", "1000.jpg"]
    assert picture_numbers(tmp_path).tolist() == [2, 643, 644, 1000]
    assert count_pictures(tmp_path) == 4


NAMES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "a", "F_", "é"]),
    st.integers(0, 2000).map(str) | st.integers(0, 200).map("{:04d}".format) | st.just(""),
    st.sampled_from(["", "b", " z"]),
    st.sampled_from([".jpg", ".PNG", ".bmp", ".webp", ".jpeg"]),
)


@settings(max_examples=50, deadline=None)
@given(st.sets(NAMES, max_size=12))
def test_any_names_come_out_complete_and_by_number_then_name(names: set[str]) -> None:
    names = {name for name in names if not name.startswith(".")}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).touch()
        listed = [path.name for path in list_images(Path(folder))]

    def number(name: str) -> int:
        digits = "".join(c for c in name.rpartition(".")[0] if c.isdigit())
        return int(digits) if digits else -1

    assert set(listed) == names
    assert listed == sorted(names, key=lambda name: (number(name), name))


def test_the_number_is_the_last_one_in_the_name() -> None:
    assert picture_number(Path("LeftVideoSN001_0012_crop.png")) == 12
    with pytest.raises(DataError, match=r"portrait\.png.*rename"):
        picture_number(Path("portrait.png"))


def test_two_images_of_one_number_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("643.jpg", "0643.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"0643\.jpg and 643\.jpg are both picture 643"):
        picture_numbers(tmp_path)


def test_images_are_read_as_rgb_under_names_beyond_ascii(tmp_path: Path) -> None:
    folder = tmp_path / "größe 顔"
    folder.mkdir()
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    for name in ("é1.png", "é2.png", "é10.png"):
        cv2.imencode(".png", red)[1].tofile(folder / name)
    read = list(read_pictures(folder, np.array([0, 2])))
    assert [index for index, _ in read] == [0, 2]
    assert read[1][1].shape == (8, 8, 3)
    assert read[1][1].dtype == np.uint8
    assert read[1][1][0, 0].tolist() == [255, 0, 0]


def test_exif_orientation_turns_an_image_upright(tmp_path: Path) -> None:
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:, :16] = 255  # the left half is light
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    # little-endian TIFF, one entry: tag 0x0112 (orientation), type SHORT, one value, 6 = turn by 90 degrees clockwise
    tiff = b"II*\x00" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\x00\x00" + tiff
    app1 = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (tmp_path / "1.jpg").write_bytes(jpeg[:2] + app1 + jpeg[2:])
    ((_, upright),) = read_pictures(tmp_path, np.array([0]))
    assert upright.shape == (32, 16, 3)
    assert upright[:12].mean() > 240  # left went up
    assert upright[20:].mean() < 15


def test_an_image_of_another_size_than_most_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", 0, width=10, height=6)
    write_image(tmp_path / "2.png", 0, width=8, height=8)
    write_image(tmp_path / "3.png", 0, width=8, height=8)
    with pytest.raises(DataError, match=r"1\.png is 10 x 6 px, .* most are 8 x 8 px"):
        list(read_pictures(tmp_path, np.arange(3)))


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_broken_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "7.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"7\.jpg: this image cannot be read"):
        list(read_pictures(tmp_path, np.array([0])))


def test_damaged_images_and_those_of_another_size_are_left_out_with_a_reason(tmp_path: Path) -> None:
    for number in range(1, 7):
        write_image(tmp_path / f"{number}.png", 40 * number, width=16, height=12)
    whole = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(whole[: len(whole) * 2 // 3])
    write_image(tmp_path / "5.png", 0, width=8, height=6)
    damaged: dict[int, DataError] = {}
    read = list(read_pictures(tmp_path, np.arange(6), damaged))
    assert [index for index, _ in read] == [0, 1, 3, 5]
    assert [int(picture[0, 0, 0]) for _, picture in read] == [40, 80, 160, 240]
    assert list(damaged) == [2, 4]
    assert "3.png: this image cannot be read (cut off or damaged)" in str(damaged[2])
    assert "5.png is 8 x 6 px" in str(damaged[4])
    assert isinstance(damaged[4], OtherSizeError)


def test_an_index_beyond_the_folder_is_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", 0)
    with pytest.raises(DataError, match="picture 1 is wanted, but the folder has 1"):
        list(read_pictures(tmp_path, np.array([0, 1])))


# --- videos


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b_frames.mp4", "libx264", {"bf": "3", "g": "12"}),
        ("b_frames.ts", "libx264", {"bf": "3"}),
        ("b_frames.mkv", "libx264", {"bf": "2"}),
        ("old.avi", "mpeg4", {}),
        ("old_b_frames.mp4", "mpeg4", {"bf": "2"}),
        ("motion.avi", "mjpeg", {}),
        ("web.webm", "libvpx", {}),
        ("tape.mpg", "mpeg2video", {"bf": "2"}),
    ],
)
def test_a_video_has_as_many_pictures_as_can_be_read(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / name, 30, codec, **options)
    assert count_pictures(path) == 30
    read = list(read_pictures(path, np.arange(30)))
    assert [index for index, _ in read] == list(range(30))
    assert [index_by_grey(picture) for _, picture in read] == list(range(30))  # in the order of display


def test_b_frames_are_counted_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", 30, bf="3")
    with av.open(str(path)) as container:
        assert any(frame.pict_type == 3 for frame in container.decode(video=0))  # 3 is AV_PICTURE_TYPE_B
    monkeypatch.setattr(pictures, "_decode", None)
    assert count_pictures(path) == 30


def test_a_stream_that_begins_between_key_frames_is_counted_by_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "whole.ts", 60, bf="2", g="15", sc_threshold="0")
    data = path.read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: 3 * 188] + data[len(data) // 2 // 188 * 188 :])  # tables, then the second half
    with av.open(str(cut)) as container:
        decoded = sum(1 for _ in container.decode(video=0))
    assert 0 < decoded < 60
    assert count_pictures(cut) == decoded


def test_only_wanted_pictures_are_made_and_decoding_stops_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", 30, bf="2")
    handed_out = []
    decode = pictures._decode
    monkeypatch.setattr(pictures, "_decode", lambda p: (handed_out.append(1) or frame for frame in decode(p)))
    read = list(read_pictures(path, np.array([3, 4, 17], np.int32)))
    assert [(index, index_by_grey(picture)) for index, picture in read] == [(3, 3), (4, 4), (17, 17)]
    assert len(handed_out) == 18
    assert list(read_pictures(path, np.array([], np.int32))) == []


@pytest.mark.parametrize(
    ("matrix", "light_corner"),
    [  # tkhd matrix (a, b, c, d): x' = a x + c y, y' = b x + d y, y downwards; ISO/IEC 14496-12, 8.3.2
        ((1, 0, 0, 1), "upper left"),
        ((0, 1, -1, 0), "upper right"),  # a phone held upright: shown turned by 90 degrees clockwise
        ((-1, 0, 0, -1), "lower right"),
        ((0, -1, 1, 0), "lower left"),
    ],
)
def test_a_phones_rotation_is_honoured(tmp_path: Path, matrix: tuple[int, ...], light_corner: str) -> None:
    path = write_video(tmp_path / "a.mp4", 3)
    data = path.read_bytes()
    identity = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    at = data.index(identity, data.index(b"tkhd"))
    a, b, c, d = (value * 0x10000 for value in matrix)
    path.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000) + data[at + 36 :])
    ((_, picture),) = read_pictures(path, np.array([1]))
    turned = matrix[0] == 0
    assert picture.shape == ((64, 48, 3) if turned else (48, 64, 3))
    assert picture.flags.c_contiguous
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    corners = {
        "upper left": picture[: h - 4, : w - 4],
        "upper right": picture[: h - 4, w + 4 :],
        "lower left": picture[h + 4 :, : w - 4],
        "lower right": picture[h + 4 :, w + 4 :],
    }
    assert max(corners, key=lambda name: corners[name].mean()) == light_corner


def test_the_rate_is_a_videos_own(tmp_path: Path) -> None:
    assert picture_rate(write_video(tmp_path / "顔.mp4", 10, fps=20)) == pytest.approx(20.0)
    assert picture_rate(write_video(tmp_path / "b.avi", 10, "mpeg4", fps=30)) == pytest.approx(float(Fraction(30)))
    assert picture_rate(tmp_path) is None


def test_an_index_beyond_the_video_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    with pytest.raises(DataError, match=r"picture 5 is wanted, but only 5 can be decoded"):
        list(read_pictures(path, np.array([2, 5])))


def test_a_missing_a_broken_and_a_silent_file_are_errors_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\x00" * 2000)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    for name, message in [
        ("nowhere.mp4", "no such video"),
        ("broken.mp4", "cannot be decoded"),
        ("sound.wav", "no video track"),
    ]:
        for use in (count_pictures, picture_rate, lambda path: list(read_pictures(path, np.array([0])))):
            with pytest.raises(DataError, match=message) as caught:
                use(tmp_path / name)
            assert name in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_video_cut_off_in_the_middle_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    n = count_pictures(path)
    assert n < 30
    with pytest.raises(DataError, match="picture 29 is wanted"):
        list(read_pictures(path, np.array([29])))


def test_a_damaged_packet_of_a_video_costs_its_own_picture_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 20, "mjpeg")
    data = bytearray(path.read_bytes())
    seventh = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"][6]  # each packet begins a JPEG
    data[seventh + 200 : seventh + 600] = b"\xff" * 400
    path.write_bytes(data)
    damaged: dict[int, DataError] = {}
    read = list(read_pictures(path, np.arange(20), damaged))
    assert list(damaged) == [6]
    assert "a.avi: picture 6 is damaged" in str(damaged[6])
    assert [index_by_grey(picture) for _, picture in read] == [i for i in range(20) if i != 6]
    with pytest.raises(DataError, match="picture 6 is damaged"):
        list(read_pictures(path, np.arange(20)))
