"""Measures the intensity from which each AU is visible, on rendered people against their own neutral faces."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.opencv import cv2
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.dataset.occurrence import (
    FRINGES,
    HALF_SHUT,
    LOWEST,
    SLITS,
    VISIBLE_AT_SLITS,
    VISIBLE_CHANGE,
    VISIBLE_MOVE,
    region,
)
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.camera import projected
from knowledge_spreader.synth.rendering.head import Head
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.scene import Scene

STEPS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.60, 0.70)  # intensities
_SIDE_PX = 224
_SPOT_PX = 3  # radius of the disc around each drawn point of a region


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is visible of each AU (18) on each person (P) at each of STEPS (S): means over the AU's region."""

    move: F32  # (P, 18, S) displacement in eye distances
    change: F32  # (P, 18, S) change of brightness, share of full scale

    def thresholds(self) -> dict[int, float]:
        """AU -> the intensity at which half of the people show it, by displacement or by change of brightness."""
        enough = np.array([VISIBLE_AT_SLITS if au in SLITS else VISIBLE_MOVE for au in AUS], np.float32)
        middle = np.median(np.maximum(self.move / enough[:, None], self.change / VISIBLE_CHANGE), 0)
        found = {au: max(LOWEST, float(np.interp(1.0, middle[i], STEPS))) for i, au in enumerate(AUS)}
        return found | {43: HALF_SHUT}


def measure(assets: Assets, people: Sequence[int]) -> Seen:
    """Draws each person with each AU at each of STEPS in even light: 181 pictures per person. people: seeds."""
    with Renderer(assets, _SIDE_PX, _SIDE_PX, samples=1, shadow_px=512) as renderer:
        rows = list(_measured(renderer, assets, people))
    return Seen(np.stack([move for move, _ in rows]), np.stack([change for _, change in rows]))


def _measured(renderer: Renderer, assets: Assets, people: Sequence[int]) -> Iterator[tuple[F32, F32]]:
    scene = studio((_SIDE_PX, _SIDE_PX))
    for seed in people:
        person = cast(assets, seed)
        wears = {layer: name for layer, name in person.wears.items() if name not in FRINGES}
        bare = dataclasses.replace(person, wears=wears, resting={}, glasses=None)
        head = renderer.set_person(bare)
        renderer.set_scene(scene)
        still, before = _skin(head, Pose()), _grey(renderer.draw(Pose()))
        left, right = head.eyes()
        eyes_dm = float(np.linalg.norm(left - right))
        move, change = np.zeros((2, len(AUS), len(STEPS)), np.float32)
        for i, au in enumerate(AUS):
            places = region(head, i)
            spot = _spot(head, scene, still[places])
            for k, strength in enumerate(STEPS):
                pose = pose_of({au: strength})
                move[i, k] = np.linalg.norm(_skin(head, pose)[places] - still[places], axis=1).mean() / eyes_dm
                change[i, k] = np.abs(_grey(renderer.draw(pose)) - before)[spot].mean()
        yield move, change


def _skin(head: Head, pose: Pose) -> F32:
    return head.moved(pose)[0]["skin"].position


def _grey(image: np.ndarray) -> F32:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)


def _spot(head: Head, scene: Scene, points: F32) -> np.ndarray:
    """(H, W) true at and around the pixels where these points (n, 3) are drawn."""
    view, _ = scene.camera.matrices((_SIDE_PX, _SIDE_PX), head)
    spot = np.zeros((_SIDE_PX, _SIDE_PX), np.uint8)
    for x, y in projected(view, points) * _SIDE_PX:
        cv2.circle(spot, (round(float(x)), round(float(y))), _SPOT_PX, 1, -1)
    return spot > 0
