"""FaceFinders: streams that are looked at side by side get what each gets alone."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.realtime.faces.finder import FaceFinder, FoundFace
from knowledge_spreader.realtime.faces.finders import FaceFinders
from knowledge_spreader.realtime.types import Frame
from tests.realtime.faces.moving_faces import MODEL, every, needs_media, shot

pytestmark = needs_media


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[FaceFinder, FaceFinder]]:
    with ExitStack() as stack:
        made = [stack.enter_context(FaceFinder(MODEL, 112, mesh=True)) for _ in range(2)]
        yield made[0], made[1]


def walk(stream: int) -> list[Frame]:
    """Half a second of a face that walks, to the right in stream 0 and down in stream 1."""
    shots = [
        shot([("astronaut", 250 + (1 - stream) * 100 * t, 150 + stream * 60 * t, 90)], t) for t in every(1 / 25, 0, 0.5)
    ]
    return [replace(one, stream=replace(one.stream, number=stream)) for one in shots]


def seen(finder: FaceFinder | FaceFinders, frames: Sequence[Frame]) -> list[FoundFace]:
    return [found for frame in frames for found in finder.find(frame)]


def test_threads_side_by_side_see_what_each_sees_alone(two: tuple[FaceFinder, FaceFinder]) -> None:
    walks = [walk(0), walk(1)]
    alone = [seen(two[0], frames) for frames in walks]
    two[0].forget(0)
    two[0].forget(1)
    finders = FaceFinders(two)
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda frames: seen(finders, frames), walks))
    for mine, wanted in zip(together, alone, strict=True):
        assert len(mine) == len(wanted) == 12  # a face in each frame
        for one, other in zip(mine, wanted, strict=True):
            assert one.face.face_id == other.face.face_id == 0
            np.testing.assert_allclose(one.face.points_px, other.face.points_px, atol=1e-3)
            np.testing.assert_array_equal(one.crop, other.crop)


def test_a_stream_that_is_forgotten_leaves_the_other_as_it_is(two: tuple[FaceFinder, FaceFinder]) -> None:
    finders = FaceFinders(two)
    for number in (0, 1):
        finders.forget(number)
        assert seen(finders, walk(number)[:3])[0].face.fresh
    finders.forget(0)
    (again,), (held,) = (finders.find(walk(number)[3]) for number in (0, 1))
    assert (again.face.fresh, held.face.fresh) == (True, False)
