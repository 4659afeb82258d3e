"""The faces of a photograph are found at every size, at once, and numbered from the largest."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest

from knowledge_spreader.arrays import U8
from knowledge_spreader.realtime.faces.all_scales import squares_of
from knowledge_spreader.realtime.faces.finder import FaceFinder, FoundFace
from knowledge_spreader.realtime.types import Frame, Stream
from tests.realtime.faces.moving_faces import MODEL, media, picture
from tests.realtime.faces.test_small_faces import at, drawn

PHOTOGRAPHS = Stream("album", stills=2)


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder(MODEL, 112) as made:
        yield made


def photograph(image: U8, index: int = 0) -> Frame:
    return Frame(image, PHOTOGRAPHS, index, 0, Fraction(1), 0.0, picture=f"{index}.jpg")


def widths(found: list[FoundFace]) -> list[float]:
    return [one.face.box_xyxy_px[2] - one.face.box_xyxy_px[0] for one in found]


def test_small_faces_beside_large_ones_are_found_in_the_only_look(finder: FaceFinder) -> None:
    heads = [("man", 420.0, 420.0, 330.0), ("astronaut", 1000.0, 300.0, 120.0), ("hopper", 1700.0, 900.0, 54.0)]
    found = finder.find(photograph(drawn((1920, 1080), heads)))
    assert len(found) == 3
    for one, head in zip(found, heads, strict=True):
        assert at([one], head)
    assert [one.face.face_id for one in found] == [0, 1, 2]


@pytest.mark.parametrize("width", [60, 130, 280, 600, 1100])
def test_a_face_of_any_size_is_found_in_12_megapixels(finder: FaceFinder, width: int) -> None:
    head = ("man", 2900.0, 1700.0, float(width))
    found = finder.find(photograph(drawn((4000, 3000), [head])))
    assert len(found) == 1
    assert at(found, head)


def test_faces_are_numbered_from_the_largest_in_each_photograph(finder: FaceFinder) -> None:
    two = [("astronaut", 160.0, 180.0, 60.0), ("man", 450.0, 180.0, 110.0)]
    for index, heads in enumerate((two, two[:1], two[::-1], two)):
        found = finder.find(photograph(drawn((640, 360), heads), index))
        assert [one.face.face_id for one in found] == list(range(len(heads)))
        assert widths(found) == sorted(widths(found), reverse=True)
        assert all(one.face.fresh for one in found)


def test_a_photograph_is_answered_as_if_it_were_the_only_one(finder: FaceFinder) -> None:
    first = photograph(picture("skimage_astronaut.png"))
    moved = photograph(
        np.ascontiguousarray(picture("skimage_astronaut.png")[:, 3:]), 1
    )  # a tracker would smooth the points
    alone = [finder.find(one)[0] for one in (moved, first)]
    after = [finder.find(one)[0] for one in (first, moved)][::-1]
    for one, other in zip(alone, after, strict=True):
        assert (one.face.points_px == other.face.points_px).all()
        assert (one.crop == other.crop).all()


def test_a_group(finder: FaceFinder) -> None:
    image = picture_of_five()
    for scale in (1.0, 2.0):
        found = finder.find(photograph(np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)))
        assert len(found) == 5


def test_pictures_too_small_for_a_face_have_none(finder: FaceFinder) -> None:
    for size in ((1, 1), (1, 3000), (3000, 1), (20, 30)):
        assert finder.find(photograph(np.full((*size, 3), 90, np.uint8))) == []


@pytest.mark.parametrize(
    ("width", "height", "min_face_px", "sides"),
    [
        (640, 480, 48, {371: 4}),  # 0.58 x 640; 48 px are 0.13 of it
        (4000, 3000, 48, {2320: 4, 963: 24, 400: 130}),  # down to 48 / 0.12
        (4000, 3000, 300, {2320: 4}),
        (4000, 3000, 0, {2320: 4, 1124: 20, 545: 80, 264: 300, 128: 1302}),  # no further than the detector's input
    ],
)
def test_squares_of_each_size_cover_the_image(
    width: int, height: int, min_face_px: float, sides: dict[int, int]
) -> None:
    squares = squares_of(width, height, min_face_px)
    assert Counter(side for _, _, side in squares) == sides
    for side in sides:
        covered = np.zeros((height // 10, width // 10), np.bool_)
        for x, y, length in squares:
            if length == side:
                rows, columns = (slice(max(start, 0) // 10, -(-(start + length) // 10)) for start in (y, x))
                covered[rows, columns] = True
        assert covered.all()


def picture_of_five() -> U8:
    return np.asarray(cv2.cvtColor(cv2.imread(str(media("pyfeat_multi_face.jpg"))), cv2.COLOR_BGR2RGB), np.uint8)
