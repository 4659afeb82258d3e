"""The geometry voice: what is heard, and what is kept of it."""

import json

import numpy as np
import pytest

from knowledge_spreader.errors import ModelError
from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice
from tests.ks.geometry.voices import a_voice

NO_FEATURE = np.zeros(0)


def test_the_answer_is_the_sum_of_both_by_their_shares() -> None:
    voice = a_voice(2)
    features = np.zeros(len(FEATURES))
    features[FEATURES.index("jawOpen")] = 3.0
    points = voice.logits(features)
    assert points.tolist() == [3.0, 0.0]
    assert voice.heard(np.array([1.0, -2.0]), points, NO_FEATURE).tolist() == [0.5 * 1 + 0.5 * 3, -2.0]


def test_a_face_without_points_is_answered_by_the_crops() -> None:
    assert a_voice(2).heard(np.array([1.0, -2.0]), None, NO_FEATURE).tolist() == [1.25, -1.75]


def test_what_the_crops_have_learned_is_each_aus_own_part_of_the_feature() -> None:
    voice = a_voice(2, alone_weight=np.array([[1.0, 2.0, 0.0], [0.0, 0.0, -1.0]]))
    feature = np.array([1.0, 1, 9, 9, 9, 4])
    assert voice.heard(np.array([1.0, -2.0]), None, feature).tolist() == [1.25 + 3, -1.75 - 4]
    both = voice.heard(np.array([[1.0, -2.0]] * 2), None, np.stack([feature, 0 * feature]))
    assert both.tolist() == [[4.25, -5.75], [1.25, -1.75]]


def test_many_faces_at_once_are_each_alone() -> None:
    voice, rng = a_voice(3), np.random.default_rng(0)
    features, crops = rng.normal(size=(4, len(FEATURES))), rng.normal(size=(4, 3))
    together = voice.heard(crops, voice.logits(features), NO_FEATURE)
    for row, x, z in zip(together, features, crops, strict=True):
        assert row == pytest.approx(voice.heard(z, voice.logits(x), NO_FEATURE))


def test_voices_that_say_the_same_are_not_apart_and_an_au_without_points_never_is() -> None:
    voice = a_voice(2)  # shares .5 and .5 of the first AU
    assert voice.apart(np.array([1.0, -2.0]), np.array([1.0, 9.0])).tolist() == [0, 0]
    far = voice.apart(np.array([-40.0, 0.0]), np.array([40.0, 0.0]))
    assert far.tolist() == pytest.approx([1, 0])


def test_it_is_read_back_to_seven_digits() -> None:
    rng = np.random.default_rng(0)
    voice = a_voice(2, weight=rng.normal(size=(2, len(FEATURES))), experimental=(4,))
    read = GeometryVoice.from_dict(json.loads(json.dumps(voice.to_dict())))
    assert read.weight == pytest.approx(voice.weight, rel=1e-6)
    assert (read.thresholds, read.experimental) == (voice.thresholds, (4,))
    assert read.identity == voice.identity


def test_thresholds_and_marks_do_not_change_what_it_is() -> None:
    voice = a_voice(2)
    assert a_voice(2, thresholds=(0.1, 0.2), experimental=(4,)).identity == voice.identity
    assert a_voice(2, bias=np.array([0.0, 1.0])).identity != voice.identity


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features": ["browUp"]}, "made for other measures"),
        ({"bias": [0.0]}, r"bias must be|weight must be"),
        ({"spread": [0.0] * len(FEATURES)}, "spreads must be above 0"),
        ({"thresholds": [0.5, 1.5]}, "thresholds between 0 and 1"),
        ({"weight": "many"}, "use another model file"),
    ],
)
def test_values_that_do_not_fit_are_one_line(change: dict[str, object], told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        GeometryVoice.from_dict(a_voice(2).to_dict() | change)
    assert "\n" not in str(caught.value)
