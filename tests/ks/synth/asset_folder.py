"""The asset folder for tests, and the reason to skip without it."""

from functools import cache
from pathlib import Path

import pytest

from ks.errors import MissingError
from ks.synth.assets import Assets, load_assets

SHARED = Path(__file__).parents[4] / "shared" / "data"
FOLDER = SHARED / "faces3d"
FACE_MODEL = SHARED / "models" / "blaze_face_short_range.tflite"
needs_assets = pytest.mark.skipif(not (FOLDER / "makehuman").is_dir(), reason=f"no asset folder at {FOLDER}")


@cache
def assets() -> Assets:
    return load_assets(FOLDER)


@cache
def no_driver() -> str:
    """Why nothing can be drawn here, or nothing."""
    from ks.synth.gl import Graphics

    try:
        Graphics().close()
    except MissingError as exc:
        return str(exc)
    return ""


def skip_without_driver() -> None:
    if no_driver():
        pytest.skip(no_driver())
