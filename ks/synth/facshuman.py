"""FACSHuman's shapes (LGPL-3.0), only where they are asked for: a second way to show each AU, which some people have.

Without the switch no file of it is read and nothing else changes. With it everyone keeps their face, and AUs that a
person shows FACSHuman's way have thresholds of their own (ks.synth.occurrence).

Weights are at intensity 1, as in ks.synth.recipes, and were chosen by eye: FACSHuman's own full strength is grotesque
for 1, too wide for 20, bares all teeth for 25, is AU 27 for 26; 2 alone curls the end of the brow, 6_b must not reach
the mouth. Shapes that are left alone: 17_a looks like AU 15, 22_25 opens the mouth, those of gaze tear the iris off.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ks.errors import DataError
from ks.synth.assets import Assets, load_assets
from ks.synth.formats import read_target, read_text
from ks.synth.recipes import AUS, RECIPES, Part, arkit

_VERSION = 1  # raise it with any change to what follows, or to THRESHOLDS_FACSHUMAN: sets without them still go on
FOLDER = "facshuman/FACSHuman"
_FILES = {
    f"facs/{name}": f"{folder}/{name}.target"
    for folder, names in {
        "01 Upper Face AUs": "1 2 4 43 5 6_b 7",
        "02 Lower Face AUs": "9_a 10 12 14 15 17 20 23 24",
        "03 Lip Parting and Jaw Opening": "25 26",
    }.items()
    for name in names.split()
}

VARIANTS: Mapping[int, tuple[Part, ...]] = {
    1: (Part("facs/1", 0.55),),
    2: (Part("facs/2", 0.4), *arkit("browOuterUp", 0.7)),
    4: (Part("facs/4", 1.0),),
    5: (Part("facs/5", 1.0),),
    6: (
        Part("facs/6_b", 1.0, "upper"),
        Part("cheek/l-cheek-volume-incr", 0.5, "upper"),
        Part("cheek/r-cheek-volume-incr", 0.5, "upper"),
        Part("facs/7", 0.4),
        Part("eyes/l-eye-bag-incr", 0.3),
        Part("eyes/r-eye-bag-incr", 0.3),
    ),
    7: (Part("facs/7", 1.0),),
    9: (Part("facs/9_a", 0.9), *arkit("noseSneer", 0.6)),
    10: (Part("facs/10", 0.9), *arkit("mouthUpperUp", 0.3)),
    12: (Part("facs/12", 0.75), *arkit("mouthSmile", 0.3)),
    14: (Part("facs/14", 0.9),),
    15: (Part("facs/15", 1.0),),
    17: (Part("facs/17", 0.8), Part("arkit/mouthShrugLower", 0.55)),
    20: (Part("facs/20", 0.75),),
    23: (Part("facs/23", 1.0),),
    24: (Part("facs/24", 1.0), Part("arkit/mouthRollUpper", 0.25), Part("arkit/mouthRollLower", 0.25)),
    25: (Part("facs/25", 0.4),),
    26: (Part("facs/26", 0.45),),
    43: (Part("facs/43", 1.3),),  # at 1 a slit stays open
}

# How many people show an AU this way: more where it looks better than ours, fewer where it looks worse.
_SHARES = dict.fromkeys(AUS, 0.5) | dict.fromkeys((1, 4, 25), 0.65) | dict.fromkeys((6, 9, 12, 14, 17, 24, 26), 0.25)


def load(folder: Path, *, facshuman: bool) -> Assets:
    """The asset folder, with FACSHuman's shapes among its targets and in its digest where they are asked for."""
    assets = load_assets(folder)
    return _added(assets) if facshuman else assets


def _added(assets: Assets) -> Assets:
    folder = assets.folder / FOLDER
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder, --facshuman wants it (LGPL-3.0): clone github.com/montybot/FACSHuman "
            f"as {assets.folder / 'facshuman'}, or leave the switch out"
        )
    digest = hashlib.sha256(f"{assets.digest} {_VERSION}".encode())
    targets = dict(assets.targets)
    for name, file in _FILES.items():
        targets[name] = read_target(folder / file)
        if targets[name][0].max(initial=0) >= len(assets.base.vertices):
            raise DataError(f"{folder / file}: names a vertex that base.obj lacks; clone FACSHuman again")
        digest.update(name.encode() + hashlib.sha256(read_text(folder / file).encode()).digest())
    return dataclasses.replace(assets, targets=targets, digest=digest.hexdigest()[:16])


def available(assets: Assets) -> frozenset[int]:
    """The AUs that can be shown in two ways: all or none."""
    return frozenset(VARIANTS) if all(name in assets.targets for name in _FILES) else frozenset()


def chosen(assets: Assets, seed: int) -> frozenset[int]:
    """The AUs that the person with this number shows FACSHuman's way: each by a throw of its own."""
    thrown = np.random.default_rng([0xFAC5, seed]).random(len(AUS))
    return available(assets) & {au for au, x in zip(AUS, thrown, strict=True) if x < _SHARES[au]}


def recipes_of(variants: frozenset[int]) -> dict[int, tuple[Part, ...]]:
    """The recipe of each AU for a person who shows these AUs FACSHuman's way."""
    return {au: VARIANTS[au] if au in variants else RECIPES[au] for au in AUS}
