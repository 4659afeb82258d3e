"""fit_voice on faces whose AUs follow known measures: it finds them, and portraits at rest stay without AUs."""

import numpy as np
import pytest

from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.geometry.fit import REST_ALARMS, Heard, at_rest, fit_voice
from knowledge_spreader.geometry.voice import FEATURES
from knowledge_spreader.metrics import auc
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 9, 12, 25), thresholds=(0.3, 0.4, 0.5, 0.5))
BROW, SMILE = FEATURES.index("browInnerUp"), NAMES.index("mouthSmileLeft")
CORNER = FEATURES.index("corner_height_left")
PEOPLE, FRAMES, PORTRAITS = 30, 40, 300
RNG = np.random.default_rng(0)


def faces(n: int, corners_mm: np.ndarray) -> np.ndarray:
    """(n, K) features of faces that differ, smile by corners_mm, and keep their brows."""
    features = RNG.normal(0, 1, (n, len(FEATURES)))
    features[:, : len(NAMES)] -= 6  # blendshapes near 0
    features[:, CORNER] += corners_mm
    return features


@pytest.fixture(scope="module")
def learned():
    """The crops say nothing; the mouth's corners tell AU12."""
    n = PEOPLE * FRAMES
    smiles = RNG.random(n) < 0.3
    labels = np.zeros((n, 4), np.int64)
    labels[:, 2] = smiles
    labels[:, 3] = RNG.random(n) < 0.2
    crops = RNG.normal(-4, 1, (n, 4))
    person = np.repeat([f"p{i}" for i in range(PEOPLE)], FRAMES)
    rendered = Heard(crops, faces(n, 6.0 * smiles), person)
    rest = Heard(
        RNG.normal(-4, 1, (PORTRAITS, 4)), faces(PORTRAITS, np.zeros(PORTRAITS)), np.arange(PORTRAITS).astype(str)
    )
    return rendered, labels, rest, fit_voice(SPEC, rendered, labels, rest, {12: 0.25}).voice


def test_the_mouths_corners_are_found_to_be_a_smile(learned) -> None:
    rendered, labels, _, voice = learned
    assert auc(rendered.crops[:, 2:3], labels[:, 2:3])[0] < 0.6
    assert auc(voice.logits(rendered.features)[:, 2:3], labels[:, 2:3])[0] > 0.98
    assert auc(voice.heard(rendered.crops, voice.logits(rendered.features))[:, 2:3], labels[:, 2:3])[0] > 0.95


def test_brows_are_the_blendshapes_own_and_rendered_people_do_not_teach_them(learned) -> None:
    voice = learned[3]
    assert np.flatnonzero(voice.weight[0]).tolist() == [BROW]
    assert voice.points_share[0] > 0
    assert voice.thresholds[0] == 0.5


def test_aus_that_points_do_not_tell_stay_those_of_the_crops(learned) -> None:
    rendered, _, _, voice = learned
    assert voice.points_share[1] == 0
    heard = voice.heard(rendered.crops, voice.logits(rendered.features))
    assert heard[:, 1] == pytest.approx(rendered.crops[:, 1])
    assert voice.thresholds[1] >= 0.4


def test_few_faces_at_rest_reach_a_threshold(learned) -> None:
    _, _, rest, voice = learned
    said = sigmoid(voice.heard(rest.crops, voice.logits(rest.features)))
    assert ((said >= voice.thresholds).mean(0) <= REST_ALARMS + 0.01).all()


def test_where_the_points_are_missing_the_crops_own_threshold_decides(learned) -> None:
    voice = learned[3]
    crops = np.log(np.array(SPEC.thresholds) / (1 - np.array(SPEC.thresholds)))
    assert sigmoid(voice.heard(crops, None)) == pytest.approx(voice.thresholds)


def test_a_smile_for_the_camera_is_no_face_at_rest(learned) -> None:
    rest = learned[2]
    smiling = rest.features.copy()
    smiling[:100, [SMILE, SMILE + 1]] = 2.0
    still = at_rest(SPEC, Heard(rest.crops, smiling, rest.person))
    assert not still[:100].any()
    assert (still[100:] == at_rest(SPEC, rest)[100:]).all()


def test_too_few_people_are_one_line(learned) -> None:
    rendered, labels, rest, _ = learned
    few = rendered.person < "p12"
    with pytest.raises(DataError, match=r"needs 20 rendered people, 100 portraits and 30 faces at rest .*; got 4, 300"):
        fit_voice(SPEC, Heard(rendered.crops[few], rendered.features[few], rendered.person[few]), labels[few], rest)
