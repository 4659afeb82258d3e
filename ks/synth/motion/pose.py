"""The face at one moment: AU intensities by side, gaze and head pose; and the skin folds that they make."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.au_recipes import AUS, BESIDE


def _zeros(*shape: int) -> F32:
    return np.zeros(shape, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """AU intensities, gaze and head pose. All zero is a neutral face that looks straight ahead."""

    au: F32 = field(default_factory=lambda: _zeros(len(AUS), 2))  # 0 to 1; left, right
    beside: F32 = field(default_factory=lambda: _zeros(len(BESIDE)))  # unlabelled movements, 0 to 1
    gaze: F32 = field(default_factory=lambda: _zeros(2))  # radians to the person's left, up
    head: F32 = field(default_factory=lambda: _zeros(3))  # rotation vector, radians: nod down, turn to the left, tilt
    shift: F32 = field(default_factory=lambda: _zeros(3))  # of head and body, dm

    def strength(self, au: int) -> float:
        """The intensity of an AU on its stronger side, which FACS scores."""
        return float(self.au[AUS.index(au)].max())


def pose_of(aus: dict[int, float], **rest: F32) -> Pose:
    """A pose with these AU intensities on both sides."""
    au = _zeros(len(AUS), 2)
    for unit, strength in aus.items():
        au[AUS.index(unit)] = strength
    return Pose(au=au, **rest)


@dataclass(frozen=True, slots=True)
class Folding:
    """How one person's skin folds."""

    depth: float = 1.0  # of the folds that movements make
    resting: float = 0.0  # depth of permanent folds, which come with age
    phase: float = 0.3
    spacing_dm: float = 0.085  # of forehead lines
    wobble: float = 0.6
    width: float = 1.0
    smile_dimple: float = 0.25  # how far AU 12 alone dimples the cheeks, as a share of AU 14's dimple
    share: Mapping[str, float] = field(default_factory=dict)  # fold's name in the shader -> factor on depth; else 1


def folds(pose: Pose, skin: Folding) -> dict[str, tuple[float, ...]]:
    """Strength of each fold by its name in the shader: (left, right), or one number for folds in the middle."""
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


_USUAL = {"fold_dimple": 0.3, "fold_mouth_corner": 0.35, "fold_chin": 0.6}  # mean of Folding.share; else 0.75
_FOREHEAD = ("fold_inner_brow", "fold_outer_brow")


def smile_dimple_of(rng: np.random.Generator) -> float:
    """Every third person's smile dimples the cheeks without AU 14. Otherwise a network reads every dimple as AU 14."""
    return float(rng.uniform(0.5, 1.1) if rng.random() < 0.35 else rng.uniform(0.0, 0.35))


def fold_shares(rng: np.random.Generator) -> dict[str, float]:
    """Folding.share of a person: on some faces an AU makes a deep fold, on others none.

    If an AU folded everybody's skin the same way, a network would look for the fold and not for the movement.
    """
    names = sorted(folds(Pose(), Folding()))
    found = {name: float(np.clip(rng.normal(_USUAL.get(name, 0.75), 0.32), 0, 1.3)) for name in names}
    return found | dict.fromkeys(_FOREHEAD, found[_FOREHEAD[0]])
