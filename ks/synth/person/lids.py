"""The resting height of a person's upper eyelids, and how far the lids move to close.

Random mixtures of MakeHuman's eye shapes leave the upper lid anywhere from the pupil to the top of the iris. On real
faces it lies 3 to 5.5 mm above the pupil's centre (margin reflex distance; mean about 4.2, less in old age and with an
epicanthic fold). With too much variation at rest a raised lid cannot be told from an open eye, so we set the height.
"""

from collections.abc import Mapping

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.person.shapes import BODY, Movements, dense

_PUPIL = (0.3078, 7.2842)  # |x| and y of the pupils on the resting base mesh, dm
_REACHED = 0.85  # share of the correction that is made; the rest keeps faces and the two eyes different
_MOST = {5: 1.4, 43: 0.6}  # highest intensity of the AU that makes the correction


def lid_height_of(rng: np.random.Generator, races: Mapping[str, float], years: float) -> float:
    """Height of the resting upper lid's edge above the pupil's centre, as a share of the eye distance (63 mm)."""
    mean = 0.068 - 0.009 * races["asian"] - 0.0002 * max(0.0, years - 40)
    return float(np.clip(rng.normal(mean, 0.013), 0.034, 0.098))


def pupils(rest: F32) -> list[I32]:
    """Vertices at the left and at the right pupil. rest: (V, 3) the eyes' mesh on the resting base mesh."""
    off_axis = np.hypot(np.abs(rest[:, 0]) - _PUPIL[0], rest[:, 1] - _PUPIL[1])
    middle = (off_axis < 0.012) & (rest[:, 2] > 1.3)
    return [np.flatnonzero(middle & (rest[:, 0] * way > 0)).astype(np.int32) for way in (1, -1)]


def upper_lid(assets: Assets, side: int) -> int:
    """The base mesh's vertex at the upper lid's edge that moves farthest when the eye closes. side: 0 left, 1 right"""
    return int(_closing(assets, side)[:, 1].argmin())


def rested(
    neutral: F32, moves: Movements, lids: tuple[int, int], pupil_y: tuple[float, float], height_dm: float
) -> F32:
    """The neutral vertices (V, 3) with the upper lids brought close to height_dm above the pupils.

    lids: the vertices at the edge of the left and the right upper lid. AU 5's shape raises a lid, AU 43's lowers it.
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
    """Factor on this person's lid closing: wide eyes must close farther than the base mesh's, or a slit stays open."""
    rest, upper = assets.base.vertices, upper_lid(assets, side)
    near = (np.abs(rest[:BODY, 0] - rest[upper, 0]) < 0.02) & (rest[:BODY, 2] > 1.395)
    rim = np.flatnonzero(near & (rest[:BODY, 1] > 7.2) & (rest[:BODY, 1] < 7.26))
    lower = int(rim[rest[rim, 1].argmax()])
    return float(np.clip((whole[upper, 1] - whole[lower, 1]) / (rest[upper, 1] - rest[lower, 1]), 0.6, 1.9))


def _closing(assets: Assets, side: int) -> F32:
    return dense(assets, f"units/caucasian/eye-{('left', 'right')[side]}-closure")[:BODY]
