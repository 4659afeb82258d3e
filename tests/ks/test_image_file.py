"""One image file, as people see it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.image_file import ImageReader, is_animation, read_animation


def written(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".webp", ".jpg", ".avif", ".ppm"])
def test_each_format_gives_the_same_colours(tmp_path: Path, suffix: str) -> None:
    image = np.full((32, 48, 3), (30, 90, 200), np.uint8)  # BGR
    read = ImageReader().read(written(tmp_path / f"1{suffix}", image))
    assert read.shape == (32, 48, 3)
    np.testing.assert_allclose(read.reshape(-1, 3).mean(0), (200, 90, 30), atol=3)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_a_grey_image_has_three_equal_channels(tmp_path: Path, suffix: str) -> None:
    read = ImageReader().read(written(tmp_path / f"1{suffix}", np.full((8, 8), 77, np.uint8)))
    assert read.tolist() == np.full((8, 8, 3), 77).tolist()


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_images_of_16_bits_are_as_bright_as_their_data(tmp_path: Path, suffix: str, bits: int) -> None:
    full = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint16).reshape(16, 16)
    read = ImageReader().read(written(tmp_path / f"1{suffix}", full))
    np.testing.assert_allclose(read[..., 0].ravel(), np.arange(256), atol=1)


def test_all_images_of_a_recording_have_the_bits_of_the_brightest_before(tmp_path: Path) -> None:
    reader = ImageReader()
    bright = written(tmp_path / "1.png", np.full((8, 8), 4000, np.uint16))  # 12 bits
    dark = written(tmp_path / "2.png", np.full((8, 8), 160, np.uint16))
    assert reader.read(bright)[0, 0, 0] == 4000 >> 4
    assert reader.read(dark)[0, 0, 0] == 160 >> 4


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_an_image_that_is_cut_off_is_an_error(tmp_path: Path, suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = written(tmp_path / f"1{suffix}", image)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(DataError, match=r"cannot be read .*replace or remove it"):
        ImageReader().read(path)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_an_animation_gives_all_its_pictures_with_their_times(tmp_path: Path, suffix: str) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 3), (0, 0, 60 * i), np.uint8) for i in range(4)]
    animation.durations = np.array([40, 40, 100, 40])
    path = tmp_path / f"1{suffix}"
    assert cv2.imwriteanimation(str(path), animation)
    still = written(tmp_path / f"2{suffix}", animation.frames[0])
    assert is_animation(path)
    assert not is_animation(still)
    read = read_animation(path)
    assert [round(float(picture[..., 0].mean()) / 60) for picture, _ in read] == [0, 1, 2, 3]  # red, so RGB
    assert [shown_ms for _, shown_ms in read][:3] == [40, 40, 100]


def test_a_cut_animation_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.webp").write_bytes(b"RIFF\x00\x00\x00\x00WEBPVP8X")
    with pytest.raises(DataError, match=r"1\.webp: this image cannot be read"):
        read_animation(tmp_path / "1.webp")
