"""Which side of the face an AU acts on: the person's left, the right, or both.

    d        (D,)  what the left side has more of than the right: log-odds of blendshapes, and measures        SIDE
    s_left   (A,)  = sigmoid(bias + weight . d)
    s_right  (A,)  = sigmoid(bias - weight . d)
    p_side   (A,)  = p * s_side / max(s_left, s_right)

s is the probability that a side acts if the AU acts at all; p is that of the AU on the whole face. So the stronger side
has the AU's own probability, the other at most that, and no side is present while the AU is absent. In a mirrored
picture left and right change places.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F64, Floats, sigmoid
from knowledge_spreader.errors import ModelError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.geometry.measures import MEASURES, OF_A_SIDE

_NOT_OF_A_SIDE = ("jaw", "mouth")  # jawLeft is a movement to the left
_PAIRS = tuple(
    stem
    for stem in (name.removesuffix("Left") for name in NAMES if name.endswith("Left"))
    if stem not in _NOT_OF_A_SIDE and not stem.startswith("eyeLook")
)
SIDE = (*_PAIRS, *OF_A_SIDE)  # D names
_FEATURES = (*NAMES, *MEASURES)  # the order of voice.features
_LEFT = [_FEATURES.index(name) for name in (*(f"{x}Left" for x in _PAIRS), *(f"{x}_left" for x in OF_A_SIDE))]
_RIGHT = [_FEATURES.index(name) for name in (*(f"{x}Right" for x in _PAIRS), *(f"{x}_right" for x in OF_A_SIDE))]


def differences(features: Floats) -> F64:
    """d (D,) or (T, D) of voice.features (K,) or (T, K)."""
    return np.asarray(features[..., _LEFT] - features[..., _RIGHT], np.float64)


def shares(lean: F64, bias: Floats) -> F64:
    """weight . d (...) -> (..., 2) s_left and s_right, of the higher of the two."""
    s = sigmoid(np.stack([bias + lean, bias - lean], axis=-1))
    return np.asarray(s / s.max(axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The heads of A AUs. Raises ModelError if shapes or values do not fit."""

    aus: tuple[int, ...]
    places: tuple[int, ...]  # of these among the model's AUs, from 0
    weight: F64  # (A, D)
    bias: F64  # (A,)

    def __post_init__(self) -> None:
        a = len(self.aus)
        wanted, got = ((a, len(SIDE)), (a,), a), (self.weight.shape, self.bias.shape, len(self.places))
        if wanted != got or not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise ModelError(f"sides of {a} AUs: wanted finite weights, bias and places {wanted}; got {got}")
        if min(self.places, default=0) < 0:
            raise ModelError(f"sides: places count from 0; got {self.places}")

    def probability(self, p: Floats, features: Floats) -> F64:
        """(A, 2) or (T, A, 2), left and right. p: (U,) or (T, U) of the whole face. features: (K,) or (T, K)."""
        return np.asarray(p[..., list(self.places), None] * shares(differences(features) @ self.weight.T, self.bias))

    def to_dict(self) -> dict[str, Any]:
        """JSON types; the inverse of from_dict."""
        of = {"aus": list(self.aus), "places": list(self.places), "features": list(SIDE)}
        return of | {"weight": self.weight.tolist(), "bias": self.bias.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Sides":
        """Raises ModelError if these are not the parameters of sides of this version."""
        try:
            if list(values["features"]) != list(SIDE):
                raise ModelError("sides: they were made for other measures of the face; use another model file")
            aus, places = (tuple(int(x) for x in values[name]) for name in ("aus", "places"))
            return cls(aus, places, np.array(values["weight"], np.float64), np.array(values["bias"], np.float64))
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"sides: {exc!r}; use another model file") from exc
