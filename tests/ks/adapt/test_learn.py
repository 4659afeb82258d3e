"""learn.py: which AUs get a head, which only another level or threshold, and which stay the base model's."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.adapt.basis import coordinates, find_basis
from knowledge_spreader.adapt.learn import ALARMS, BASE, BIAS, HEAD, THRESHOLD, head_set, learn, sight_of
from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.spec import UNKNOWN
from tests.ks.adapt.made_up import THRESHOLDS, all_tokens, every, made_up, some


def seen_by(faces, points=True):
    return sight_of(faces, coordinates(find_basis(faces), faces), THRESHOLDS, points=points)


def test_an_au_that_the_base_model_misses_gets_a_head_that_is_right() -> None:
    faces, truth = made_up(apart=5.0)
    sight = seen_by(faces)
    labels = some(truth, every(faces, 10))
    learned = learn(faces, sight, labels)
    assert learned.kinds[0] == HEAD
    unseen = ~every(faces, 10)
    right = (learned.says(sight) == truth)[unseen].mean(axis=0)
    assert right[0] > 0.95
    assert ((sigmoid(sight.base) >= 0.5) == truth)[unseen, 0].mean() < 0.6


def test_without_labels_all_is_the_base_models() -> None:
    faces, truth = made_up()
    sight = seen_by(faces)
    learned = learn(faces, sight, some(truth, np.zeros(len(faces), bool)))
    assert learned.kinds == (BASE,) * 3
    assert (learned.logits(sight) == sight.base).all()
    assert learned.thresholds == THRESHOLDS


def test_a_wrong_level_alone_moves_the_level() -> None:
    faces, truth = made_up(apart=0.0, knows=(6, 6, 6), points=False)
    faces = replace(faces, crops=faces.crops + np.array([4, 0, 0], np.float32))
    sight = seen_by(faces, points=False)
    learned = learn(faces, sight, some(truth, every(faces, 25)))
    assert learned.kinds[0] in (BIAS, HEAD)
    assert learned.heads[0].bias < -1


@pytest.mark.parametrize("value", [0, 1])
def test_an_au_with_labels_of_one_kind_never_gets_a_head(value: int) -> None:
    faces, truth = made_up()
    labels = some(truth, every(faces, 5))
    labels[:, 0] = np.where(labels[:, 0] == UNKNOWN, UNKNOWN, value)
    learned = learn(faces, seen_by(faces), labels)
    assert learned.kinds[0] == (BASE if value else THRESHOLD)
    assert not learned.heads[0].weight.any()
    assert (learned.heads[0].scale, learned.heads[0].bias) == (0, 0)
    assert (learned.thresholds[0] == 0.5) == bool(value)


def test_two_labels_of_a_kind_are_too_few_for_a_head() -> None:
    faces, truth = made_up()
    labels = some(truth, every(faces, 5))
    present = np.flatnonzero(labels[:, 0] == 1)
    labels[present[2:], 0] = UNKNOWN
    assert learn(faces, seen_by(faces), labels).kinds[0] == BASE


def test_the_threshold_of_an_absent_au_rises_until_two_in_a_hundred_of_its_frames_reach_it() -> None:
    faces, truth = made_up()
    labels = some(truth, every(faces, 5))
    rows = labels[:, 0] != UNKNOWN
    labels[rows, 0] = 0
    learned, sight = learn(faces, seen_by(faces), labels), seen_by(faces)
    alarms = (sigmoid(sight.base[rows, 0]) >= learned.thresholds[0]).mean()
    assert 0.5 < learned.thresholds[0] < 0.95
    assert 0.5 * ALARMS <= alarms <= ALARMS


@pytest.mark.parametrize(("shift", "wanted", "kind"), [(-9.0, 0.5, BASE), (9.0, 0.95, THRESHOLD)])
def test_it_never_falls_and_never_rises_above_95(shift: float, wanted: float, kind: str) -> None:
    faces, truth = made_up()
    faces = replace(faces, heard=faces.heard + np.float32(shift))
    labels = some(0 * truth, every(faces, 5))
    learned = learn(faces, seen_by(faces), labels)
    assert learned.thresholds == (wanted,) * 3
    assert learned.kinds == (kind,) * 3


def test_faces_that_are_not_of_this_kind_teach_nothing() -> None:
    faces, truth = made_up(points=0.5)
    sight, labels = seen_by(faces), some(truth, every(faces, 3))
    upside_down = np.where((~faces.has_points)[:, None] & (labels != UNKNOWN), 1 - labels, labels).astype(np.int8)
    one, other = learn(faces, sight, labels), learn(faces, sight, upside_down)
    assert all((a.weight == b.weight).all() for a, b in zip(one.heads, other.heads, strict=True))


@pytest.mark.parametrize("points", [True, False])
def test_heads_in_terms_of_tokens_and_points_say_what_was_learned(points: bool) -> None:
    faces, truth = made_up()
    basis = find_basis(faces)
    sight = sight_of(faces, coordinates(basis, faces), THRESHOLDS, points=points)
    learned = learn(faces, sight, some(truth, every(faces, 10)))
    assert learned.kinds[0] == HEAD
    heads = head_set(basis, sight, learned, [0, 2], faces.points.shape[1] if points else 0)
    said = heads.logits(sight.base[:, [0, 2]], all_tokens(faces), faces.points if points else None)
    assert said == pytest.approx(learned.logits(sight)[:, [0, 2]], abs=1e-4)


def test_thousands_of_labels_are_thinned_and_no_later_than_a_few_seconds() -> None:
    faces, truth = made_up(4, 2500)
    learned = learn(faces, seen_by(faces), truth, strength=30.0, kinds=(HEAD, BASE, BASE))
    assert (learned.says(seen_by(faces))[:, 0] == truth[:, 0]).mean() > 0.9
