"""The geometry voice: a logit per AU from blendshapes and measures of a face, and how it is heard beside the crops.

    x      (K,)  log-odds of the 52 blendshapes, and the measures of measures.py      features()
    o_g    (U,)  = weight . (x - middle) / spread + bias                              GeometryVoice.logits()
    logit  (U,)  = offset + crops' share * (mean of o_a and o_b) + points' share * o_g   GeometryVoice.heard()
    alone  (U,)  = offset + factor * (mean of o_a and o_b) + weight . token              the same, without points

It is linear, so that it can be learned from little, and read. For AUs whose weights are learned on rendered people, on
whom the points of mouths, cheeks and eyes move as on real ones, many weights are used. For brows, which rendered people
teach badly, only the blendshapes of the brows are (docs/method.md).

A face without points, or a user who wants none (`--voices crops`), hears the crops alone, with what they have learned
from all voices: a linear function of each AU's token in branch B. `--voices paper` is the paper's model.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F64, Floats, sigmoid
from knowledge_spreader.errors import ModelError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.face.head_pose import HeadPose
from knowledge_spreader.geometry.intensity import IntensityCurve
from knowledge_spreader.geometry.measures import MEASURES, measures
from knowledge_spreader.geometry.sides import Sides

FEATURES = (*NAMES, *MEASURES)  # K = 115
_LEAST = 1e-3  # blendshapes below it are noise
_DIGITS = 7


def features(points_px: Floats, blendshapes: Floats, pose: HeadPose) -> F64:
    """(K,) in the order of FEATURES. points_px (478, 3), blendshapes (52,) 0 to 1. Raises DataError like measures."""
    shape = np.clip(blendshapes.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.concatenate([np.log(shape / (1 - shape)), measures(points_px, pose)])


@dataclass(frozen=True, slots=True, eq=False)
class GeometryVoice:
    """The parameters of the voice, for the U AUs of a model. Raises ModelError if shapes or values do not fit."""

    middle: F64  # (K,) the features of an average face at rest
    spread: F64  # (K,) how much people differ in them
    weight: F64  # (U, K)
    bias: F64  # (U,)
    offset: F64  # (U,)
    crops_share: F64  # (U,) how much the crops' logit counts
    points_share: F64  # (U,) how much o_g counts; 0: it is not heard
    alone_offset: F64  # (U,) without points the crops' logit becomes offset + factor * logit + weight . feature
    alone_factor: F64  # (U,)
    alone_weight: F64  # (U, C / U) of the AU's own part of branch B's feature; (U, 0): not learned
    thresholds: tuple[float, ...]  # of the probability that is heard; the spec's are for the crops alone
    experimental: tuple[int, ...] = ()  # AUs not shown to work on real faces, with this voice
    curves: tuple[IntensityCurve | None, ...] = ()  # of intensity; None: not shown for this AU; () = for none
    sides: Sides | None = None  # None: the side of no AU is told

    def __post_init__(self) -> None:
        u, k = len(self.bias), len(FEATURES)
        shapes = dict.fromkeys(("middle", "spread"), (k,)) | {"weight": (u, k)}
        shapes["alone_weight"] = (u, self.alone_weight.shape[-1])
        for name in _ARRAYS:
            array = getattr(self, name)
            if array.shape != shapes.get(name, (u,)) or not np.isfinite(array).all():
                raise ModelError(f"geometry voice: {name} must be {shapes.get(name, (u,))} finite; got {array.shape}")
        if not (self.spread > 0).all():
            raise ModelError("geometry voice: spreads must be above 0")
        if len(self.thresholds) != u or not all(0 < t < 1 for t in self.thresholds):
            raise ModelError(f"geometry voice: wanted {u} thresholds between 0 and 1; got {list(self.thresholds)}")
        if len(self.curves) not in (0, u):
            raise ModelError(f"geometry voice: {u} AUs need as many intensity curves; got {len(self.curves)}")
        if self.sides and max(self.sides.places, default=0) >= u:
            raise ModelError(f"geometry voice: sides of places {self.sides.places}; there are {u} AUs")

    def logits(self, features: Floats) -> F64:
        """o_g (U,) or (T, U) of features (K,) or (T, K)."""
        return np.asarray((features - self.middle) / self.spread @ self.weight.T + self.bias)

    def heard(self, crops: Floats, points: Floats | None, feature: Floats) -> F64:
        """The logit of all voices, (U,) or (T, U).

        crops: mean logit of both branches. points: o_g; None: there are none. feature: (C,) or (T, C) of branch B.
        """
        if points is None:
            learned = self._from_feature(feature) if self.alone_weight.size else 0.0
            return np.asarray(self.alone_offset + self.alone_factor * crops + learned)
        return np.asarray(self.offset + self.crops_share * crops + self.points_share * points)

    def apart(self, crops: Floats, points: Floats) -> F64:
        """How far the crops and the points are apart, (U,): the difference of what each alone would make probable.

        Both count equally and are on one level (fit.py), so each alone counts twice.
        """
        alone = (self.offset + 2 * self.crops_share * crops, self.offset + 2 * self.points_share * points)
        return np.where(self.points_share > 0, np.abs(sigmoid(alone[0]) - sigmoid(alone[1])), 0)

    def _from_feature(self, feature: Floats) -> F64:
        tokens = feature.reshape(*feature.shape[:-1], *self.alone_weight.shape).astype(np.float64)
        return np.asarray((tokens * self.alone_weight).sum(axis=-1))

    def intensity(self, heard: Floats) -> F64:
        """(U,) heard logits -> (U,) intensities 0 to 5; nan for AUs whose intensity is not shown."""
        found = np.full(len(self.bias), np.nan)
        for u, curve in enumerate(self.curves):
            if curve is not None:
                found[u] = curve(heard[u])
        return found

    @property
    def sided(self) -> tuple[int, ...]:
        """The AUs of which the side is told."""
        return self.sides.aus if self.sides else ()

    def to_dict(self) -> dict[str, Any]:
        """JSON types; the inverse of from_dict up to 7 digits."""
        arrays = {name: _rounded(getattr(self, name)) for name in _ARRAYS}
        return {
            "features": list(FEATURES),
            **arrays,
            "thresholds": list(self.thresholds),
            "experimental": list(self.experimental),
            "curves": [
                curve and {name: _rounded(np.array(getattr(curve, name))) for name in _CURVE} for curve in self.curves
            ],
            **({"sides": self.sides.to_dict()} if self.sides else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GeometryVoice":
        """Raises ModelError if these are not the parameters of a voice of this version."""
        if list(values.get("features", ())) != list(FEATURES):
            raise ModelError("geometry voice: it was made for other measures of the face; use another model file")
        try:
            arrays = {name: np.array(values[name], np.float64) for name in _ARRAYS}
            thresholds = tuple(float(x) for x in values["thresholds"])
            experimental = tuple(int(x) for x in values["experimental"])
            curves = tuple(
                curve and IntensityCurve(*(tuple(map(float, curve[name])) for name in _CURVE))
                for curve in values.get("curves", ())
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"geometry voice: {exc!r}; use another model file") from exc
        sides = Sides.from_dict(values["sides"]) if "sides" in values else None
        return cls(**arrays, thresholds=thresholds, experimental=experimental, curves=curves, sides=sides)

    @property
    def identity(self) -> str:
        """What was learned of AUs, as text: thresholds, marks and sides left out."""
        return json.dumps({name: _rounded(getattr(self, name)) for name in _ARRAYS})


_CURVE = ("logits", "intensities")
_ARRAYS = (
    *("middle", "spread", "weight", "bias", "offset", "crops_share", "points_share"),
    *("alone_offset", "alone_factor", "alone_weight"),
)


def _rounded(array: F64) -> Any:
    """Nested lists with 7 significant digits."""
    if array.ndim:
        return [_rounded(part) for part in array]
    value = float(array)
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0.0
