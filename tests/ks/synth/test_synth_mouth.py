"""ks.synth.mouth: parted lips show the edges of upper teeth, an open mouth is dark, few lower teeth stand in it."""

import dataclasses

import numpy as np

from ks.synth.camera import projected
from ks.synth.casting import cast
from ks.synth.head import Head
from ks.synth.mouth import Mouth, mouth_of
from ks.synth.pose import Pose, pose_of
from ks.synth.render import Renderer
from ks.synth.sheets import studio
from tests.ks.synth.asset_folder import assets, needs_assets, skip_without_driver

SIZE = (256, 256)
PEOPLE = range(16)


def plain(seed, **changes):
    return dataclasses.replace(cast(assets(), seed), glasses=None, resting={}, **changes)


def lips(head, pose):
    """Heights of the upper and the lower lip's middle, dm; the head is still."""
    moved = head.neutral[head._lips] + head.moves.at(pose.au, pose.beside, head._lips)
    return moved[0, 1], moved[1, 1]


def front_teeth(head, pose):
    """The lowest point of the upper front teeth and the highest of the lower ones."""
    still, fallen = (head.moved(p)[0]["teeth"].position for p in (Pose(), pose_of({26: 1.0})))
    goes = (fallen - still)[:, 1]
    front, lower = still[:, 2] > still[:, 2].max() - 0.08, goes < 0.5 * goes.min()
    now = head.moved(pose)[0]["teeth"].position[:, 1]
    return now[front & ~lower].min(), now[front & lower].max()


@needs_assets
def test_a_dropped_jaw_shows_upper_teeth_and_few_lower_ones():
    wide = pose_of({26: 1.0})
    over, under = [], []
    for seed in PEOPLE:
        head = Head(assets(), plain(seed))
        (upper_lip, lower_lip), (upper, lower) = lips(head, wide), front_teeth(head, wide)
        over.append((upper_lip - upper) / head.scale)
        under.append((lower - lower_lip) / head.scale)
    assert 0.0 < np.mean(over) < 0.03  # 0 to 3 mm of the upper teeth
    assert np.std(over) > 0.004
    assert np.mean(under) < 0.042  # at its own height the asset shows 6 mm


@needs_assets
def test_a_tongue_lies_low_and_stays_over_the_floor_of_the_mouth():
    high, low = (Head(assets(), plain(3, mouth=Mouth(tongue_dm=by))) for by in (0.0, 0.12))
    tongues = [head.moved(Pose())[0]["tongue"].position for head in (high, low)]
    top, floor = tongues[0][:, 1].argmax(), tongues[0][:, 1].argmin()
    fell = (tongues[0] - tongues[1])[:, 1] / high.scale
    assert 0.11 < fell[top] < 0.13
    assert abs(fell[floor]) < 1e-4


@needs_assets
def test_an_open_mouth_is_dark():
    skip_without_driver()
    wide = pose_of({25: 0.6, 26: 1.0})
    darker = []
    with Renderer(assets(), *SIZE, samples=1, shadow_px=256) as renderer:
        scene = studio(SIZE)
        for seed in PEOPLE[:6]:
            head = renderer.set_person(plain(seed, stubble=0.0, beard=0.0))
            renderer.set_scene(scene)
            view, _ = scene.camera.matrices(SIZE, head)
            upper, lower = lips(head, wide)
            between = np.array(
                [[0.0, upper + share * (lower - upper), head.neutral[head._lips[0], 2]] for share in (0.4, 0.5, 0.6)]
            )
            columns, rows = (projected(view, between.astype(np.float32)) * SIZE).T.astype(int)
            open_, shut = (renderer.draw(pose).mean(2)[rows, columns].mean() for pose in (wide, Pose()))
            darker.append(open_ / shut)
    assert np.mean(darker) < 0.45
    assert max(darker) < 0.7


def test_mouths_differ():
    mouths = [mouth_of(np.random.default_rng(seed)) for seed in range(40)]
    upper = np.array([mouth.upper_teeth_dm for mouth in mouths])
    assert upper.std() > 0.008
    assert upper.min() >= 0
    assert all(mouth.lower_teeth_dm >= mouth.upper_teeth_dm for mouth in mouths)
