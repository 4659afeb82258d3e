"""Vertices of a person's neutral head, and the displacements that each AU adds to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.synth.assets.formats import Fit
from knowledge_spreader.synth.assets.library import RACES, Assets
from knowledge_spreader.synth.au_recipes import AUS, BESIDE, Part

Recipes = Mapping[int, Sequence[Part]]  # AU -> its shapes

BODY = 13_380  # the base mesh's first vertices are the body's; helper vertices follow
_SIDE_DM = 0.16  # half width of the strip along the middle in which left blends into right
MASKS = {"upper": (6.66, 6.90), "brow": (7.36, 7.46)}  # height on the resting mesh in dm: no effect below, full above


def smoothstep(low: float, high: float, x: F32) -> F32:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def dense(assets: Assets, name: str) -> F32:
    """(V, 3) displacements of a shape, in dm."""
    index, move = assets.targets[name]
    moves = np.zeros_like(assets.base.vertices)
    moves[index] = move
    return moves


def neutral(assets: Assets, weights: Mapping[str, float]) -> F32:
    """(V, 3) in dm: the base mesh plus a weighted sum of shapes."""
    vertices = assets.base.vertices.copy()
    for name, weight in weights.items():
        index, move = assets.targets[name]
        vertices[index] += np.float32(weight) * move
    return vertices


def macro_weights(
    age: float, male: float, races: Mapping[str, float], muscle: float, weight: float
) -> dict[str, float]:
    """Weights of MakeHuman's macro shapes. All arguments 0 to 1; age as in sampling.age_scale; races sum to 1."""
    if age < 0.5:
        baby, young = max(0.0, 1 - 5.333 * age), max(0.0, 3.2 * (age - 0.1875))
        ages = {"baby": baby, "young": young, "child": min(1.0, 5.333 * age) - young}
    else:
        ages = {"old": 2 * age - 1, "young": 2 - 2 * age}
    muscles, weights = _levels(muscle), _levels(weight)
    found: dict[str, float] = {}
    for gender, g in (("male", male), ("female", 1 - male)):
        for stage, a in ages.items():
            found |= {f"macro/{race}-{gender}-{stage}": g * a * races[race] for race in RACES}
            for m, wm in muscles.items():
                for w, ww in weights.items():
                    found[f"macro/universal-{gender}-{stage}-{m}muscle-{w}weight"] = g * a * wm * ww
    return {name: w for name, w in found.items() if w > 0}


def _levels(x: float) -> dict[str, float]:
    return {"min": max(0.0, 1 - 2 * x), "max": max(0.0, 2 * x - 1), "average": 1 - abs(2 * x - 1)}


def movement(assets: Assets, recipe: Sequence[Part], races: Mapping[str, float]) -> F32:
    """(V, 3) displacement of one recipe at intensity 1. Shapes that differ by ancestry are mixed by `races`."""
    height = assets.base.vertices[:, 1:2]
    total = np.zeros_like(assets.base.vertices)
    for part in recipe:
        if "*" in part.shape:
            moves = sum((w * dense(assets, part.shape.replace("*", race)) for race, w in races.items() if w > 0), 0.0)
        else:
            moves = dense(assets, part.shape)
        if part.mask:
            moves = moves * smoothstep(*MASKS[part.mask], height)
        total += np.float32(part.weight) * np.asarray(moves, np.float32)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Movements:
    """Displacements of a face's vertices, in dm: each AU at intensity 1 by side, each unlabelled movement whole."""

    left: F32  # (18, V, 3)
    right: F32  # (18, V, 3)
    beside: F32  # (B, V, 3) in the order of au_recipes.BESIDE

    def at(self, au: F32, beside: F32, places: I32 | None = None) -> F32:
        """(V, 3) displacement for au (18, 2), left and right, and beside (B,). places: only these vertices."""
        some: slice | I32 = slice(None) if places is None else places
        parts = ((self.left, au[:, 0]), (self.right, au[:, 1]), (self.beside, beside))
        total: F32 = np.zeros_like(self.left[0][some], np.float32)
        for shapes, weights in parts:
            for shape, weight in zip(shapes, weights, strict=True):
                if weight:
                    total += np.float32(weight) * shape[some]
        return total


def movements(
    assets: Assets, recipes: Recipes, races: Mapping[str, float], keep: np.ndarray, scale: float
) -> Movements:
    """Displacements of the vertices `keep` for these recipes and for BESIDE. scale: head size relative to the base."""
    left_share = smoothstep(-_SIDE_DM, _SIDE_DM, assets.base.vertices[keep, 0:1])
    whole = np.stack([movement(assets, recipes[au], races)[keep] for au in AUS]) * np.float32(scale)
    beside = np.stack([movement(assets, recipe, races)[keep] for recipe in BESIDE.values()]) * np.float32(scale)
    return Movements(whole * left_share, whole * (1 - left_share), beside)


def open_smile(au: F32) -> F32:
    """(2,) intensity of a smile with teeth on either side, from au (18, 2): the lower of AU 12 and AU 25."""
    return np.asarray(np.minimum(au[AUS.index(12)], au[AUS.index(25)]), np.float32)


def damped(au: F32, smile_lift: float) -> F32:
    """au (18, 2) as it is drawn: reduced where the shapes of several AUs would add up too far. Labels are not changed.

    smile_lift: see Person. A smile with teeth raises the upper lip, which does not count as AU 10.
    """
    held = au.copy()
    i = {unit: AUS.index(unit) for unit in AUS}
    both_brows = np.minimum(au[i[1]], au[i[2]])
    held[i[1]] -= 0.2 * both_brows
    held[i[2]] -= 0.2 * both_brows
    shut = np.clip(au[i[43]], 0, 1)
    for unit in (5, 6, 7):  # a shut lid cannot also be raised or tightened
        held[i[unit]] *= 1 - (0.9 if unit != 6 else 0.35) * shut
    squeezed = held[i[6]] * 0.15 + held[i[7]] * 0.38  # together they must not shut the eye
    held[i[7]] *= 1 - 0.3 * np.clip(squeezed - 0.3, 0, 1)
    wide_open = np.minimum(au[i[12]], au[i[26]])
    held[i[12]] -= 0.15 * wide_open
    held[i[10]] = np.maximum(held[i[10]], smile_lift * open_smile(au))
    for unit in (23, 24):
        held[i[unit]] *= 1 - 0.8 * np.clip(np.maximum(au[i[25]], au[i[26]]), 0, 1)
    return held


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """A fit with its offsets scaled to one neutral head, once. Scaled again in each frame, teeth would stretch."""

    index: np.ndarray  # (A, 3)
    weights: F32  # (A, 3)
    offset: F32  # (A, 3) dm

    def on(self, vertices: F32) -> F32:
        """(A, 3) positions of the asset's vertices on a head (V, 3)."""
        return np.asarray(np.einsum("ak,akc->ac", self.weights, vertices[self.index]) + self.offset, np.float32)


def seat(fit: Fit, vertices: F32) -> Seat:
    """The fit, scaled to a neutral head (V, 3)."""
    scale = [abs(vertices[a, k] - vertices[b, k]) / d if d else 1.0 for k, (a, b, d) in enumerate(fit.scale)]
    return Seat(fit.index, fit.weights, fit.offset * np.array(scale, np.float32))
