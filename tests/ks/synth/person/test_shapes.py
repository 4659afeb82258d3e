"""synth.person.shapes, ict and head: each AU moves what it should, where it should, and nothing else."""

import dataclasses

import numpy as np
import pytest

from knowledge_spreader.synth.au_recipes import AUS, RECIPES
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.person.shapes import dense, macro_weights, movement
from knowledge_spreader.synth.rendering.head import Head
from tests.ks.synth.asset_folder import FOLDER, assets, needs_assets

pytestmark = needs_assets
LEFT_RIMS = (6785, 6828)  # of hm08: the upper lid's edge over the pupil, the lower's under it
EUROPEAN = {"african": 0.0, "asian": 0.0, "caucasian": 1.0}
BROWS, LIDS, NOSE, MOUTH, CHIN = (7.36, 7.75), (7.15, 7.45), (6.75, 7.25), (6.35, 6.85), (6.1, 6.55)
# AU -> rest heights in dm between which its largest move lies, and its direction: x outwards, y, z
WHERE = {
    1: (BROWS, (0, 1, 0)),
    2: (BROWS, (0, 1, 0)),
    4: (BROWS, (0, -1, 0)),
    5: (LIDS, (0, 1, 0)),
    6: ((6.8, 7.3), (0, 1, 0)),
}
WHERE |= {
    7: ((7.05, 7.45), (0, 0, 0)),
    9: (NOSE, (0, 1, 0)),
    10: (MOUTH, (0, 1, 0)),
    12: (MOUTH, (1, 1, 0)),
    14: (MOUTH, (1, 0, 0)),
}
WHERE |= {15: (MOUTH, (0, -1, 0)), 17: ((6.1, 6.75), (0, 1, 0)), 20: (MOUTH, (1, 0, 0)), 23: (MOUTH, (0, 0, 0))}
WHERE |= {24: ((6.2, 6.85), (0, 0, 0)), 25: (MOUTH, (0, 0, 0)), 26: ((6.0, 6.75), (0, -1, 0)), 43: (LIDS, (0, -1, 0))}


@pytest.fixture(scope="module")
def head():
    person = dataclasses.replace(cast(assets(), 11), resting={}, glasses=None)
    return Head(assets(), person)


@pytest.mark.parametrize("au", AUS)
def test_an_au_moves_its_part_of_the_face_in_its_direction(au):
    goes_where_it_should(au, movement(assets(), RECIPES[au], EUROPEAN))


def goes_where_it_should(au, moves):
    rest = assets().base.vertices
    body = np.arange(13_380)
    left = body[(rest[body, 0] > 0.02) & (rest[body, 2] > 0.8)]
    peak = left[np.linalg.norm(moves[left], axis=1).argmax()]
    (low, high), direction = WHERE[au]
    assert low < rest[peak, 1] < high
    assert np.linalg.norm(moves[peak]) > 0.02  # dm: 2 mm can be seen
    assert all(np.sign(moves[peak, k]) == way for k, way in enumerate(direction) if way)


def test_a_one_sided_au_leaves_the_other_side_alone(head):
    au = np.zeros((len(AUS), 2), np.float32)
    au[AUS.index(12), 0] = 1  # the person's left is +x
    moved, _ = head.moved(Pose(au=au))
    still, _ = head.moved(Pose())
    size = np.linalg.norm(moved["skin"].position - still["skin"].position, axis=1)
    x = still["skin"].position[:, 0]
    assert size[x > 0.25].max() > 0.05
    assert size[x < -0.25].max() < 1e-5


def gap_of_shut_lids(assets, person):
    """Between the rims of the left eye, in dm of a head of the base mesh's size."""
    head = Head(assets, person)
    shut, _ = head.moved(pose_of({43: 1.0}))
    rest = head.layers[0].rest
    upper, lower = (np.linalg.norm(rest - assets.base.vertices[v], axis=1).argmin() for v in LEFT_RIMS)
    return (shut["skin"].position[upper, 1] - shut["skin"].position[lower, 1]) / head.scale


def test_lids_sink_with_eyes_that_look_down_and_do_not_shut(head):
    rest = head.layers[0].rest
    upper, lower = (np.linalg.norm(rest - assets().base.vertices[v], axis=1).argmin() for v in LEFT_RIMS)

    def open_dm(pose):
        skin = head.moved(pose)[0]["skin"].position
        return skin[upper, 1] - skin[lower, 1]

    ahead, down, shut = (
        open_dm(pose) for pose in (Pose(), Pose(gaze=np.array([0, -0.3], np.float32)), pose_of({43: 1}))
    )
    assert shut + 0.3 * (ahead - shut) < down < shut + 0.8 * (ahead - shut)


