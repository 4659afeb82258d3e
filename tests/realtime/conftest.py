"""Fixtures of the realtime tests: the bundled model on this machine's CPU, and real clips if they are there.

The person's baseline is off; it has its own tests.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge_spreader.engines.base import Engine
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.open import open_engine
from tests.paths import SHARED


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    made = open_engine(bundled_model(), "openvino", "fp32", threads=1)
    made.spec = replace(made.spec, person_weight=(), person_mean=())
    yield made
    made.close()


@pytest.fixture(scope="session")
def media() -> Path:
    """Real clips."""
    if not (SHARED / "media").is_dir():
        pytest.skip("real clips (../shared/data/media) are not here")
    return SHARED / "media"
