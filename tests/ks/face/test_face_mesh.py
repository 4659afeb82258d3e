"""face.face_mesh and face.blendshapes on the demo's rendered person, whose movements are known."""

import csv

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blaze_face import BlazeFace
from knowledge_spreader.face.blendshapes import NAMES, USED
from knowledge_spreader.face.face_mesh import PRESENT
from knowledge_spreader.face.mesh_region import Region, region_of_mesh
from tests.ks.face.face_pictures import DEMO, frames, regions


@pytest.fixture(scope="module")
def first():
    return next(frames(DEMO / "clip.mp4"))


@pytest.fixture(scope="module")
def region(first):
    (found,) = regions(first, BlazeFace(threads=1, min_score=0.5))
    return found


def test_478_points_lie_on_the_face(mesh, first, region):
    points, presence = mesh.find(first, [region])
    assert points.shape == (1, 478, 3)
    assert points.dtype == presence.dtype == np.float32
    assert presence[0] > 0.99
    forehead, chin, right_cheek, left_cheek = points[0, [10, 152, 234, 454], :2]
    right_iris, left_iris, nose = points[0, [468, 473, 1], :2]
    assert forehead[1] < right_iris[1] < nose[1] < chin[1]
    assert right_cheek[0] < right_iris[0] < nose[0] < left_iris[0] < left_cheek[0]
    assert points[0, 1, 2] < points[0, [234, 454], 2].min()  # the nose tip is nearer than the cheeks


def test_where_there_is_no_face_presence_is_low(mesh, first, region):
    away = Region(60, 400, 120, 0.0)  # a lower corner of the picture
    presence = mesh.find(first, [region, away]).presence
    assert presence[0] > 0.99
    assert presence[1] < 0.1


def test_many_faces_are_answered_as_one_by_one(mesh, first, region):
    others = [region, Region(region.x_px + 5, region.y_px, region.side_px * 1.1, 0.1), region]
    points, presence = mesh.find(first, others)
    for i, other in enumerate(others):
        alone = mesh.find(first, [other])
        np.testing.assert_array_equal(points[i], alone.points_px[0])
        assert presence[i] == alone.presence[0]
    assert mesh.find(first, []).points_px.shape == (0, 478, 3)


def test_a_turned_picture_gives_turned_points(mesh, first, region):
    """Turned by a quarter to the left: (x, y) -> (y, width - 1 - x), counted in pixels."""
    turned = np.ascontiguousarray(np.rot90(first))
    width = first.shape[1]
    there = Region(region.y_px, width - 1 - region.x_px, region.side_px, region.angle - np.pi / 2)
    points, other = mesh.find(first, [region]).points_px, mesh.find(turned, [there]).points_px
    back = np.stack([width - 1 - other[0, :, 1], other[0, :, 0]], axis=1)
    np.testing.assert_allclose(back, points[0, :, :2], atol=0.5)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_a_picture_that_is_not_rgb_is_refused(mesh, region, shape):
    with pytest.raises(DataError, match=r"a picture must be uint8 \(H, W, 3\); got"):
        mesh.find(np.zeros(shape, np.uint8), [region])


def test_blendshapes_have_52_names_and_use_146_points(blendshapes, mesh, first, region):
    points = mesh.find(first, [region]).points_px
    values = blendshapes.values(points)
    assert values.shape == (1, 52)
    assert (len(set(NAMES)), len(set(USED)), sorted(USED)) == (52, 146, list(USED))
    assert ((values >= 0) & (values <= 1)).all()
    moved = points.copy()
    moved[:, [i for i in range(478) if i not in USED]] += 50  # points that are not used
    np.testing.assert_array_equal(blendshapes.values(moved), values)


def test_blendshapes_depend_neither_on_place_nor_on_size(blendshapes, mesh, first, region):
    points = mesh.find(first, [region]).points_px
    np.testing.assert_allclose(blendshapes.values(points * 2 + 100), blendshapes.values(points), atol=1e-3)


def test_points_of_another_shape_are_refused(blendshapes):
    with pytest.raises(DataError, match=r"\(F, 478, 2 or 3\); got \(478, 3\)"):
        blendshapes.values(np.zeros((478, 3), np.float32))


@pytest.mark.slow
def test_blendshapes_follow_what_the_rendered_person_does(mesh, blendshapes, region):
    """The square follows the face through the clip. Expected: correlation with the true intensities."""
    values, presences = [], []
    for picture in frames(DEMO / "clip.mp4"):
        points, presence = mesh.find(picture, [region])
        values.append(blendshapes.values(points)[0])
        presences.append(presence[0])
        region = region_of_mesh(points[0])
    assert min(presences) > PRESENT
    with (DEMO / "clip.csv").open() as file:
        truth = list(csv.DictReader(file))
    assert len(truth) == len(values)
    for au, name, at_least in (
        ("AU01", "browInnerUp", 0.95),
        ("AU02", "browOuterUpLeft", 0.95),
        ("AU12", "mouthSmileLeft", 0.9),
        ("AU26", "jawOpen", 0.95),
        ("AU43", "eyeBlinkRight", 0.9),
    ):
        seen = [value[NAMES.index(name)] for value in values]
        assert np.corrcoef([float(row[au]) for row in truth], seen)[0, 1] > at_least, au
