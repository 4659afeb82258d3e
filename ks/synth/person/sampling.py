"""Draws a person from a seed: age, sex, ancestry, face shape, skin, eyes, brows, lashes, hair."""

from collections.abc import Mapping

import numpy as np

from knowledge_spreader.synth.assets.formats import Colour
from knowledge_spreader.synth.assets.library import RACES, Assets
from knowledge_spreader.synth.motion.pose import Folding, fold_shares, smile_dimple_of
from knowledge_spreader.synth.person.brows import brow_colour_of, brows_of
from knowledge_spreader.synth.person.lids import lid_height_of
from knowledge_spreader.synth.person.mouth import mouth_of
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.shapes import macro_weights
from knowledge_spreader.synth.person.wardrobe import clothes_of, glasses_of, hair_colour_of, teeth_of, wears_of

_SPREAD = {
    "asym": 0.35,
    "ears": 0.3,
    "cheek": 0.3,
    "chin": 0.28,
    "forehead": 0.3,
    "head": 0.2,
    "mouth": 0.3,
    "neck": 0.2,
}
_SPREAD |= {"nose": 0.3, "eyes": 0.36, "eyebrows": 0.5}
# How often a shape of the folder is used; 0.5 for the others.
_OFTEN = {"asym": 0.25, "ears": 0.4, "neck": 0.3, "eyes": 0.7, "mouth": 0.45, "nose": 0.45, "eyebrows": 1.0}
_PAIRS = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
)
_LEAVE = (
    "trans-in",
    "trans-out",
    "head-trans",
    "neck-trans",
    "nose-trans-in",
    "mouth-trans-in",
    "shape-pointed",
    "flap",
)
_GENTLE = {
    "eye-trans": 0.5,
    "eye-scale": 0.9,
    "mouth-trans": 0.5,
    "neck-scale": 0.5,
    "prognathism": 0.6,
    "head-age": 0.0,
    "double": 0.5,
    "eyebrows-angle": 0.45,
}
_LEAN = {  # mean, lowest value
    "eyebrows/eyebrows-angle": (0.08, -0.22),  # few resting faces scowl
    "eyebrows/eyebrows-trans": (0.12, -0.9),
    "chin/chin-height": (0.2, -0.9),  # real chins are longer than the base mesh's
}
_HEADS = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
_LIGHT, _DARK = np.array([0.67, 0.335, 0.240]), np.array([0.100, 0.052, 0.034])


def cast(assets: Assets, seed: int) -> Person:
    """The person of this seed: always the same for the same assets."""
    rng = np.random.default_rng([0xFACE, seed])
    years, male = _years(rng), float(np.clip(rng.choice([0.08, 0.92]) + rng.normal(0, 0.07), 0, 1))
    shares = rng.dirichlet([0.45] * 3)
    races = {race: float(share) for race, share in zip(RACES, shares, strict=True)}
    weight, muscle = (float(np.clip(rng.normal(0.5, 0.18), 0.05, 0.95)) for _ in range(2))
    shape = macro_weights(age_scale(years), male, races, muscle, weight)
    shape |= _details(assets, rng, races, years)
    melanin = float(
        np.clip(races["african"] * 0.78 + races["asian"] * 0.24 + races["caucasian"] * 0.1 + rng.normal(0, 0.09), 0, 1)
    )
    hair_colour = hair_colour_of(rng, melanin, years)
    wears, roots, hairline = wears_of(assets, rng, male, races, years, sum(hair_colour) < 0.3)
    tone = tone_of(melanin, rng)
    bearded = male > 0.5 and years > 18 and rng.random() < 0.55
    wrinkled = float(np.clip((years - 28) / 50, 0, 1.1))
    smile_lift, smile_drop = smile_of(np.random.default_rng([0x5311E, seed]))
    eyes = np.random.default_rng([0xE7E5, seed])
    return Person(
        shape=shape,
        races=races,
        wears=wears,
        skin=_skin(assets, rng, melanin, male, years),
        iris=_iris(assets, rng, melanin),
        tone=tone,
        resting=_resting(rng),
        smile_lift=smile_lift,
        smile_drop=smile_drop,
        lid_height=lid_height_of(eyes, races, years),
        age_years=years,
        roughness=float(rng.uniform(0.44, 0.60)),
        oil=float(rng.uniform(0.35, 1.0)),
        lip_tint=float(
            rng.uniform(0, 0.9) if male < 0.5 and years > 15 and rng.random() < 0.5 else rng.uniform(0, 0.15)
        ),
        blush=float(rng.uniform(0.1, 0.9)),
        freckles=float(rng.uniform(0.3, 1.0) if melanin < 0.3 and rng.random() < 0.18 else 0.0),
        stubble=float(rng.uniform(0.15, 1.0)) if bearded else 0.0,
        beard=float(rng.uniform(0.5, 1.0)) if bearded and rng.random() < 0.5 else 0.0,
        beard_dm=float(rng.uniform(0.02, 0.11)),
        shorn=float(rng.uniform(0.5, 1.0)) if "hair" not in wears and roots > 0.5 else 0.0,
        hair_colour=hair_colour,
        brow_colour=brow_colour_of(rng, hair_colour, tone),
        brow_density=float(rng.uniform(0.8, 1.7)),
        brows=brows_of(rng),
        hairline_dm=hairline,
        roots=roots,
        iris_tint=(*(float(x) for x in rng.uniform(0.7, 1.35, 1).repeat(3) * rng.uniform(0.94, 1.06, 3)),),  # type: ignore[arg-type]
        iris_size=float(np.clip(eyes.normal(0.84, 0.035), 0.75, 0.95)),
        eye_white=float(rng.uniform(0.85, 1.05)),
        mouth=mouth_of(np.random.default_rng([0x7EE7, seed])),
        teeth_tint=teeth_of(rng, years),
        **clothes_of(rng),  # type: ignore[arg-type]
        folding=Folding(
            depth=float(np.clip(rng.normal(0.70 + 0.40 * wrinkled, 0.17), 0.30, 1.3)),
            resting=float(np.clip(wrinkled * rng.uniform(0.5, 1.3), 0, 1.2)),
            phase=float(rng.random()),
            spacing_dm=float(rng.uniform(0.07, 0.115)),
            wobble=float(rng.uniform(0.2, 1.0)),
            width=float(rng.uniform(0.85, 1.35)),
            smile_dimple=smile_dimple_of(np.random.default_rng([0xD1A9, seed])),
            share=fold_shares(np.random.default_rng([0xF01D, seed])),
        ),
        glasses=glasses_of(rng, years),
    )


