"""adapt.py: labels and faces in, own heads out; seconds kept apart teach nothing, and who does worse there stays."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.adapt.adapt import adapt
from knowledge_spreader.adapt.apart import GOALS, audited
from knowledge_spreader.adapt.learn import BASE, HEAD, THRESHOLD
from knowledge_spreader.adapt.spread import WAYS
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN
from tests.ks.adapt.made_up import AUS, POINTS, THRESHOLDS, WIDTH, all_tokens, every, made_up, names, some


def adapted(faces, labels, **how):
    return adapt(faces, names(faces), labels, AUS, THRESHOLDS, **how)


def test_what_was_learned_is_right_on_frames_that_had_no_label() -> None:
    faces, truth = made_up(apart=5.0)
    result = adapted(faces, some(truth, every(faces, 10)))
    assert result.kinds[0] == HEAD
    assert AUS[0] in result.own.learned
    said = result.own.heard(faces.heard, all_tokens(faces), faces.points)[:, 0]
    threshold = result.own.thresholds(THRESHOLDS, points=True)[0]
    unseen = ~every(faces, 10)
    assert ((1 / (1 + np.exp(-said)) >= threshold) == truth[:, 0])[unseen].mean() > 0.95
    report = result.report["left_out"]["these"]
    assert report["per_au"][0]["f1_own"] > report["per_au"][0]["f1_base"] + 0.3
    assert report["gain_95"][0] > 0


def test_seconds_kept_apart_never_teach() -> None:
    """Their labels turned upside down give the same heads, to the bit."""
    faces, truth = made_up()
    labels = some(truth, every(faces, 10))
    apart = audited(names(faces), faces)
    flipped = np.where(apart[:, None] & (labels != UNKNOWN), 1 - labels, labels).astype(np.int8)
    assert (flipped != labels).any()
    one, other = adapted(faces, labels).own, adapted(faces, flipped).own
    kept = [au for au in one.learned if au in other.learned]  # an AU that does badly there stays the base model's
    assert AUS[1] in kept
    for au in kept:
        assert head_of(one, au) == head_of(other, au)


def head_of(own, au):
    place = own.learned.index(au)
    arrays = ("token_weight", "point_weight", "scale", "bias")
    sets = [[getattr(of, name)[place].tolist() for name in arrays] for of in (own.crops, own.points)]
    return sets, own.crops.thresholds[place], own.points.thresholds[place]


def test_an_au_that_does_worse_on_labels_kept_apart_stays_the_base_models() -> None:
    """Its labels outside those seconds are upside down, inside they are right: only those tell."""
    faces, truth = made_up(8, 500, knows=(4.0, 4.0, 4.0), apart=6.0)
    labels = some(truth, every(faces, 5))
    apart = audited(names(faces), faces)
    labels[:, 0] = np.where(~apart & (labels[:, 0] != UNKNOWN), 1 - labels[:, 0], labels[:, 0])
    result = adapted(faces, labels)
    assert result.kinds[0] == BASE
    assert result.notes == ("AU1 did worse than the base model on audit labels and stays as it was",)
    assert result.own is None or 1 not in result.own.learned
    audit = result.report["audit"]["per_au"][0]
    assert audit["f1_own"] == audit["f1_base"]


def test_labels_of_one_kind_give_no_head_and_all_absent_a_higher_threshold() -> None:
    faces, truth = made_up()
    labels = some(truth, every(faces, 5))
    labels[:, 0] = np.where(labels[:, 0] == UNKNOWN, UNKNOWN, 0)
    labels[:, 1] = np.where(labels[:, 1] == UNKNOWN, UNKNOWN, 1)
    labels[:, 2] = UNKNOWN
    result = adapted(faces, labels)
    assert result.kinds == (THRESHOLD, BASE, BASE)
    assert result.own.learned == (1,)
    for heads in (result.own.crops, result.own.points):
        assert not heads.token_weight.any()
        assert not heads.point_weight.any()
        assert (heads.scale.tolist(), heads.bias.tolist()) == ([0], [0])
        assert heads.thresholds[0] > 0.5


def test_labels_that_move_nothing_give_no_heads() -> None:
    faces, truth = made_up()
    result = adapted(faces, some(np.ones_like(truth), every(faces, 5)))
    assert result.own is None
    assert result.kinds == (BASE,) * 3


@pytest.mark.parametrize("share", [0.0, 0.01, 0.4, 0.6, 1.0])
def test_heads_fit_the_file_whatever_share_of_faces_has_landmarks(share: float) -> None:
    faces, truth = made_up(points=share)
    own = adapted(faces, some(truth, every(faces, 5))).own
    assert own.crops.token_weight.shape == (len(own.learned), WIDTH)
    assert own.crops.point_weight.shape == (len(own.learned), 0)
    assert (own.points is None) == (share < 0.5)
    if own.points is not None:
        assert own.points.point_weight.shape == (len(own.learned), POINTS)


def test_few_faces_with_landmarks_that_hold_most_labels_still_fit_the_file() -> None:
    faces, truth = made_up(4, 100, points=False)
    seen = np.isin(np.arange(400), np.arange(0, 400, 25))  # 16 of them: too few to find directions
    points = np.where(seen[:, None], 1.0, np.nan) * np.ones(POINTS)
    faces = replace(faces, points=points.astype(np.float32), heard=np.where(seen[:, None], faces.crops, np.nan))
    own = adapted(faces, some(1 - truth, seen)).own
    if own is not None and own.points is not None:
        assert own.points.point_weight.shape == (len(own.learned), POINTS)
        assert not own.points.point_weight.any()


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("way", WAYS)
def test_every_goal_and_way_ends_in_heads_and_an_account(goal: str, way: str) -> None:
    faces, truth = made_up(4, 100, people=2, apart=5.0)
    result = adapted(faces, some(truth, every(faces, 5)), goal=goal, way=way)
    assert result.kinds[0] == HEAD
    assert (result.report["goal"], result.report["spread"]) == (goal, way)
    assert set(result.report["left_out"]) == set(GOALS)
    assert result.own.notes["labels"]["AU1"] == [result.report["aus"][0]["present"], result.report["aus"][0]["absent"]]


def test_equal_labels_give_equal_heads() -> None:
    faces, truth = made_up(4, 100)
    one, other = (adapted(faces, some(truth, every(faces, 5))) for _ in range(2))
    assert one.own.to_dict() == other.own.to_dict()
    assert one.report == other.report


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_are_noise_claim_no_gain_over_saying_present_everywhere(seed: int) -> None:
    """A coin for every frame. Who always says present is right in half: F1 .67. The base model's guesses have .5."""
    faces, truth = made_up(4, 250, knows=(0, 0, 0), seed=seed)
    coins = np.random.default_rng(seed + 100).integers(0, 2, truth.shape).astype(np.int8)
    result = adapted(faces, some(coins, every(faces, 5)))
    for score in (result.report["audit"], *result.report["left_out"].values()):
        nothing = score["gain_95"] is None or score["gain_95"][0] <= 0
        assert nothing or score["f1_own"] < score["f1_always"] + 0.05
        assert 0.5 < score["f1_always"] < 0.8


def test_labels_that_are_noise_move_one_au_in_ten() -> None:
    """Two chances in twenty, of the head and of the base model, to tell them apart by luck: 3 of 30 are expected."""
    moved = 0
    for seed in range(10):
        faces, truth = made_up(4, 200)
        rng = np.random.default_rng(seed)
        noise = some(rng.integers(0, 2, truth.shape).astype(np.int8), rng.permutation(len(faces)) < 80)
        moved += sum(kind != BASE for kind in adapt(faces, names(faces), noise, AUS, THRESHOLDS).kinds)
    assert moved <= 5


def test_no_label_on_a_face_is_refused() -> None:
    faces, truth = made_up(1, 50)
    with pytest.raises(DataError, match="no label lies on a face that could be answered"):
        adapted(faces, some(truth, np.zeros(50, bool)))


def test_labels_in_seconds_kept_apart_alone_are_refused() -> None:
    faces, truth = made_up(2, 500)
    with pytest.raises(DataError, match="all labels lie in seconds that are kept apart as audit"):
        adapted(faces, some(truth, audited(names(faces), faces)))
