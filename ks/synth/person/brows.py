"""How a person's brows lie: height, tilt, arch, distance. In life that differs from face to face as much as AU 1 moves.

Two of three faces seem to raise their brows to a network that has only seen brows of one height.
"""

from dataclasses import dataclass, replace

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.assets.formats import Colour
from knowledge_spreader.synth.person.shapes import Seat

_SMOOTH_DM = 0.045  # over which the forehead's depth is averaged


@dataclass(frozen=True, slots=True)
class Brows:
    """Against where the asset lies by itself, on a head of the base mesh's size."""

    up_dm: float = 0.0
    uneven_dm: float = 0.0  # the left one higher than the right by this
    tilt_rad: float = 0.0  # outer ends up
    arch: float = 1.0  # factor of the height of the brow's own shape, and of its thickness
    apart_dm: float = 0.0


def brows_of(rng: np.random.Generator) -> Brows:
    """Ordinary variation among neutral faces."""
    return Brows(
        up_dm=float(np.clip(rng.normal(0.025, 0.05), -0.07, 0.13)),
        uneven_dm=float(np.clip(rng.normal(0, 0.012), -0.03, 0.03)),
        tilt_rad=float(np.clip(rng.normal(-0.07, 0.10), -0.28, 0.16)),
        arch=float(np.clip(rng.lognormal(0.0, 0.28), 0.55, 1.7)),
        apart_dm=float(np.clip(rng.normal(0.005, 0.018), -0.03, 0.045)),
    )


def brow_colour_of(rng: np.random.Generator, hair: Colour, tone: Colour) -> Colour:
    """Of the hair's colour and a little darker; with four people of five so dark that it stands out from this skin.

    Brows are thinner than hair: of light hair's colour they would be seen on few faces, and in life they are on most.
    """
    colour = np.minimum(hair, 0.30) * rng.uniform(0.5, 0.95) * rng.normal(1, 0.04, 3)
    if rng.random() < 0.8:
        colour *= min(1.0, rng.uniform(0.08, 0.40) * sum(tone) / max(float(colour.sum()), 1e-6))
    return float(colour[0]), float(colour[1]), float(colour[2])


def laid(seat: Seat, brows: Brows, head: F32, skin: F32, scale: float) -> Seat:
    """The seat of the brows' mesh, changed so that they lie so on this neutral head (V, 3); they stay on its skin.

    skin: (S, 3) vertices of the skin. scale: of this head against the base mesh.
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
    """(A,) z of the skin (S, 3) at places (A, 2), smoothed."""
    square = ((at[:, None] - skin[None, :, :2]) ** 2).sum(2) / (2 * _SMOOTH_DM**2)
    near = np.exp(-(square - square.min(1, keepdims=True)))
    return np.asarray((near * skin[:, 2]).sum(1) / near.sum(1), np.float32)
