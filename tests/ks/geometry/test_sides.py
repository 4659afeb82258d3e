"""Sides: the stronger has the AU's own probability, and a mirrored face has them exchanged."""

import json

import numpy as np
import pytest

from knowledge_spreader.errors import ModelError
from knowledge_spreader.geometry.sides import SIDE, Sides, differences
from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice
from tests.ks.geometry.voices import a_voice

CORNER = SIDE.index("corner_height")


def smiles(places: tuple[int, ...] = (1,)) -> Sides:
    """A corner that is higher by 1 mm makes its side likelier by 2 logits; both sides smile by default."""
    weight = np.zeros((1, len(SIDE)))
    weight[0, CORNER] = 2.0
    return Sides((12,), places, weight, np.array([3.0]))


def a_face(left_mm: float, right_mm: float) -> np.ndarray:
    features = np.random.default_rng(0).normal(size=len(FEATURES))
    for name in SIDE:
        for left, right in ((f"{name}Left", f"{name}Right"), (f"{name}_left", f"{name}_right")):
            if left in FEATURES:
                features[FEATURES.index(right)] = features[FEATURES.index(left)]
    features[FEATURES.index("corner_height_left")] = left_mm
    features[FEATURES.index("corner_height_right")] = right_mm
    return features


def test_the_stronger_side_has_the_aus_own_probability_and_the_other_less() -> None:
    """By hand: 4 mm are 8 logits, so the right is sigmoid(3 - 8) of sigmoid(3 + 8), times .9."""
    left, right = smiles().probability(np.array([0.1, 0.9]), a_face(10.0, 6.0))[0]
    assert left == 0.9
    assert right == pytest.approx(0.9 / (1 + np.exp(5)) * (1 + np.exp(-11)))


def test_an_even_smile_is_on_both_sides_and_an_absent_one_on_none() -> None:
    assert smiles().probability(np.array([0.1, 0.9]), a_face(8.0, 8.0))[0].tolist() == [0.9, 0.9]
    assert smiles().probability(np.array([0.9, 0.02]), a_face(10.0, 0.0)).max() == 0.02


def test_a_mirrored_face_has_its_sides_exchanged() -> None:
    p = np.array([0.5, 0.7])
    there, mirrored = (smiles().probability(p, a_face(*mm))[0] for mm in ((10.0, 8.5), (8.5, 10.0)))
    assert there.tolist() == pytest.approx(mirrored[::-1].tolist())
    assert there[0] > there[1]


def test_many_faces_at_once_are_each_alone() -> None:
    faces, p = np.stack([a_face(10.0, 6.0), a_face(6.0, 9.0)]), np.array([[0.1, 0.9], [0.2, 0.5]])
    together = smiles().probability(p, faces)
    assert together.shape == (2, 1, 2)
    for row, x, of_one in zip(together, faces, p, strict=True):
        assert row == pytest.approx(smiles().probability(of_one, x))


def test_movements_to_a_side_are_not_those_of_a_side() -> None:
    assert {"mouthSmile", "eyeBlink", "corner_height"} <= set(SIDE)
    assert not {"jaw", "mouth", "eyeLookIn"} & set(SIDE)
    assert differences(np.zeros((3, len(FEATURES)))).shape == (3, len(SIDE))


def test_a_voice_keeps_its_sides_and_is_the_same_voice_with_and_without() -> None:
    with_sides, without = a_voice(2, sides=smiles()), a_voice(2)
    assert with_sides.identity == without.identity
    assert (with_sides.sided, without.sided) == ((12,), ())
    read = GeometryVoice.from_dict(json.loads(json.dumps(with_sides.to_dict())))
    assert read.sides is not None
    assert (read.sides.aus, read.sides.places) == ((12,), (1,))
    assert (read.sides.weight == smiles().weight).all()
    assert GeometryVoice.from_dict(without.to_dict()).sides is None  # a file from before there were sides


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features": ["cornerUp"]}, "made for other measures"),
        ({"bias": [0.0, 1.0]}, "wanted finite weights"),
        ({"bias": [float("nan")]}, "wanted finite weights"),
        ({"places": [-1]}, "places count from 0"),
        ({"places": [2]}, "there are 2 AUs"),
        ({"weight": "many"}, "use another model file"),
    ],
)
def test_values_that_do_not_fit_are_one_line(change: dict[str, object], told: str) -> None:
    values = a_voice(2, sides=smiles()).to_dict()
    with pytest.raises(ModelError, match=told) as caught:
        GeometryVoice.from_dict(values | {"sides": values["sides"] | change})
    assert "\n" not in str(caught.value)
