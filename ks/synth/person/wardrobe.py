"""Draws what a person wears: hair and its colour, brows, lashes, teeth, glasses, a shirt."""

from collections.abc import Mapping

import numpy as np

from knowledge_spreader.synth.assets.formats import Colour
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.person.glasses import Glasses

_FEMALE_HAIR = {
    "long01": 0.42,
    "ponytail01": 0.28,
    "bob02": 0.05,
    "braid01": 0.03,
    "short01": 0.08,
    "short04": 0.07,
    "": 0.07,
}
_MALE_HAIR = {
    "short01": 0.22,
    "short02": 0.22,
    "short04": 0.2,
    "short03": 0.03,
    "ponytail01": 0.04,
    "long01": 0.03,
    "": 0.24,
}
_BROWS = (  # women, men: the end of a style's name -> how often
    {
        "001": 0.22,
        "002": 0.06,
        "003": 0.1,
        "004": 0.08,
        "005": 0.08,
        "007": 0.06,
        "008": 0.18,
        "010": 0.14,
        "012": 0.08,
    },
    {"001": 0.2, "004": 0.12, "008": 0.16, "009": 0.22, "011": 0.08, "012": 0.18},
)
_HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.012, 0.010, 0.009),
    "dark brown": (0.040, 0.022, 0.013),
    "brown": (0.095, 0.050, 0.026),
    "light brown": (0.19, 0.11, 0.055),
    "blond": (0.42, 0.29, 0.15),
    "red": (0.23, 0.075, 0.025),
    "grey": (0.30, 0.29, 0.28),
    "white": (0.62, 0.61, 0.59),
}


def pick(rng: np.random.Generator, chances: Mapping[str, float]) -> str:
    p = np.array(list(chances.values()))
    return str(rng.choice(list(chances), p=p / p.sum()))


def wears_of(
    assets: Assets, rng: np.random.Generator, male: float, races: Mapping[str, float], years: float, dark_hair: bool
) -> tuple[dict[str, str], float, float]:
    """Layer -> asset; how densely hair roots are painted on the scalp; how far the hairline has receded, in dm."""

    def any_of(kind: str) -> str:
        return str(rng.choice(sorted(name for name in assets.wear if name.startswith(f"{kind}/"))))

    wears = {"eyes": "eyes/high-poly", "teeth": any_of("teeth"), "tongue": any_of("tongue")}
    brows = {name: _BROWS[male > 0.5].get(name[-3:], 0.02) for name in assets.wear if name.startswith("eyebrows/")}
    wears |= {"brows": pick(rng, brows), "lashes": any_of("eyelashes")}
    chances = dict(_MALE_HAIR if male > 0.5 else _FEMALE_HAIR)
    chances["afro01"] = 0.25 * races["african"] * dark_hair  # its texture is too harsh for light hair
    hair = pick(rng, {name: p for name, p in chances.items() if not name or f"hair/{name}" in assets.wear})
    receding = max(0.0, float(rng.normal(0.02, 0.05))) + (max(0.0, years - 35) / 400 if male > 0.5 else 0)
    if hair:
        return wears | {"hair": f"hair/{hair}"}, 1.0, 0.0
    bald = male > 0.5 and years > 35 and rng.random() < 0.5
    return wears, float(rng.uniform(0, 0.35) if bald else rng.uniform(0.75, 1.0)), receding * (2.5 if bald else 1)


def hair_colour_of(rng: np.random.Generator, melanin: float, years: float) -> Colour:
    light = np.clip(0.55 - melanin, 0.02, 0.5)
    chances = {"black": 0.25 + 1.6 * melanin, "dark brown": 0.35, "brown": 0.9 * light, "light brown": 0.6 * light}
    chances |= {"blond": 0.6 * light, "red": 0.22 * light}
    grey = float(np.clip((years - 42) / 40, 0, 0.95))
    name = pick(rng, {"grey": 0.6, "white": 0.4}) if rng.random() < grey else pick(rng, chances)
    colour = np.array(_HAIR_COLOURS[name]) * rng.uniform(0.7, 1.35) * rng.normal(1, 0.05, 3)
    return float(colour[0]), float(colour[1]), float(colour[2])


def teeth_of(rng: np.random.Generator, years: float) -> Colour:
    yellow = float(np.clip(rng.normal(0.1 + years / 300, 0.08), 0, 0.5))
    return 1.25, 1.24 - 0.12 * yellow, 1.18 - 0.5 * yellow


def glasses_of(rng: np.random.Generator, years: float) -> Glasses | None:
    if rng.random() > 0.12 + 0.003 * years:
        return None
    colour = rng.choice([0.015, 0.02, 0.12, 0.35]) * rng.uniform(0.6, 1.4, 3)
    return Glasses(
        width=float(rng.uniform(0.21, 0.29)),
        height=float(rng.uniform(0.13, 0.24)),
        square=float(rng.uniform(2.0, 4.5)),
        thick=float(rng.choice([rng.uniform(0.006, 0.012), rng.uniform(0.014, 0.028)])),
        rimless=bool(rng.random() < 0.15),
        colour=(float(colour[0]), float(colour[1]), float(colour[2])),
        dark=float(rng.choice([0.0, rng.uniform(0.0, 0.25)], p=[0.9, 0.1])),
    )


def clothes_of(rng: np.random.Generator) -> dict[str, object]:
    colour = rng.uniform(0.02, 0.75) * (0.35 + 0.65 * rng.dirichlet([1.2] * 3) * 2)
    trim = colour * rng.uniform(0.75, 1.2) if rng.random() < 0.8 else rng.uniform(0.02, 0.7, 3)
    return {
        "cloth_colour": tuple(float(min(c, 0.8)) for c in colour),
        "trim_colour": tuple(float(min(c, 0.8)) for c in trim),
        "neck": (float(rng.uniform(5.25, 5.62)), float(rng.uniform(0.35, 0.5)), float(rng.uniform(0.03, 0.14))),
        "vee": float(rng.choice([0.0, rng.uniform(0.2, 0.6)], p=[0.7, 0.3])),
        "weave": float(rng.uniform(0, 1)),
    }
