"""synth.person.mouth: parted lips show the edges of upper teeth, an open mouth is dark, few lower teeth stand in it."""

import dataclasses

import numpy as np
import pytest

from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.mouth import Mouth, mouth_of, walls
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.person.shapes import BODY
from knowledge_spreader.synth.rendering.camera import projected
from knowledge_spreader.synth.rendering.head import Head
from knowledge_spreader.synth.rendering.renderer import Renderer
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


@pytest.mark.slow
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


@needs_assets
def test_the_inside_of_the_mouth_is_what_lies_behind_the_lips():
    rest, inside = assets().base.vertices[:BODY], walls(assets().base)[:BODY]  # teeth and the like follow
    middle = np.abs(rest[:, 0]) < 0.03
    row = middle & (rest[:, 1] > 6.50) & (rest[:, 1] < 6.60) & (rest[:, 2] > 1.4)  # the lower lip, before and behind
    assert rest[row & inside, 2].max() < 1.52 < 1.54 < rest[row & ~inside, 2].min()
    assert 300 < inside.sum() < 450
    assert (rest[inside, 2] < 0.7).any()  # as far as the throat
    under_the_jaw = (rest[:, 1] > 6.2) & (np.abs(rest[:, 0]) > 0.4)  # has the chin before it
    assert not inside[under_the_jaw].any()


def tooth_pixels(renderer, person, pose, draw=None):
    """How many pixels take the colour of the teeth; draw gives one picture of a pose, or several to be counted."""
    pictures = []
    for tint in ((1.0, 1.0, 1.0), (0.0, 1.0, 0.0)):
        renderer.set_person(dataclasses.replace(person, teeth_tint=tint))
        pictures.append(np.array((draw or renderer.draw)(pose), int))
    return (np.abs(pictures[0] - pictures[1]).max(-1) > 12).sum((-2, -1))


@pytest.mark.slow
@needs_assets
def test_no_moving_lip_takes_the_mouths_walls_before_the_teeth(monkeypatch):
    """With the walls in their own place a smile showed gaps, black between teeth and lip."""
    skip_without_driver()
    grin = pose_of({12: 1.0, 25: 1.0})
    with Renderer(assets(), *SIZE, samples=1, shadow_px=64) as renderer:
        renderer.set_scene(studio(SIZE))

        def with_walls_farther_and_in_place(pose):
            usual = renderer.draw(pose)
            with monkeypatch.context() as patch:
                patch.setattr("knowledge_spreader.synth.rendering.renderer._INSIDE_FARTHER_DM", 0.0)
                return usual, renderer.draw(pose)

        people = [plain(seed, beard=0.0) for seed in (1, 5, 12)]
        counts = [tooth_pixels(renderer, person, grin, with_walls_farther_and_in_place) for person in people]
    gains = [farther / in_place for farther, in_place in counts]
    assert min(gains) >= 1
    assert max(gains) > 1.2  # whose lips go far


@pytest.mark.slow
@needs_assets
def test_no_beard_grows_inside_the_mouth():
    """Seen as fewer teeth: fur on the walls was drawn over them."""
    skip_without_driver()
    wide = pose_of({12: 0.9, 25: 1.0})
    with Renderer(assets(), *SIZE, samples=1, shadow_px=64) as renderer:
        renderer.set_scene(studio(SIZE))
        shaved, bearded = (tooth_pixels(renderer, plain(13, beard=grown), wide) for grown in (0.0, 1.0))
    assert bearded > 0.8 * shaved
