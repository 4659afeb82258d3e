"""How far a person's eyes are open at rest, and how far their lids go to shut.

MakeHuman's shapes of eyes, mixed at random, leave upper lids anywhere from the pupil to the upper edge of the iris. In
life they lie 3 to 5.5 mm above the pupil (margin reflex distance; mean about 4.2, less in old age and with an
epicanthic fold). Where rest varies so much more nobody can see a raised lid, and a network learns not to try.
"""

from collections.abc import Mapping

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.person.shapes import BODY, Movements, dense

_PUPIL = (0.3078, 7.2842)  # of the resting base mesh: to the side and up, dm
_REACHED = 0.85  # of the way to where the lid should be; the rest is a person's own, and differs between the eyes
_MOST = {5: 1.4, 43: 0.6}  # intensity of the movement that takes it there


def lid_height_of(rng: np.random.Generator, races: Mapping[str, float], years: float) -> float:
    """How far the upper lid's edge rests above the middle of the pupil, in distances between the eyes (63 mm)."""
    mean = 0.068 - 0.009 * races["asian"] - 0.0002 * max(0.0, years - 40)
    return float(np.clip(rng.normal(mean, 0.013), 0.034, 0.098))


def pupils(rest: F32) -> list[I32]:
    """The vertices about the left and the right pupil of a mesh of eyes, as it lies on the resting base mesh (V, 3)."""
    off_axis = np.hypot(np.abs(rest[:, 0]) - _PUPIL[0], rest[:, 1] - _PUPIL[1])
    middle = (off_axis < 0.012) & (rest[:, 2] > 1.3)
    return [np.flatnonzero(middle & (rest[:, 0] * way > 0)).astype(np.int32) for way in (1, -1)]


def upper_lid(assets: Assets, side: int) -> int:
    """The base mesh's vertex at the edge of the upper lid that goes farthest when the eye shuts."""
    return int(_closing(assets, side)[:, 1].argmin())


def rested(
    neutral: F32, moves: Movements, lids: tuple[int, int], pupil_y: tuple[float, float], height_dm: float
) -> F32:
    """The neutral vertices (V, 3) with upper lids that rest nearly height_dm above the pupils.

    lids: which vertices are the edges of the left and the right upper lid. They rise as in AU 5, sink as in AU 43.
    """
    found = neutral.copy()
    for side, whole in enumerate((moves.left, moves.right)):
        lift = _REACHED * (pupil_y[side] + height_dm - float(neutral[lids[side], 1]))
        unit = 5 if lift > 0 else 43
        shape = whole[AUS.index(unit)]
        share = lift / float(shape[lids[side], 1])
        found += np.float32(np.clip(share, 0, _MOST[unit])) * shape
    return found


def closing_gain(assets: Assets, whole: F32, side: int) -> float:
    """How much farther these lids have to go than the base mesh's to meet: wide eyes leave a slit otherwise."""
    rest, upper = assets.base.vertices, upper_lid(assets, side)
    near = (np.abs(rest[:BODY, 0] - rest[upper, 0]) < 0.02) & (rest[:BODY, 2] > 1.395)
    rim = np.flatnonzero(near & (rest[:BODY, 1] > 7.2) & (rest[:BODY, 1] < 7.26))
    lower = int(rim[rest[rim, 1].argmax()])
    return float(np.clip((whole[upper, 1] - whole[lower, 1]) / (rest[upper, 1] - rest[lower, 1]), 0.6, 1.9))


def _closing(assets: Assets, side: int) -> F32:
    return dense(assets, f"units/caucasian/eye-{('left', 'right')[side]}-closure")[:BODY]
