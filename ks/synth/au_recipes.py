"""The blend shapes of each of the 18 AUs, and of movements that have no label.

A recipe's weights give intensity 1, about FACS level D to E. Shapes are given by the short names of
synth.assets.library. Only CC0 (MakeHuman) and MIT (ICT-FaceKit) shapes are used.
"""

from dataclasses import dataclass

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
SIDED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 20, 43)  # AUs whose recipe moves each side of the face by itself


@dataclass(frozen=True, slots=True)
class Part:
    """One shape of a recipe. The mask limits it to a part of the face."""

    shape: str
    weight: float
    mask: str = ""  # "" (whole face), "upper" (above the lips) or "brow" (above the lids)


def _units(left: str, weight: float, mask: str = "") -> tuple[Part, ...]:
    """A MakeHuman expression unit on both sides. MakeHuman has one version of it per ancestry (the *)."""
    return tuple(Part(f"units/*/{left.replace('left', side)}", weight, mask) for side in ("left", "right"))


def arkit(name: str, weight: float, mask: str = "") -> tuple[Part, ...]:
    """An ARKit-like blend shape on both sides."""
    return tuple(Part(f"arkit/{name}{side}", weight, mask) for side in ("Left", "Right"))


def _ict(name: str, weight: float, mask: str = "") -> tuple[Part, ...]:
    return tuple(Part(f"ict/{name}_{side}", weight, mask) for side in "LR")


RECIPES: dict[int, tuple[Part, ...]] = {
    1: (*_units("eyebrows-left-inner-up", 1.25), *_ict("browInnerUp", 0.75, "brow")),
    2: (*arkit("browOuterUp", 0.8), *_ict("browOuterUp", 0.6, "brow")),
    4: (*arkit("browDown", 0.45), *_units("eyebrows-left-down", 0.6), *_ict("browDown", 0.7, "brow")),
    5: arkit("eyeWide", 1.0),
    6: (
        Part("cheek/l-cheek-volume-incr", 0.35, "upper"),
        Part("cheek/r-cheek-volume-incr", 0.35, "upper"),
        *_units("eye-left-slit", 0.15),
        *_ict("cheekRaiser", 1.2, "upper"),
        *_ict("cheekSquint", 0.4, "upper"),
    ),
    7: (*_units("eye-left-slit", 0.38), *_ict("eyeSquint", 1.1)),
    9: (*arkit("noseSneer", 0.6), *_units("nose-left-elevation", 0.3), *_ict("noseSneer", 0.6)),
    10: _ict("mouthUpperUp", 0.85),
    12: _ict("mouthSmile", 1.1),
    14: _ict("mouthDimple", 1.4),
    15: _ict("mouthFrown", 1.8),
    17: (Part("arkit/mouthShrugLower", 0.6), Part("ict/mouthShrugLower", 0.95)),
    20: _ict("mouthStretch", 1.45),
    23: (Part("arkit/mouthRollLower", 0.65), Part("arkit/mouthRollUpper", 0.65), Part("ict/mouthPucker", 0.4)),
    24: (
        *_ict("mouthPress", 1.5),
        Part("ict/mouthRollUpper", 0.4),
        Part("ict/mouthRollLower", 0.4),
        Part("ict/mouthShrugLower", 0.25),
    ),
    25: (Part("units/*/mouth-parling", 1.1),),
    26: (Part("arkit/jawOpen", 0.55),),
    43: _units("eye-left-closure", 1.0),
}

# Movements that have no label, in the order of Pose.beside.
BESIDE: dict[str, tuple[Part, ...]] = {
    "16 lower lip depressor": _ict("mouthLowerDown", 0.9),
    "18 lip pucker": (Part("arkit/mouthPucker", 0.6), Part("ict/mouthPucker", 0.5)),
    "22 lip funneler": (Part("arkit/mouthFunnel", 0.8),),
    "28 lip suck": (Part("arkit/mouthRollLower", 1.0), Part("arkit/mouthRollUpper", 1.0)),
    "30 jaw left": (Part("ict/jawLeft", 0.8),),
    "30 jaw right": (Part("ict/jawRight", 0.8),),
    "34 cheek puff": (Part("arkit/cheekPuff", 0.9),),
    "38 nostril dilator": _units("nose-left-dilatation", 1.0),
    "lids up": arkit("eyeLookUp", 1.0),
    "lids down": arkit("eyeLookDown", 1.0),
}
