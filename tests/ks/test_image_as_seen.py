"""Images turned by EXIF, transparent, in CMYK: each is read as people see it. Pillow writes them, and says how."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.image_file import EXPOSURE_TIME, ImageReader, exif_tags

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

KINDS = {"png": {}, "webp": {"lossless": True, "exact": True}, "tif": {}, "avif": {"quality": 100}, "jpg": {}}
SEE_THROUGH = [suffix for suffix in KINDS if suffix != "jpg"]


def scene() -> np.ndarray:
    """(60, 80, 3) with no symmetry, smooth enough for JPEG."""
    y, x = np.mgrid[:60, :80]
    return np.stack([3 * x, 4 * y, (x > 60) * 200], -1).astype(np.uint8)


def see_through() -> np.ndarray:
    """The scene; a third is transparent, over black, a third half transparent, a third opaque."""
    picture = np.dstack([scene(), np.full((60, 80), 255, np.uint8)])
    picture[:20, :, 3], picture[20:40, :, 3] = 0, 128
    picture[:10, :, :3] = 0
    return picture


def over_white(picture: np.ndarray) -> np.ndarray:
    share = picture[..., 3:] / 255
    return picture[..., :3] * share + 255 * (1 - share)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("transparent", [False, True])
def test_an_image_is_turned_as_its_exif_data_say(
    tmp_path: Path, suffix: str, orientation: int, transparent: bool
) -> None:
    if transparent and suffix not in SEE_THROUGH:
        pytest.skip("JPEG has no transparency")
    exif, path = Image.Exif(), tmp_path / f"1.{suffix}"
    exif[0x0112] = orientation
    stored = see_through() if transparent else scene()
    Image.fromarray(stored).save(path, exif=exif, **KINDS[suffix])
    seen = Image.fromarray(over_white(stored).round().astype(np.uint8) if transparent else stored)
    seen.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(seen), np.int64)
    read = ImageReader().read(path)
    assert read.shape == wanted.shape
    assert np.abs(read - wanted).mean() < 3  # JPEG and AVIF have losses


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_what_is_transparent_is_white(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(see_through()).save(tmp_path / f"1.{suffix}")
    read = ImageReader().read(tmp_path / f"1.{suffix}")
    assert (read[:20] == 255).all()
    np.testing.assert_allclose(read[20:40], over_white(see_through())[20:40], atol=1.01)
    assert (read[40:] == scene()[40:]).all()


def test_16_bits_with_alpha(tmp_path: Path) -> None:
    picture = see_through()[..., [2, 1, 0, 3]].astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "1.png"), picture)
    np.testing.assert_allclose(ImageReader().read(tmp_path / "1.png"), over_white(see_through()), atol=1.01)


def test_an_opaque_alpha_channel_changes_no_pixel(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([scene(), np.full((60, 80), 255, np.uint8)])).save(tmp_path / "1.png")
    assert (ImageReader().read(tmp_path / "1.png") == scene()).all()


def test_grey_with_alpha(tmp_path: Path) -> None:
    Image.fromarray(see_through()).convert("LA").save(tmp_path / "1.png")
    read = ImageReader().read(tmp_path / "1.png")
    assert (read[:20] == 255).all()
    assert (read[40:] == np.asarray(Image.fromarray(scene()).convert("L"))[40:, :, None]).all()


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    indexed = Image.fromarray((np.arange(4, dtype=np.uint8)[:, None]).repeat(4, 1))
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    indexed.save(tmp_path / "1.png")
    indexed.save(tmp_path / "2.png", transparency=2)
    colours = [[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]]
    assert ImageReader().read(tmp_path / "1.png")[:, 0].tolist() == colours
    assert ImageReader().read(tmp_path / "2.png")[:, 0].tolist() == [*colours[:2], [255] * 3, colours[3]]


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_has_the_colours_of_its_rgb(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(scene()).convert("CMYK").save(tmp_path / f"1.{suffix}", **KINDS[suffix])
    read = ImageReader().read(tmp_path / f"1.{suffix}")
    assert np.abs(read.astype(int) - scene()).mean() < 6  # of a JPEG; inverted colours would be off by about 100


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_tags_of_each_format(tmp_path: Path, suffix: str) -> None:
    exif, path = Image.Exif(), tmp_path / f"1.{suffix}"
    exif[0x0112] = 1
    exif.get_ifd(0x8769)[EXPOSURE_TIME] = (1, 60)
    Image.fromarray(scene()).save(path, exif=exif)
    assert {0x0112, EXPOSURE_TIME} <= exif_tags(path.read_bytes()).keys()
    Image.fromarray(scene()).save(path)
    assert EXPOSURE_TIME not in exif_tags(path.read_bytes())


@pytest.mark.parametrize(
    "data", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"\xff\xd8Exif\0\0II*\0"]
)
def test_exif_data_that_are_cut_off_give_no_error(data: bytes) -> None:
    assert exif_tags(data) == {}


def test_exif_directories_in_a_circle_end() -> None:
    entry = b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0"  # the Exif directory is at 8, as this one
    assert exif_tags(b"II*\0\x08\0\0\0\x01\0" + entry) == {}