def age_scale(years: float) -> float:
    """MakeHuman's age value: 0 is 1 year, 0.1875 is 10, 0.5 is 25, 1 is 90."""
    return float(np.interp(years, [1, 10, 25, 90], [0, 0.1875, 0.5, 1]))


def tone_of(melanin: float, rng: np.random.Generator) -> Colour:
    """Mean linear RGB albedo of a face. melanin: 0 to 1."""
    tone = np.exp((1 - melanin) * np.log(_LIGHT) + melanin * np.log(_DARK)) * rng.normal(1, [0.01, 0.02, 0.03])
    return float(tone[0]), float(tone[1]), float(tone[2])


def _years(rng: np.random.Generator) -> float:
    young, middle, old = rng.uniform(6, 17), rng.uniform(18, 50), rng.uniform(50, 82)
    return float(rng.choice([young, middle, old], p=[0.12, 0.6, 0.28]))


def _details(assets: Assets, rng: np.random.Generator, races: Mapping[str, float], years: float) -> dict[str, float]:
    """Random weights of face-shape details, almost the same on the left and the right."""
    found: dict[str, float] = {"units/caucasian/mouth-parling": -0.22}
    child = 0.7 if years < 16 else 1.0
    for low, high, folder in _detail_pairs(assets):
        if rng.random() > _OFTEN.get(folder, 0.5):
            continue
        gentle = next((g for name, g in _GENTLE.items() if name in low), 1.0)
        lean, least = _LEAN.get(low.rsplit("-", 1)[0], (0.0, -0.9))
        value = float(np.clip(rng.normal(lean, _SPREAD[folder] * gentle * child), least, 0.9))
        for side in ("l-", "r-") if "/l-" in low else ("",):
            name = (low if value < 0 else high).replace("/l-", f"/{side}") if side else (low if value < 0 else high)
            if name in assets.targets:
                found[name] = abs(value) * float(1 + rng.normal(0, 0.12) * bool(side))
    for head in _HEADS:
        if rng.random() < 0.3:
            found[f"head/head-{head}"] = float(rng.uniform(0, 0.55) * child)
    for side in "lr":  # the inner fold of the eye
        found[f"eyes/{side}-eye-epicanthus-in"] = float(np.clip(races["asian"] * 0.8 + rng.normal(0, 0.08), 0, 1))
    if years > 45:
        found["head/head-age-incr"] = float(np.clip((years - 45) / 60 * rng.uniform(0.3, 1.2), 0, 0.7))
    return {name: weight for name, weight in found.items() if name in assets.targets}


def _detail_pairs(assets: Assets) -> list[tuple[str, str, str]]:
    """(decreasing, increasing shape, folder) of each face-shape detail; two-sided shapes by their left one."""
    found = []
    for name in sorted(assets.targets):
        folder = name.split("/", 1)[0]
        if folder not in _SPREAD or "/r-" in name or any(word in name for word in _LEAVE):
            continue
        if folder == "asym" and name.endswith("-l"):
            found.append((name, name[:-1] + "r", folder))
        for low, high in _PAIRS:
            if name.endswith(f"-{low}") and name[: -len(low)] + high in assets.targets:
                found.append((name, name[: -len(low)] + high, folder))
    return found


def _skin(assets: Assets, rng: np.random.Generator, melanin: float, male: float, years: float) -> str:
    age = "young" if years < 34 else "middleage" if years < 56 else "old"
    shade, sex = "darkskinned" if melanin > 0.5 else "lightskinned", "male" if male > 0.5 else "female"
    for wanted in (f"{age}_{shade}_{sex}", f"{shade}_{sex}", sex):
        found = [name for name in sorted(assets.skins) if wanted in name and (sex == "female") == ("female" in name)]
        if found:
            return str(rng.choice(found))
    return min(assets.skins)


def _iris(assets: Assets, rng: np.random.Generator, melanin: float) -> str:
    dark = [name for name in sorted(assets.irises) if "brown" in name] or sorted(assets.irises)
    if rng.random() < 0.45 + 1.2 * melanin:
        return str(rng.choice(dark))
    return str(rng.choice(sorted(assets.irises)))


def smile_of(rng: np.random.Generator) -> tuple[float, float]:
    """(smile_lift, smile_drop) of Person: a smile shows anything from a strip of teeth to the gums."""
    return float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.2, 0.8))


def _resting(rng: np.random.Generator) -> dict[int, float]:
    """AU intensities of the resting face. Many faces seem to show an AU at rest; models must learn to ignore it."""
    found: dict[int, float] = {}
    if rng.random() < 0.55:
        units = rng.choice([1, 2, 4, 5, 6, 7, 10, 12, 14, 15, 17, 20, 24], size=int(rng.integers(1, 5)), replace=False)
        found |= {int(unit): float(np.clip(rng.normal(0, 0.25), -0.35, 0.45)) for unit in units}
    return found
