"""synth.dataset.references: the pictures of each AU that the studio shows beside a frame."""

import numpy as np
import pytest

from knowledge_spreader.opencv import cv2
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.cli import main
from knowledge_spreader.synth.dataset.references import TILE_PX, levels
from tests.ks.synth.asset_folder import FOLDER, needs_assets, refused_on_a_full_disk, skip_without_driver
from tests.paths import ROOT

BUNDLED = ROOT / "realtime" / "studio" / "page" / "references"


def tiles(path):
    picture = cv2.imread(str(path))
    assert picture.shape == (TILE_PX[1], 3 * TILE_PX[0], 3)
    return np.split(picture.astype(np.float32), 3, 1)


def change(a, b):
    return float(np.abs(a[:, :-1] - b[:, :-1]).mean())


def moved(a, b):
    """How much the hundredth part of the picture that changes most changes, in grey levels."""
    soft = cv2.GaussianBlur(np.abs(a[:, :-1] - b[:, :-1]).mean(2), (0, 0), 2)
    return float(np.percentile(soft, 99))


def test_level_b_is_what_the_labels_call_present_for_certain():
    assert levels(12) == (0.4, 0.9)  # visible from 0.30, certain from 0.345
    assert levels(9) == (pytest.approx(1.15 * 0.47), 0.9)
    assert all(0.4 <= levels(au)[0] < 0.6 for au in AUS)


def test_the_bundled_pictures_are_small_and_show_more_at_level_d():
    assert {int(path.stem) for path in BUNDLED.glob("*.jpg")} == set(AUS)
    for au in AUS:
        assert (BUNDLED / f"{au}.jpg").stat().st_size < 25_000
        neutral, b, d = tiles(BUNDLED / f"{au}.jpg")
        assert 8 < moved(neutral, b) < moved(neutral, d), au


@pytest.mark.long
@needs_assets
def test_the_command_makes_the_bundled_pictures_again(tmp_path, capsys):
    skip_without_driver()
    assert main(["references", "--assets", str(FOLDER), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / f"{au}.jpg") for au in AUS]
    for au in AUS:
        for made, bundled in zip(tiles(tmp_path / f"{au}.jpg"), tiles(BUNDLED / f"{au}.jpg"), strict=True):
            assert change(made, bundled) < 1.5, au  # of 255: another driver rounds otherwise


@needs_assets
@pytest.mark.slow
def test_a_full_disk_is_one_line(tmp_path):
    skip_without_driver()
    arguments = ["references", "--assets", str(FOLDER), "--out", str(tmp_path)]
    assert "1.jpg: cannot be written" in refused_on_a_full_disk(arguments)
