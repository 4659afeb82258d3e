"""OwnHeads: what a model has learned from a user's own labels; stored in the `.ks` file beside the base model.

    base   (U,)  the logit that the base model gives                            realtime/voices.py
    own    (U,)  = base * (1 + scale) + token_weight . tokens + point_weight . points + bias    of the learned AUs
                 = base                                                                         of the others

It is linear in what every engine gives anyway, so every engine runs it at the same speed. There are two sets: for faces
with landmarks, and for faces without, which have no points.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F32, F64, Floats
from knowledge_spreader.errors import ModelError


@dataclass(frozen=True, slots=True, eq=False)
class HeadSet:
    """The heads of L AUs for one kind of face. Raises ModelError on values that do not fit."""

    token_weight: F32  # (L, C)
    point_weight: F32  # (L, K); (L, 0): for faces without landmarks
    scale: F32  # (L,)
    bias: F32  # (L,)
    thresholds: tuple[float, ...]  # (L,)

    def __post_init__(self) -> None:
        n = len(self.thresholds)
        arrays = self.token_weight, self.point_weight, self.scale, self.bias
        axes = 2, 2, 1, 1
        if any(
            one.ndim != d or len(one) != n or not np.isfinite(one).all() for one, d in zip(arrays, axes, strict=True)
        ):
            raise ModelError(f"own heads: wanted {n} finite rows; got {[one.shape for one in arrays]}")
        if not all(0 < t < 1 for t in self.thresholds):
            raise ModelError(f"own heads: thresholds must lie between 0 and 1; got {list(self.thresholds)}")

    def logits(self, base: Floats, tokens: Floats, points: Floats | None) -> F64:
        """base (..., L), tokens (..., C), points (..., K) -> (..., L)."""
        moved = tokens.astype(np.float64) @ self.token_weight.T.astype(np.float64) + self.bias
        if self.point_weight.shape[1]:
            assert points is not None
            moved = moved + points.astype(np.float64) @ self.point_weight.T.astype(np.float64)
        return np.asarray(base * (1.0 + self.scale.astype(np.float64)) + moved)

    def to_dict(self) -> dict[str, Any]:
        arrays = {name: _packed(getattr(self, name)) for name in _ARRAYS}
        return {**arrays, "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], aus: int) -> "HeadSet":
        arrays = {name: _unpacked(values[name], aus) for name in _ARRAYS}
        for name in ("scale", "bias"):
            arrays[name] = arrays[name].reshape(aus)
        return cls(**arrays, thresholds=tuple(float(t) for t in values["thresholds"]))


@dataclass(frozen=True, slots=True, eq=False)
class OwnHeads:
    """The heads of a model with the AUs `of`. Raises ModelError on values that do not fit."""

    of: tuple[int, ...]  # the model's AUs
    learned: tuple[int, ...]  # those that differ from the base model
    crops: HeadSet
    points: HeadSet | None = None  # for faces with landmarks; None: no recording had any
    shown: tuple[int, ...] = ()  # AUs that held on frames kept apart: no longer experimental in recordings like these
    notes: Mapping[str, Any] = field(default_factory=dict)  # what it was adapted on, and how well it did

    def __post_init__(self) -> None:
        sets = [one for one in (self.crops, self.points) if one is not None]
        if not self.learned or set(self.learned) - set(self.of) or set(self.shown) - set(self.learned):
            raise ModelError(f"own heads: AUs {list(self.learned)} and {list(self.shown)} of {list(self.of)}")
        if any(len(one.thresholds) != len(self.learned) for one in sets):
            raise ModelError(f"own heads: wanted {len(self.learned)} heads in each set")

    @property
    def places(self) -> list[int]:
        """Where the learned AUs are among the model's."""
        return [self.of.index(au) for au in self.learned]

    def heard(self, base: Floats, tokens: Floats, points: Floats | None) -> F64:
        """The logits (U,) or (T, U): those of AUs that were not learned are `base`, to the bit."""
        places, found = self.places, np.array(base, np.float64)
        heads = self.crops if points is None or self.points is None else self.points
        found[..., places] = heads.logits(found[..., places], tokens, points)
        return found

    def thresholds(self, base: Sequence[float], *, points: bool) -> tuple[float, ...]:
        """(U,) with those of the base model for AUs that were not learned."""
        heads = self.points if points and self.points is not None else self.crops
        found = list(base)
        for place, threshold in zip(self.places, heads.thresholds, strict=True):
            found[place] = threshold
        return tuple(found)

    @property
    def identity(self) -> str:
        """What was learned, as text: thresholds and notes left out."""
        sets = [self.crops, *([self.points] if self.points else [])]
        parts = [_packed(getattr(one, name))["data"] for one in sets for name in _ARRAYS]
        return hashlib.sha256(json.dumps([self.learned, parts]).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": list(self.of),
            "learned": list(self.learned),
            "shown": list(self.shown),
            "crops": self.crops.to_dict(),
            **({"points": self.points.to_dict()} if self.points else {}),
            "notes": dict(self.notes),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OwnHeads":
        """Raises ModelError if these are no heads of this version."""
        try:
            learned = tuple(int(au) for au in values["learned"])
            return cls(
                tuple(int(au) for au in values["of"]),
                learned,
                HeadSet.from_dict(values["crops"], len(learned)),
                HeadSet.from_dict(values["points"], len(learned)) if "points" in values else None,
                tuple(int(au) for au in values["shown"]),
                dict(values["notes"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise ModelError(f"own heads: {exc!r}; use another model file") from exc


_ARRAYS = ("token_weight", "point_weight", "scale", "bias")


def _packed(array: F32) -> dict[str, Any]:
    """JSON types: 40,000 numbers as text of digits would be three times as long."""
    return {
        "shape": list(array.shape),
        "data": base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode("ascii"),
    }


def _unpacked(value: Mapping[str, Any], rows: int) -> F32:
    shape = tuple(int(n) for n in value["shape"])
    if not shape or shape[0] != rows:
        raise ValueError(f"{rows} rows wanted, shape {shape}")
    return np.frombuffer(base64.b64decode(value["data"], validate=True), "<f4").reshape(shape).astype(np.float32)
