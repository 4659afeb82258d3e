"""Where teeth and tongue lie behind the lips.

The assets' lie too high: under the upper lip no tooth shows, and a mouth that opens is full of lower teeth and tongue.
People's mouths show the edges of the upper teeth and are dark inside.
"""

from dataclasses import dataclass, replace

import numpy as np

from ks.synth.assets import Assets
from ks.synth.formats import F32
from ks.synth.shapes import Seat, dense


@dataclass(frozen=True, slots=True)
class Mouth:
    """How much lower than the asset, on a head of the base mesh's size."""

    upper_teeth_dm: float = 0.027
    lower_teeth_dm: float = 0.042
    tongue_dm: float = 0.11  # of its back; the tip sinks less


def mouth_of(rng: np.random.Generator) -> Mouth:
    """From nothing of the upper teeth under parted lips to 4 mm of them; some tongues are seen, most lie low."""
    upper = float(np.clip(rng.normal(0.027, 0.012), 0.0, 0.055))
    return Mouth(upper, upper + float(rng.uniform(0.0, 0.03)), float(rng.uniform(0.05, 0.15)))


def set_in(assets: Assets, layer: str, seat: Seat, mouth: Mouth, head: F32, scale: float) -> Seat:
    """The seat of the teeth or the tongue, so that they lie so in this neutral head (V, 3)."""
    falls = np.einsum("ak,ak->a", seat.weights, dense(assets, "arkit/jawOpen")[:, 1][seat.index])
    at = seat.on(head)
    if layer == "tongue":
        height = (at[:, 1] - at[:, 1].min()) / max(float(np.ptp(at[:, 1])), 1e-6)
        down = mouth.lower_teeth_dm * np.minimum(1, 2 * height) + mouth.tongue_dm * height**2
    else:
        down = np.where(falls < 0.5 * falls.min(), mouth.lower_teeth_dm, mouth.upper_teeth_dm)
    return replace(seat, offset=seat.offset - np.float32(scale) * np.outer(down, [0, 1, 0]).astype(np.float32))
