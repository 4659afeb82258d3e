"""Where teeth and tongue lie behind the lips.

The assets place them too high: an opening mouth shows lower teeth and tongue but no upper teeth. Real mouths show the
edges of the upper teeth and are dark inside.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from knowledge_spreader.arrays import F32, I32, Bools
from knowledge_spreader.synth.assets.formats import Mesh
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.person.shapes import Seat, dense

_LIP_DM = 0.012  # vertices nearer to the skin in front of them than this belong to a lip's rim


@dataclass(frozen=True, slots=True)
class Mouth:
    """How far below the asset's place each part lies, for a head of the base mesh's size."""

    upper_teeth_dm: float = 0.027
    lower_teeth_dm: float = 0.042
    tongue_dm: float = 0.11  # at its back; the tip sinks less


def mouth_of(rng: np.random.Generator) -> Mouth:
    """A random mouth. Parted lips show 0 to 4 mm of the upper teeth; most tongues lie low, some can be seen."""
    upper = float(np.clip(rng.normal(0.027, 0.012), 0.0, 0.055))
    return Mouth(upper, upper + float(rng.uniform(0.0, 0.03)), float(rng.uniform(0.05, 0.15)))


def set_in(assets: Assets, layer: str, seat: Seat, mouth: Mouth, head: F32, scale: float) -> Seat:
    """The seat of the layer `teeth` or `tongue`, lowered as `mouth` says. head: (V, 3) the neutral head."""
    falls = np.einsum("ak,ak->a", seat.weights, dense(assets, "arkit/jawOpen")[:, 1][seat.index])
    at = seat.on(head)
    if layer == "tongue":
        height = (at[:, 1] - at[:, 1].min()) / max(float(np.ptp(at[:, 1])), 1e-6)
        down = mouth.lower_teeth_dm * np.minimum(1, 2 * height) + mouth.tongue_dm * height**2
    else:
        down = np.where(falls < 0.5 * falls.min(), mouth.lower_teeth_dm, mouth.upper_teeth_dm)
    return replace(seat, offset=seat.offset - np.float32(scale) * np.outer(down, [0, 1, 0]).astype(np.float32))


@lru_cache(maxsize=2)
def walls(base: Mesh) -> Bools:
    """(V,) true for base mesh vertices inside the mouth: those with a lip in front of them while the mouth is shut.

    A moving lip pulls these walls in front of the teeth, where they would look like gaps in the teeth of every smile.
    """
    rest = base.vertices
    near = (np.abs(rest[:, 0]) < 0.5) & (rest[:, 1] > 6.2) & (rest[:, 1] < 6.82) & (rest[:, 2] > 0.3)
    body = base.faces[base.group == base.group_names.index("body")]
    a, b, c = (rest[corner] for corner in body[near[body].any(1)].T)  # (F, 3) each
    found = np.zeros(len(rest), bool)
    area = _cross(b - a, c - a)
    for v in np.flatnonzero(near):
        to_a, to_b, to_c = (corner - rest[v] for corner in (a, b, c))
        shares = np.stack([_cross(to_b, to_c), _cross(to_c, to_a), _cross(to_a, to_b)]) / np.where(area, area, 1)
        before = (shares > -1e-6).all(0) & ((shares * np.stack([to_a, to_b, to_c])[..., 2]).sum(0) > _LIP_DM)
        found[v] = before.any()
    return _joined(body, found, int(np.flatnonzero(found)[rest[found, 2].argmax()]))


def _joined(faces: I32, allowed: Bools, seed: int) -> Bools:
    """The allowed vertices connected to the seed. This leaves out the neck behind the chin."""
    inner = faces[allowed[faces].all(1)]
    reached = np.zeros_like(allowed)
    reached[seed], count = True, 0
    while count < reached.sum():
        count = int(reached.sum())
        reached[inner[reached[inner].any(1)]] = True
    return reached


def _cross(u: F32, v: F32) -> F32:
    """(F,) z of the cross product of vectors (F, 3): twice the area of their triangle, seen from the front."""
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], np.float32)
