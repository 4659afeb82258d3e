"""face.landmarks_68: order, sides and symmetry of the 68 points."""

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blaze_face import BlazeFace
from knowledge_spreader.face.face_mesh import FaceMesh
from knowledge_spreader.face.landmarks_68 import INDEX, landmarks_68
from tests.ks.face.face_pictures import DEMO, frames, regions

# 300-W's points that change places in a mirror
MIRROR = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46, 39, 38, 37, 36,
    41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65,
]  # fmt: skip


@pytest.fixture(scope="module")
def points():
    """Of the demo's first picture, whose person looks into the camera."""
    image = next(frames(DEMO / "clip.mp4"))
    return FaceMesh(threads=1).find(image, regions(image, BlazeFace(threads=1, min_score=0.5))[:1]).points_px[0]


def test_68_different_points_of_the_478():
    assert INDEX.shape == (68,)
    assert len(set(INDEX.tolist())) == 68
    assert sorted(MIRROR) == list(range(68))


def test_they_lie_where_300_w_has_them(points):
    found = landmarks_68(points)
    assert found.shape == (68, 2)
    x, y = found.T
    assert (np.diff(x[:17]) > 0).all()  # the jaw from the picture's left to its right
    assert y[8] == y.max()  # over the chin
    assert (np.diff(x[17:27]) > 0).all()
    assert (np.diff(y[27:31]) > 0).all()  # down the bridge
    assert (np.diff(x[31:36]) > 0).all()
    right, left = found[36:42].mean(0), found[42:48].mean(0)
    assert y[17:27].max() < right[1] < y[30] < y[51] < y[62] <= y[66] < y[57] < y[8]
    assert x[0] < right[0] < x[27] < left[0] < x[16]
    assert x[48] < x[60] < x[64] < x[54]
    assert y[37] < y[41]
    assert y[44] < y[46]


def test_a_face_is_as_wide_on_both_sides(points):
    found = landmarks_68(points)
    mirrored = found[MIRROR] * (-1, 1)
    mirrored += found.mean(0) - mirrored.mean(0)
    assert np.abs(mirrored - found).max() < 0.06 * np.ptp(found[:, 0])


def test_other_points_are_refused():
    with pytest.raises(DataError, match=r"points \(478, 2 or 3\); got \(68, 2\)"):
        landmarks_68(np.zeros((68, 2)))
