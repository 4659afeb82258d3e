"""What is opened once for the tests of the server."""

from collections.abc import Iterator

import pytest

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options


@pytest.fixture(scope="session")
def opened() -> Iterator[Opened]:
    """For one hub at a time."""
    with Opened(Options(threads=1), streams=4, photographs=True) as made:
        yield made
