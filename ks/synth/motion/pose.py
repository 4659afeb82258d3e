"""The face at one moment: how strong each action unit is on either side, gaze, and where the head points."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.au_recipes import AUS, BESIDE


def _zeros(*shape: int) -> F32:
    return np.zeros(shape, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """All zero: a neutral face that looks straight ahead. Angles in radians, moves in dm."""

    au: F32 = field(default_factory=lambda: _zeros(len(AUS), 2))  # 0 to 1; left, right
    beside: F32 = field(default_factory=lambda: _zeros(len(BESIDE)))  # 0 to 1
    gaze: F32 = field(default_factory=lambda: _zeros(2))  # to the person's left, up
    head: F32 = field(default_factory=lambda: _zeros(3))  # rotation vector: nod down, turn to the left, tilt
    shift: F32 = field(default_factory=lambda: _zeros(3))  # of head and body

    def strength(self, au: int) -> float:
        """The stronger side, as FACS scores it."""
        return float(self.au[AUS.index(au)].max())


def pose_of(aus: dict[int, float], **rest: F32) -> Pose:
    """A pose with some AUs, the same on both sides."""
    au = _zeros(len(AUS), 2)
    for unit, strength in aus.items():
        au[AUS.index(unit)] = strength
    return Pose(au=au, **rest)


@dataclass(frozen=True, slots=True)
class Folding:
    """How one person's skin folds."""

    depth: float = 1.0  # of folds that movement makes
    resting: float = 0.0  # folds that stay, with age
    phase: float = 0.3
    spacing_dm: float = 0.085  # of forehead lines
    wobble: float = 0.6
    width: float = 1.0
    smile_dimple: float = 0.25  # how far a smile alone dimples the cheeks beside it, as AU 14 does
    share: Mapping[str, float] = field(default_factory=dict)  # of the depth, by the fold's name in the shader; else 1


def folds(pose: Pose, skin: Folding) -> dict[str, tuple[float, ...]]:
    """Strength of each fold, by its name in the shader: left and right, or one."""
    au = {unit: pose.au[i] for i, unit in enumerate(AUS)}
    beside = dict(zip(BESIDE, pose.beside, strict=True))
    stay = skin.resting
    sides = {
        "fold_inner_brow": au[1] + 0.25 * au[2] + 0.30 * stay,
        "fold_outer_brow": au[2] + 0.15 * au[1] + 0.25 * stay,
        "fold_frown": au[4] + 0.25 * au[9] + 0.30 * stay,
        "fold_nose_root": au[9] + 0.10 * au[4],
        "fold_crow": au[6] + 0.30 * au[7] + 0.35 * au[12] * au[6] + 0.2 * au[43] * stay + 0.30 * stay,
        "fold_lower_lid": 0.8 * au[6] + 0.75 * au[7] + 0.25 * stay,
        "fold_nasolabial": 0.55 * au[9] + 0.8 * au[10] + 0.85 * au[12] + 0.25 * au[6] + 0.30 * au[20] + 0.45 * stay,
        "fold_dimple": 1.0 * au[14] + skin.smile_dimple * au[12],
        "fold_mouth_corner": 0.9 * au[15] + 0.4 * au[20] + 0.25 * stay,
    }
    found = {name: tuple(float(skin.depth * min(x, 1.3)) for x in value) for name, value in sides.items()}
    pucker = float(beside["18 lip pucker"])
    found["fold_chin"] = (float(skin.depth * max(au[17].max(), 0.35 * au[15].max())),)
    found["fold_lip_lines"] = (
        float(skin.depth * min(1.0, 0.7 * au[23].max() + 0.2 * au[24].max() + pucker + 0.3 * stay)),
    )
    return {name: tuple(skin.share.get(name, 1.0) * x for x in value) for name, value in found.items()}


_USUAL = {"fold_dimple": 0.3, "fold_mouth_corner": 0.35, "fold_chin": 0.6}  # of the depth, in the middle; else 0.75
_FOREHEAD = ("fold_inner_brow", "fold_outer_brow")


def smile_dimple_of(rng: np.random.Generator) -> float:
    """Every third person's smile dimples the cheeks, which is no AU14: a network took every real dimple for one."""
    return float(rng.uniform(0.5, 1.1) if rng.random() < 0.35 else rng.uniform(0.0, 0.35))


def fold_shares(rng: np.random.Generator) -> dict[str, float]:
    """How deep each fold of a person is beside the others: brows rise and corners of mouths fall with or without one.

    Where every movement folds everybody's skin the same way, a network looks for the fold and not for the movement.
    """
    names = sorted(folds(Pose(), Folding()))
    found = {name: float(np.clip(rng.normal(_USUAL.get(name, 0.75), 0.32), 0, 1.3)) for name in names}
    return found | dict.fromkeys(_FOREHEAD, found[_FOREHEAD[0]])
