"""Reference pictures for a coder: one person's neutral face and an AU at FACS levels B and D, side by side."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from knowledge_spreader.arrays import U8
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.contact_sheets import studio, write_sheet
from knowledge_spreader.synth.dataset.demo import demo_person
from knowledge_spreader.synth.dataset.occurrence import BAND, THRESHOLDS
from knowledge_spreader.synth.motion.pose import Folding, Pose, pose_of
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.rendering.camera import Camera
from knowledge_spreader.synth.rendering.renderer import Renderer

TILE_PX = (220, 180)  # width and height of one of the three
QUALITY = 84  # of the JPEG; keeps each below 25 kB
_LEAST_B, _D = 0.4, 0.9  # a recipe at 1 is level D to E; 0 to 5 of a result is 5 times the recipe's intensity
_FRAMES: Mapping[str, Camera] = {  # the part of the face that moves
    "brows": Camera(15, 1.15, up=0.30),
    "eyes": Camera(15, 1.5, up=0.20),
    "nose": Camera(15, 1.4, up=-0.07),
    "mouth": Camera(15, 1.6, up=-0.40),
}
_SEEN_IN: Mapping[str, tuple[int, ...]] = {
    "brows": (1, 2, 4),
    "eyes": (5, 6, 7, 43),
    "nose": (9, 10),
    "mouth": (12, 14, 15, 17, 20, 23, 24, 25, 26),
}


def levels(au: int) -> tuple[float, float]:
    """The recipe's intensity at levels B and D. B is where the set's own labels count the AU as present for certain."""
    return max(_LEAST_B, (1 + BAND) * THRESHOLDS[au]), _D


def reference_person() -> Person:
    """The demo clip's person, shaven, without a movement at rest, and with folds that show well."""
    folding = Folding(resting=0.1, share={"fold_dimple": 0.5, "fold_mouth_corner": 0.6})
    return dataclasses.replace(demo_person(), resting={}, stubble=0.0, folding=folding)


def reference_tiles(renderer: Renderer, au: int) -> list[U8]:
    """Neutral, level B, level D; each (H, W, 3) of the renderer's size. The person must be set."""
    (camera,) = (_FRAMES[part] for part, aus in _SEEN_IN.items() if au in aus)
    renderer.set_scene(dataclasses.replace(studio(renderer.size), camera=camera))
    b, d = levels(au)
    tiles = [renderer.draw(pose) for pose in (Pose(), pose_of({au: b}), pose_of({au: d}))]
    for tile in tiles[:-1]:
        tile[:, -1] = 255  # a white line between two tiles
    return tiles


def write_references(assets: Assets, folder: Path) -> list[Path]:
    """Writes AU.jpg for each AU of the renderer. Raises KSError without a driver, or if one cannot be written."""
    written = []
    with Renderer(assets, *TILE_PX, samples=3, shadow_px=2048) as renderer:
        renderer.set_person(reference_person())
        for au in AUS:
            written.append(folder / f"{au}.jpg")
            write_sheet(written[-1], reference_tiles(renderer, au), 3, QUALITY)
    return written
