"""The asset folder for tests, and the reason to skip without it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from knowledge_spreader.errors import MissingError
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.synth.assets.library import Assets, load_assets
from tests.paths import SHARED

FOLDER = SHARED / "faces3d"
FACE_MODEL = find_face_model(None)
needs_assets = pytest.mark.skipif(not (FOLDER / "makehuman").is_dir(), reason=f"no asset folder at {FOLDER}")


@cache
def assets() -> Assets:
    return load_assets(FOLDER)


def linked_copy(into: Path, *more: str) -> Path:
    """A copy of the asset folder as links, so that a test can break single files. more: further folders to copy."""
    copy = into / "assets"
    for kind in ("makehuman", "ict_facekit", "hdri", *more):
        shutil.copytree(FOLDER / kind, copy / kind, copy_function=os.symlink)
    return copy


@cache
def no_driver() -> str:
    """Why rendering is impossible here; "" if it is possible."""
    from knowledge_spreader.synth.rendering.gl import Graphics

    try:
        Graphics().close()
    except MissingError as exc:
        return str(exc)
    return ""


def skip_without_driver() -> None:
    if no_driver():
        pytest.skip(no_driver())


def refused_on_a_full_disk(arguments: Sequence[str]) -> str:
    """The one error line of ks-synth where files cannot grow beyond 6 kB, as on a full disk."""
    program = (
        "import resource, sys\nfrom knowledge_spreader.synth.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n"
        f"sys.exit(main({list(arguments)!r}))\n"
    )
    env = {**os.environ, "MESA_SHADER_CACHE_DISABLE": "true"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr
