"""The resting brows of a person: height, tilt, arch and distance.

Real faces at rest differ by as much as AU 1 moves the brows. A network trained on brows of one height sees raised
brows on two faces in three.
"""

from dataclasses import dataclass, replace

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.assets.formats import Colour
from knowledge_spreader.synth.person.shapes import Seat

_SMOOTH_DM = 0.045  # standard deviation of the Gaussian that averages the skin's depth


@dataclass(frozen=True, slots=True)
class Brows:
    """Change from the brow asset's own place and shape, for a head of the base mesh's size."""

    up_dm: float = 0.0
    uneven_dm: float = 0.0  # left brow higher than the right
    tilt_rad: float = 0.0  # positive: outer ends up
    arch: float = 1.0  # factor on the brow's arch and thickness
    apart_dm: float = 0.0  # each brow away from the middle


def brows_of(rng: np.random.Generator) -> Brows:
    """Random brows with the variation of ordinary neutral faces."""
    return Brows(
        up_dm=float(np.clip(rng.normal(0.025, 0.05), -0.07, 0.13)),
        uneven_dm=float(np.clip(rng.normal(0, 0.012), -0.03, 0.03)),
        tilt_rad=float(np.clip(rng.normal(-0.07, 0.10), -0.28, 0.16)),
        arch=float(np.clip(rng.lognormal(0.0, 0.28), 0.55, 1.7)),
        apart_dm=float(np.clip(rng.normal(0.005, 0.018), -0.03, 0.045)),
    )


def brow_colour_of(rng: np.random.Generator, hair: Colour, tone: Colour) -> Colour:
    """The hair's colour, a little darker. For four people in five, dark enough to stand out from the skin `tone`.

    Brows are thinner than hair: in the colour of light hair they would be invisible on most faces.
    """
    colour = np.minimum(hair, 0.30) * rng.uniform(0.5, 0.95) * rng.normal(1, 0.04, 3)
    if rng.random() < 0.8:
        colour *= min(1.0, rng.uniform(0.08, 0.40) * sum(tone) / max(float(colour.sum()), 1e-6))
    return float(colour[0]), float(colour[1]), float(colour[2])


def laid(seat: Seat, brows: Brows, head: F32, skin: F32, scale: float) -> Seat:
    """The brow mesh's seat, moved as `brows` says. The brows stay on the skin.

    head: (V, 3) the neutral head. skin: (S, 3) its skin vertices. scale: head size relative to the base mesh.
    """
    at = seat.on(head)
    moved = at.copy()
    for side in (1, -1):
        mine = at[:, 0] * side > 0
        if not mine.any():
            continue
        middle = at[mine, :2].mean(0)
        local = (at[mine, :2] - middle) * (1, brows.arch)
        angle = side * brows.tilt_rad
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        up = (brows.up_dm + side * brows.uneven_dm / 2) * scale
        moved[mine, :2] = local @ turn.T + middle + (side * brows.apart_dm * scale, up)
    front = skin[(skin[:, 2] > at[:, 2].min() - 0.3) & (np.abs(skin[:, 1] - at[:, 1].mean()) < 0.6)]
    moved[:, 2] += _depth(front, moved[:, :2]) - _depth(front, at[:, :2])
    return replace(seat, offset=seat.offset + (moved - at).astype(np.float32))


def _depth(skin: F32, at: F32) -> F32:
    """(A,) smoothed z of the skin (S, 3) at the points (A, 2)."""
    square = ((at[:, None] - skin[None, :, :2]) ** 2).sum(2) / (2 * _SMOOTH_DM**2)
    near = np.exp(-(square - square.min(1, keepdims=True)))
    return np.asarray((near * skin[:, 2]).sum(1) / near.sum(1), np.float32)
