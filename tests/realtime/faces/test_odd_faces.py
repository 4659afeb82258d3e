"""Faces at the border, upside down, tiny, huge, half hidden, beside the picture: no exception, and an honest reason."""

import cv2
import numpy as np
import pytest

from knowledge_spreader.arrays import U8
from knowledge_spreader.realtime.faces.finder import FaceFinder
from tests.realtime.faces.moving_faces import MODEL, background, frame, needs_media, paste, picture

pytestmark = needs_media


@pytest.fixture(scope="module", params=[False, True], ids=["detector", "mesh"])
def finder(request):
    with FaceFinder(MODEL, 112, mesh=request.param) as made:
        yield made


def drawn(x: float, y: float, width: float, size: tuple[int, int] = (640, 360)) -> U8:
    image = background(*size).copy()
    paste(image, "astronaut", x, y, width)
    return image


def reasons(finder: FaceFinder, image: U8, frames: int = 6) -> list[str]:
    """Of the one face in a still picture, over some frames; "none" where no face is found."""
    finder.forget(0)
    said = []
    for i in range(frames):
        found = finder.find(frame(image, i / 30))
        assert len(found) <= 1
        said.append(found[0].face.rejected if found else "none")
        for one in found:
            assert one.crop.shape == (112, 112, 3)
            assert np.isfinite(one.face.points_px).all()
            assert np.isfinite(one.face.box_xyxy_px).all()
    return said


def test_a_face_of_40_px_is_small(finder: FaceFinder) -> None:
    assert set(reasons(finder, drawn(320, 180, 40))) == {"small"}


def test_a_face_of_900_px_is_a_face(finder: FaceFinder) -> None:
    large = cv2.resize(picture("skimage_astronaut.png")[:300, 100:380], None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    assert "none" not in reasons(finder, np.asarray(large, np.uint8), frames=2)


@pytest.mark.parametrize(("x", "y"), [(10, 180), (630, 180), (320, 5), (320, 350), (0, 0)])
def test_a_face_that_is_half_outside_has_no_answer(finder: FaceFinder, x: float, y: float) -> None:
    assert set(reasons(finder, drawn(x, y, 150))) <= {"edge", "turned", "none"}


def test_a_face_that_is_upside_down_has_no_answer_or_its_own(finder: FaceFinder) -> None:
    upside_down = np.ascontiguousarray(drawn(320, 180, 150)[::-1, ::-1])
    assert set(reasons(finder, upside_down)) <= {"none", "turned", "blurred", "edge", ""}


def test_a_face_behind_a_hand_of_one_colour_breaks_nothing(finder: FaceFinder) -> None:
    image = drawn(320, 180, 150)
    image[180:300, 240:400] = (180, 140, 120)
    assert len(reasons(finder, image)) == 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 1), (7, 5), (64, 64)])
@pytest.mark.parametrize("grey", [0, 255])
def test_pictures_of_one_colour_and_any_size_have_no_face(
    finder: FaceFinder, shape: tuple[int, int], grey: int
) -> None:
    assert set(reasons(finder, np.full((*shape, 3), grey, np.uint8), frames=2)) == {"none"}


def test_a_picture_that_changes_its_size_in_the_middle_breaks_nothing(finder: FaceFinder) -> None:
    finder.forget(0)
    for i, size in enumerate([(640, 360), (640, 360), (320, 180), (320, 180), (640, 360)]):
        found = finder.find(frame(drawn(size[0] / 2, size[1] / 2, size[0] / 4, size), i / 30))
        assert len(found) <= 1
