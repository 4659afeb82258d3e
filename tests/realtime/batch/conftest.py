"""Short recordings of the bundled clip."""

from pathlib import Path

import pytest

from knowledge_spreader.realtime.demo import demo_clip
from tests.realtime.clips import piece

FRAMES = 12


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.mp4, b.mp4 and c.mp4: 12 frames each, at 25 a second, of one face."""
    folder = tmp_path_factory.mktemp("clips")
    for i, name in enumerate("abc"):
        piece(demo_clip(), folder / f"{name}.mp4", range(FRAMES * i, FRAMES * (i + 1)))
    return folder
