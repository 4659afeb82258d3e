"""synth.assets.library: the folder is read once, and what is wrong with it is said in one line."""

import shutil

import numpy as np
import pytest

from knowledge_spreader.errors import DataError, KSError, MissingError
from knowledge_spreader.synth.assets import library
from knowledge_spreader.synth.assets.library import load_assets
from knowledge_spreader.synth.rendering.gl import picture
from tests.ks.synth.asset_folder import FOLDER, assets, linked_copy, needs_assets


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_without_assets_is_named(tmp_path):
    with pytest.raises(MissingError, match="--assets"):
        load_assets(tmp_path)


@needs_assets
@pytest.mark.parametrize(
    "missing",
    [
        "makehuman/core/3dobjs/base.obj",
        "makehuman/core/targets/macrodetails/asian-male-old.target.gz",
        "makehuman/core/eyes/high-poly/high-poly.obj",
        "ict_facekit/ict_facekit_compact.npz",
        "makehuman/assets/base/skins/textures",
        "hdri",
    ],
)
def test_half_a_copy_is_one_clear_line(tmp_path, own_cache, missing):
    folder = linked_copy(tmp_path)
    gone = folder / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(KSError) as caught:
        load_assets(folder)
    assert "\n" not in str(caught.value)
    assert missing.rsplit("/", 1)[-1].split(".")[0].split("_")[0] in str(caught.value)


@needs_assets
def test_a_picture_that_is_cut_off_is_named(tmp_path):
    whole = next(iter(assets().skins.values()))
    half = tmp_path / whole.name
    half.write_bytes(whole.read_bytes()[:50_000])
    with pytest.raises(DataError, match="not a complete picture"):
        picture(half)


@pytest.mark.slow
@needs_assets
def test_the_second_reading_comes_from_the_cache_and_a_broken_cache_is_made_again(own_cache, monkeypatch):
    whole, built = library._build, []

    def build(*files):
        built.append(built[0] if built else whole(*files))  # seconds, and the same each time
        return dict(built[0])

    monkeypatch.setattr(library, "_build", build)
    first, second = load_assets(FOLDER), load_assets(FOLDER)
    assert len(built) == 1
    (cache,) = own_cache.rglob("*.npz")
    assert first.digest == second.digest
    for name, (index, move) in first.targets.items():
        assert np.array_equal(index, second.targets[name][0])
        assert np.array_equal(move, second.targets[name][1])
    cache.write_bytes(cache.read_bytes()[:1000])
    assert load_assets(FOLDER).digest == first.digest
    assert len(built) == 2
    assert cache.stat().st_size > 1_000_000


@needs_assets
def test_no_shape_comes_from_material_with_another_licence():
    """CC0 and MIT only: nothing of facshuman/ (LGPL) is read."""
    assert not [name for name in assets().targets if "facs" in name.lower()]
    assert not [name for name, wear in assets().wear.items() if wear.picture and "facshuman" in str(wear.picture)]
