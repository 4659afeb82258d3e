"""Faces of 48 px and more are found in pictures up to 4K, wherever they are."""

from collections.abc import Sequence

import numpy as np
import pytest

from knowledge_spreader.arrays import U8
from knowledge_spreader.realtime.faces.finder import FINE_HELD_S, FINE_S, FaceFinder, FoundFace
from tests.realtime.faces.moving_faces import MODEL, background, every, frame, needs_media, paste

pytestmark = needs_media
STEP_S = 1 / 15
Head = tuple[str, float, float, float]
SIZES = [(1920, 1080), pytest.param((3840, 2160), marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def finder():
    with FaceFinder(MODEL, 112) as made:
        yield made


def drawn(size: tuple[int, int], heads: Sequence[Head]) -> U8:
    image = background(*size).copy()
    for who, x, y, width in heads:  # paste() works on the whole of what it is given
        left, top, half = round(x), round(y), round(width)
        part = image[top - half : top + half, left - half : left + half]
        paste(part, who, x - left + half, y - top + half, width)
    return image


def at(found: Sequence[FoundFace], head: Head) -> bool:
    _, x, y, width = head
    boxes = [one.face.box_xyxy_px for one in found]
    return any(np.hypot((b[0] + b[2]) / 2 - x, (b[1] + b[3]) / 2 - y) < width / 3 for b in boxes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [50, 78, 152])
def test_a_small_face_is_found_in_the_first_frame_and_held(
    finder: FaceFinder, size: tuple[int, int], width: int
) -> None:
    head = ("astronaut", 0.81 * size[0], 0.84 * size[1], float(width))
    image = drawn(size, [head])
    finder.forget(0)
    for time_s in every(STEP_S, 0, 0.5):
        found = finder.find(frame(image, time_s))
        assert len(found) == 1
        assert at(found, head)
        assert found[0].face.face_id == 0
        assert found[0].face.rejected != "small"


@pytest.mark.parametrize("size", SIZES)
def test_a_small_face_that_comes_later_is_found_within_a_second(finder: FaceFinder, size: tuple[int, int]) -> None:
    head = ("hopper", 0.3 * size[0], 0.7 * size[1], 60.0)
    nobody, somebody = background(*size), drawn(size, [head])
    finder.forget(0)
    for time_s in every(STEP_S, 0, 1):
        assert finder.find(frame(nobody, time_s)) == []
    seen = [at(finder.find(frame(somebody, time_s)), head) for time_s in every(STEP_S, 1, 1 + FINE_S + 2 * STEP_S)]
    assert seen[-1]


def test_a_small_face_beside_a_large_one_is_found_while_that_is_held(finder: FaceFinder) -> None:
    large, small = ("hopper", 500.0, 600.0, 400.0), ("astronaut", 1500.0, 300.0, 50.0)
    image = drawn((1920, 1080), [large, small])
    finder.forget(0)
    seen = [finder.find(frame(image, time_s)) for time_s in every(STEP_S, 0, FINE_HELD_S + 0.5)]
    assert at(seen[0], large)
    assert at(seen[-1], large)
    assert at(seen[-1], small)
