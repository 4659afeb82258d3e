"""Contact sheets: people, each AU next to the neutral face, frames of whole clips."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.opencv import cv2
from knowledge_spreader.spec import AU_NAMES
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.clip import clip_of, draw
from knowledge_spreader.synth.dataset.occurrence import FRINGES
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.camera import Camera
from knowledge_spreader.synth.rendering.lighting import light_of, studio_panorama
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.scene import Scene, backdrop_gain, exposure_for, plain_backdrop, stage

_TOGETHER = ({6: 0.9, 12: 0.9, 25: 0.8}, {1: 0.9, 4: 0.7, 15: 0.9, 17: 0.5})  # common combinations


def studio(size: tuple[int, int], face: float = 0.66) -> Scene:
    """A scene with even light, for comparisons."""
    light = light_of(studio_panorama(), grey=0.3, lamp_from=2.0)
    return Scene(
        light,
        Camera(15, face, up=-0.01),
        plain_backdrop(size, (0.5, 0.53, 0.55)),
        exposure_for(light),
        backdrop_gain(light, 0.8),
        8,
    )


def people_sheet(assets: Assets, seeds: Sequence[int], side_px: int = 160) -> list[U8]:
    """One tile per person, each in a different scene."""
    tiles = []
    with Renderer(assets, side_px, side_px, samples=3) as renderer:
        for seed in seeds:
            renderer.set_person(cast(assets, seed))
            scene = stage(assets, seed, (side_px, side_px))
            renderer.set_scene(dataclasses.replace(scene, camera=Camera(18, 0.56, yaw_deg=scene.camera.yaw_deg * 2)))
            tiles.append(renderer.draw(Pose()))
    return tiles


def au_sheet(assets: Assets, seeds: Sequence[int], side_px: int = 190) -> list[U8]:
    """21 tiles per person: the neutral face, each AU alone at intensity 1, two combinations."""
    tiles = []
    with Renderer(assets, side_px, side_px, samples=3) as renderer:
        for seed in seeds:
            person = cast(assets, seed)
            wears = {layer: name for layer, name in person.wears.items() if name not in FRINGES}
            renderer.set_person(dataclasses.replace(person, wears=wears, resting={}))
            renderer.set_scene(studio((side_px, side_px)))
            tiles.append(_named(renderer.draw(Pose()), "neutral"))
            for au in AUS:
                tiles.append(_named(renderer.draw(pose_of({au: 1.0})), f"{au} {AU_NAMES[au]}"))
            for together in _TOGETHER:
                tiles.append(_named(renderer.draw(pose_of(together)), "+".join(map(str, together))))
    return tiles


def clip_sheet(
    assets: Assets, seeds: Sequence[int], side_px: int = 160, shown: int = 10, seconds: float = 6.0
) -> list[U8]:
    """Evenly spaced frames of random clips, with AU intensities in per cent."""
    tiles = []
    fps = 12.5
    with Renderer(assets, side_px, side_px, samples=2) as renderer:
        for seed in seeds:
            frames = round(seconds * fps)
            wanted = set(np.linspace(0, frames - 1, shown).round().astype(int).tolist())
            for t, (image, truth) in enumerate(draw(renderer, clip_of(assets, seed, frames, fps, (side_px, side_px)))):
                if t in wanted:
                    text = " ".join(f"{au}:{x * 100:.0f}" for au, x in zip(AUS, truth, strict=True) if x > 0.1)
                    tiles.append(_named(image, text))
    return tiles


def write_sheet(path: Path, tiles: Sequence[U8], columns: int, quality: int = 86) -> None:
    """Writes the tiles row by row as JPEG or PNG. Raises DataError when the file cannot be written."""
    rows = [np.concatenate(_filled_row(tiles[i : i + columns], columns), 1) for i in range(0, len(tiles), columns)]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    ok, packed = cv2.imencode(path.suffix, np.concatenate(rows)[..., ::-1], options)
    assert ok
    try:
        path.write_bytes(packed.tobytes())
    except OSError as exc:
        raise DataError(f"{path}: cannot be written ({one_line(exc)}); free some space or give another path") from exc


def _filled_row(tiles: Sequence[U8], columns: int) -> list[U8]:
    return [*tiles, *[np.full_like(tiles[0], 255)] * (columns - len(tiles))]


def _named(image: U8, text: str) -> U8:
    named = image.copy()
    strip = named[-15:]
    strip[:] = strip // 3
    cv2.putText(named, text, (4, image.shape[0] - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
    return named
