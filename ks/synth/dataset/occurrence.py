"""Which AUs of a frame count as present: those visible at FACS intensity B or more, a slight but clear sign.

The renderer knows intensities from 0 to 1. THRESHOLDS holds the intensity from which each AU is visible, measured by
`ks-synth thresholds`. That command draws people with each AU at ten intensities in even light, without fringe, glasses
or AUs at rest, and compares them with the same person's neutral face. In the AU's region (the skin that it moves at
least half as far as the point that it moves most) it measures
  - the mean displacement of the skin, in eye distances. VISIBLE_MOVE is 2.7 pixels where the eyes are 67 pixels apart.
    For lids and lips, where small displacements are easier to see, VISIBLE_AT_SLITS counts: a tenth of an open eye's
    height;
  - the mean change of brightness. VISIBLE_CHANGE is 8 grey levels of 255 over the region.
The threshold is the intensity at which the median person reaches one of the two, to two decimals, and at least LOWEST:
below it lies FACS A, a trace, which coders do not count. AU 43 is set by convention to half shut: a closing lid is
visible much earlier, but coders count drooping lids as resting.

We chose the VISIBLE values by eye on a few faces; no coder has checked them. Eight AUs (6 12 14 17 20 23 24 26) lie at
LOWEST, so their threshold is that choice and not a measurement.

An AU is unknown (blank)
  - within BAND of the threshold, where two coders would differ;
  - where an obstacle covers a third of the region, or only the side behind a fringe could be active;
  - where another movement hides it: raised or tightened lids that are shut, tightened lips that are open.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, I8, I32
from knowledge_spreader.spec import UNKNOWN
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.motion.pose import Pose
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.shapes import damped
from knowledge_spreader.synth.rendering.camera import projected
from knowledge_spreader.synth.rendering.head import Head
from knowledge_spreader.synth.rendering.scene import Scene
from knowledge_spreader.synth.rendering.sensor import Sensor

VISIBLE_MOVE = 0.040  # in eye distances
VISIBLE_AT_SLITS = 0.020  # the same for the AUs in SLITS
SLITS = (5, 7, 23, 25, 43)  # AUs of lids and lips
VISIBLE_CHANGE = 8 / 255  # of brightness
LOWEST = 0.30
HALF_SHUT = 0.5
BAND = 0.15  # share of the threshold, to either side
_TAKEN_AWAY = (5, 6, 7, 23, 24)  # AUs that shapes.damped reduces because another movement hides them
_FAR_RAD = 0.44  # 25 degrees: beyond it the far corners of mouth and eye are hardly visible
_COVERED = 1 / 3  # share of a region

THRESHOLDS: Mapping[int, float] = {
    1: 0.31,
    2: 0.34,
    4: 0.41,
    5: 0.30,
    6: 0.30,
    7: 0.43,
    9: 0.47,
    10: 0.37,
    12: 0.30,
    14: 0.30,
    15: 0.32,
    17: 0.30,
    20: 0.30,
    23: 0.30,
    24: 0.30,
    25: 0.34,
    26: 0.30,
    43: 0.50,
}
# Hair -> the AUs that it covers on the person's left and right side while the face looks straight ahead.
FRINGES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "hair/short03": ((), (1, 2, 4, 5, 7, 43)),
    "hair/bob02": ((), (1, 2, 4, 5, 6, 7, 43)),
    "hair/braid01": ((1,), (1, 2, 4)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is visible of one face in a clip, whatever the pose."""

    fringe: npt.NDArray[np.bool_]  # (18, 2) covered for the whole clip
    threshold: F32  # (18,) the intensity from which each AU is visible


def sight_of(person: Person) -> Sight:
    fringe = np.zeros((len(AUS), 2), bool)
    for side, units in enumerate(FRINGES.get(person.wears.get("hair", ""), ((), ()))):
        fringe[[AUS.index(unit) for unit in units], side] = True
    return Sight(fringe, np.array([THRESHOLDS[unit] for unit in AUS], np.float32))


def far_side(turned_rad: float) -> int | None:
    """The side that is hidden on a face turned this far to its left: 0 left, 1 right, None for neither."""
    if abs(turned_rad) < _FAR_RAD:
        return None
    return 0 if turned_rad > 0 else 1


def occurrence(
    au: F32, truth: F32, sight: Sight, covered: npt.NDArray[np.bool_] | None = None, far: int | None = None
) -> I8:
    """(18,) occurrence in one frame: 1 present, 0 absent, or UNKNOWN.

    au: (18, 2) intensities, left and right. truth: (18,) the frame's intensities, which also count lips that another
    movement parts. covered: (18,) true for AUs behind an obstacle. far: the side that a turned head hides; AUs on that
    side alone are UNKNOWN.
    """
    low, high = sight.threshold * (1 - BAND), sight.threshold * (1 + BAND)
    sides = au.copy()
    lips = AUS.index(25)
    sides[lips] = np.maximum(sides[lips], truth[lips])
    in_sight = sides.copy()
    hidden = [AUS.index(unit) for unit in _TAKEN_AWAY]
    in_sight[hidden] = np.minimum(sides[hidden], damped(au, 0.0)[hidden])
    in_sight[sight.fringe] = 0
    if far is not None:
        in_sight[:, far] = 0
    found = np.full(len(AUS), UNKNOWN, np.int8)
    found[sides.max(1) < low] = 0
    found[in_sight.max(1) >= high] = 1
    if covered is not None:
        found[covered] = UNKNOWN
    return found


def region(head: Head, au: int) -> I32:
    """Indices of the skin's vertices that AUS[au] moves at least half as far as the one that it moves most."""
    size = np.linalg.norm(head.moves.left[au] + head.moves.right[au], axis=1)[head.skin_places]
    return np.flatnonzero(size > 0.5 * size.max()).astype(np.int32)


class Obstacle:
    """Finds the AU regions behind an obstacle (a hand, a microphone); see synth.rendering.sensor."""

    def __init__(self, head: Head, scene: Scene, sensor: Sensor | None, size: tuple[int, int]) -> None:
        self._head = head
        self._blot = None if sensor is None else sensor.in_the_way
        if self._blot is not None:
            self._view, _ = scene.camera.matrices(size, head)
            self._regions = [region(head, i) for i in range(len(AUS))]

    def covers(self, pose: Pose) -> npt.NDArray[np.bool_] | None:
        """(18,) true for AUs whose region is covered in this pose; None without an obstacle."""
        if self._blot is None:
            return None
        skin = self._head.moved(pose)[0]["skin"].position
        left, top, right, bottom = self._blot
        at = projected(self._view, skin) - np.array([(left + right) / 2, (top + bottom) / 2], np.float32)
        radius = max(right - left, bottom - top) / 2  # the ellipse may be rotated
        under = (at**2).sum(1) < radius**2
        return np.array([under[places].mean() > _COVERED for places in self._regions])
