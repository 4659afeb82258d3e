"""A desk to try commands on: an empty folder with a talk.mp4, on a machine that has the face model."""

import os
import shutil
from pathlib import Path

import pytest

from knowledge_spreader.realtime.demo import demo_clip
from tests.paths import ROOT
from tests.realtime.clips import piece

FRAMES = 15  # of talk.mp4: 0.6 seconds


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the bundled clip."""
    return piece(demo_clip(), tmp_path_factory.mktemp("talk") / "talk.mp4", range(FRAMES))


@pytest.fixture
def desk(tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with talk.mp4 and the rows of our measurements. No display."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(talk, "talk.mp4")
    os.symlink(ROOT / "benchmarks", "benchmarks")
    return tmp_path