@pytest.mark.parametrize("seed", [3, 11, 59, 67])
def test_lids_close_over_eyes_of_any_size(seed):
    person = dataclasses.replace(cast(assets(), seed), glasses=None)
    assert gap_of_shut_lids(assets(), person) < 0.012  # the rims overlap or touch within 1 mm


def test_half_shut_lids_stay_in_front_of_the_eyeball(head):
    half, (left, _) = head.moved(pose_of({43: 0.5}))
    still, _ = head.moved(Pose())
    near = np.linalg.norm(still["skin"].position - half["skin"].position, axis=1) > 0.03
    near &= half["skin"].position[:, 0] > 0
    away = np.linalg.norm(half["skin"].position[near] - left, axis=1)
    assert away.min() > 0.97 * head.ball_radius


def test_teeth_keep_their_size_when_the_jaw_drops(head):
    still, _ = head.moved(Pose())
    wide, _ = head.moved(pose_of({26: 1.0, 25: 1.0}))
    faces = next(layer.surface.faces for layer in head.layers if layer.name == "teeth")

    def edges(moved):
        corner = moved["teeth"].position[faces]
        return np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).ravel()

    before, after = edges(still), edges(wide)
    change = after[before > 0.005] / before[before > 0.005]
    assert np.percentile(change, 1) > 0.85  # scaled while moving, the teeth would grow to twice their height
    assert np.percentile(change, 99) < 1.15


def test_a_dropped_jaw_parts_the_lips(head):
    assert head.lip_gap_dm(Pose()) == 0
    assert head.lip_gap_dm(pose_of({26: 0.5})) > 0.03
    assert head.lip_gap_dm(pose_of({12: 0.5})) < 0.02


def test_a_raised_upper_lip_parts_the_lips_at_rest_too():
    person = cast(assets(), 11)
    closed = Head(assets(), dataclasses.replace(person, resting={}))
    assert closed.lip_gap_dm(pose_of({10: 1.0})) > 0.04
    parted = Head(assets(), dataclasses.replace(person, resting={10: 0.5}))
    assert parted.lip_gap_dm(Pose()) == pytest.approx(closed.lip_gap_dm(pose_of({10: 0.5})), rel=0.05)


def test_a_smile_shows_as_much_of_the_teeth_as_this_person_does():
    person = cast(assets(), 11)
    smile, gaps = pose_of({12: 0.9, 25: 0.8}), []
    for lift, drop in ((0.3, 0.0), (0.8, 0.0), (0.8, 0.4)):
        head = Head(assets(), dataclasses.replace(person, resting={}, smile_lift=lift, smile_drop=drop))
        gaps.append(head.lip_gap_dm(smile))
        assert head.lip_gap_dm(pose_of({12: 0.9})) < 0.02
    assert gaps[0] + 0.01 < gaps[1] < gaps[2] - 0.01


def test_macro_shapes_of_a_grown_person_weigh_one_in_sum():
    weights = macro_weights(0.7, 0.3, {"african": 0.2, "asian": 0.3, "caucasian": 0.5}, 0.4, 0.6)
    own = sum(w for name, w in weights.items() if "universal" not in name)
    shared = sum(w for name, w in weights.items() if "universal" in name)
    assert own == pytest.approx(1)
    assert shared == pytest.approx(1)


def test_carried_over_expressions_agree_with_another_hand():
    """The pack's own transfer, made by another method, moves the same skin the same way."""
    reference = FOLDER / "ict_facekit" / "ict_on_hm08.npz"
    if not reference.is_file():
        pytest.skip(f"no {reference}")
    rest = assets().base.vertices
    front = np.flatnonzero((rest[:13_380, 1] > 5.9) & (rest[:13_380, 2] > 0.6))
    with np.load(reference) as stored:
        for name in ("mouthSmile_L", "mouthFrown_R", "mouthUpperUp_L", "noseSneer_R", "cheekRaiser_L"):
            ours, theirs = dense(assets(), f"ict/{name}")[front].ravel(), stored[name].astype(np.float32)[front].ravel()
            assert np.corrcoef(ours, theirs)[0, 1] > 0.9
