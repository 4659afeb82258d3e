"""Who is seen: a person as plain numbers, drawn from a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ks.synth.pose import Folding

Colour = tuple[float, float, float]  # linear RGB


@dataclass(frozen=True, slots=True)
class Person:
    """All that distinguishes one face from another."""

    shape: Mapping[str, float]  # weights of shapes on the base mesh
    races: Mapping[str, float]  # sums to 1
    wears: Mapping[str, str]  # layer -> asset
    skin: str
    iris: str
    tint: Colour = (1.0, 1.0, 1.0)
    roughness: float = 0.48
    oil: float = 1.0
    lip_tint: float = 0.0
    blush: float = 0.3
    freckles: float = 0.0
    stubble: float = 0.0
    hair_colour: Colour = (0.05, 0.03, 0.02)
    brow_colour: Colour = (0.04, 0.025, 0.018)
    own_hair_colour: float = 0.0
    hairline_dm: float = 0.0
    roots: float = 1.0
    iris_tint: Colour = (1.0, 1.0, 1.0)
    eye_white: float = 1.0
    teeth_tint: Colour = (1.0, 0.97, 0.9)
    cloth_colour: Colour = (0.10, 0.14, 0.22)
    trim_colour: Colour = (0.09, 0.12, 0.19)
    neck: tuple[float, float, float] = (5.25, 0.42, 0.10)
    weave: float = 0.5
    folding: Folding = field(default_factory=Folding)
