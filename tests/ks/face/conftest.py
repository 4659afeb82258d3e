"""The face models, opened once for each file of tests."""

import pytest

from knowledge_spreader.face.blaze_face import BlazeFace
from knowledge_spreader.face.blendshapes import Blendshapes
from knowledge_spreader.face.face_mesh import FaceMesh


@pytest.fixture(scope="module")
def detector() -> BlazeFace:
    return BlazeFace(threads=1, min_score=0.5)


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(threads=1)


@pytest.fixture(scope="module")
def blendshapes() -> Blendshapes:
    return Blendshapes(threads=1)
