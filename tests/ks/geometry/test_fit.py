"""fit_voice on faces whose AUs follow known measures: it finds them, and portraits at rest stay without AUs."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.geometry.fit import REST_ALARMS, Heard, at_rest, fit_voice
from knowledge_spreader.geometry.voice import FEATURES
from knowledge_spreader.metrics import auc
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 9, 12, 25), thresholds=(0.3, 0.4, 0.5, 0.5), frame_pooling="attention")
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


def tokens(smiles: np.ndarray) -> np.ndarray:
    """(n, 4 x 3) one token for each AU; that of AU12 has seen the smile."""
    found = RNG.normal(0, 1, (len(smiles), 4, 3)).astype(np.float32)
    found[:, 2, 1] += 4 * smiles
    return found.reshape(len(smiles), 12)


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
    rendered = Heard(crops, faces(n, 6.0 * smiles), tokens(smiles), person)
    none = np.zeros(PORTRAITS)
    rest = Heard(
        RNG.normal(-4, 1, (PORTRAITS, 4)), faces(PORTRAITS, none), tokens(none), np.arange(PORTRAITS).astype(str)
    )
    return rendered, labels, rest, fit_voice(SPEC, rendered, labels, rest, {12: 0.25}).voice


def test_the_mouths_corners_are_found_to_be_a_smile(learned) -> None:
    rendered, labels, _, voice = learned
    assert auc(rendered.crops[:, 2:3], labels[:, 2:3])[0] < 0.6
    assert auc(voice.logits(rendered.features)[:, 2:3], labels[:, 2:3])[0] > 0.98
    assert (
        auc(voice.heard(rendered.crops, voice.logits(rendered.features), rendered.tokens)[:, 2:3], labels[:, 2:3])[0]
        > 0.95
    )


def test_brows_are_the_blendshapes_own_and_rendered_people_do_not_teach_them(learned) -> None:
    voice = learned[3]
    assert np.flatnonzero(voice.weight[0]).tolist() == [BROW]
    assert voice.points_share[0] > 0
    assert voice.thresholds[0] == 0.5


def test_aus_that_points_do_not_tell_stay_those_of_the_crops(learned) -> None:
    rendered, _, _, voice = learned
    assert voice.points_share[1] == 0
    heard = voice.heard(rendered.crops, voice.logits(rendered.features), rendered.tokens)
    assert heard[:, 1] == pytest.approx(rendered.crops[:, 1])
    assert voice.thresholds[1] >= 0.4


def test_on_portraits_both_voices_mean_the_same(learned) -> None:
    _, _, rest, voice = learned
    crops = voice.crops_share * rest.crops.mean(0)
    points = voice.points_share * voice.logits(rest.features).mean(0)
    told = voice.points_share > 0
    assert points[told] == pytest.approx(crops[told])
    apart = voice.apart(rest.crops, voice.logits(rest.features)).mean(0)
    assert (apart[~told] == 0).all()
    assert (apart < 0.3).all(), apart


def test_an_au_that_is_hardly_ever_shown_is_not_learned(learned) -> None:
    rendered, labels, rest, _ = learned
    rare = np.where(np.cumsum(labels[:, 2:3] == 1, axis=0) > 19, 0, labels[:, 2:3])
    voice = fit_voice(SPEC, rendered, np.concatenate([labels[:, :2], rare, labels[:, 3:]], axis=1), rest).voice
    assert voice.points_share.tolist()[2] == 0


def test_few_faces_at_rest_reach_a_threshold(learned) -> None:
    _, _, rest, voice = learned
    said = sigmoid(voice.heard(rest.crops, voice.logits(rest.features), rest.tokens))
    assert ((said >= voice.thresholds).mean(0) <= REST_ALARMS + 0.01).all()


def test_the_crops_alone_learn_from_all_voices(learned) -> None:
    rendered, labels, rest, voice = learned
    alone = voice.heard(rendered.crops, None, rendered.tokens)
    assert auc(rendered.crops[:, 2:3], labels[:, 2:3])[0] < 0.6
    assert auc(alone[:, 2:3], labels[:, 2:3])[0] > 0.95
    at_rest = voice.heard(rest.crops, None, rest.tokens)
    assert ((sigmoid(at_rest) >= voice.thresholds).mean(0) <= 0.06).all()


def test_without_a_token_for_each_au_the_crops_keep_their_ranking(learned) -> None:
    rendered, labels, rest, _ = learned
    spec = replace(SPEC, frame_pooling="mean")
    voice = fit_voice(spec, rendered, labels, rest).voice
    assert voice.alone_weight.shape == (4, 0)
    alone = voice.heard(rendered.crops, None, rendered.tokens)
    assert (np.diff(alone[np.argsort(rendered.crops[:, 0]), 0]) >= 0).all()


def test_a_smile_for_the_camera_is_no_face_at_rest(learned) -> None:
    rest = learned[2]
    smiling = rest.features.copy()
    smiling[:100, [SMILE, SMILE + 1]] = 2.0
    still = at_rest(SPEC, Heard(rest.crops, smiling, rest.tokens, rest.person))
    assert not still[:100].any()
    assert (still[100:] == at_rest(SPEC, rest)[100:]).all()


def test_too_few_people_are_one_line(learned) -> None:
    rendered, labels, rest, _ = learned
    few = rendered.person < "p12"
    parts = rendered.crops, rendered.features, rendered.tokens, rendered.person
    with pytest.raises(
        DataError, match=r"needs 20 labelled people, 100 portraits and 30 faces at rest .*; got 4 people, 300"
    ):
        fit_voice(SPEC, Heard(*(part[few] for part in parts)), labels[few], rest)
