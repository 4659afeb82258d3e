"""One clip: a person, a scene and a performance, drawn frame by frame, with the true AUs of each frame."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, I8, U8
from knowledge_spreader.synth.assets.library import Assets, load_assets
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.occurrence import Obstacle, far_side, occurrence, sight_of
from knowledge_spreader.synth.motion.action import Performance, perform
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.scene import Scene, stage
from knowledge_spreader.synth.rendering.sensor import Sensor, sensor_of

_MEAN_ALBEDO = 0.30  # of faces
_LEAST_FPS = 10.0  # below this no motion blur: blending two frames that far apart shows ghosts
_PARTED_DM = 0.075  # distance of the lips' middles at which AU 25 has intensity 1


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What a clip shows. Nothing is drawn yet: see `shots`."""

    person: Person
    scene: Scene
    performance: Performance
    sensor: Sensor | None  # None: as drawn, without a camera's faults
    seed: int


def clip_of(
    assets: Assets,
    seed: int,
    frames: int,
    fps: float,
    size: tuple[int, int],
    *,
    person: int | None = None,
    performance: Performance | None = None,
) -> Clip:
    """The clip of this seed. size: width and height in pixels.

    person: another seed for the person. performance: what the face does, such as mocap.replay gives; default: from
    the seed.
    """
    who = cast(assets, seed if person is None else person)
    does = perform(seed, frames, fps) if performance is None else performance
    return Clip(who, _metered(stage(assets, seed, size), who), does, sensor_of(seed), seed)


def _metered(scene: Scene, person: Person) -> Scene:
    """The scene with an automatic exposure that corrects half (in stops) of this face's distance to _MEAN_ALBEDO."""
    albedo = sum(person.tone) / 3
    return dataclasses.replace(scene, exposure=scene.exposure * float(np.sqrt(_MEAN_ALBEDO / albedo)))


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame with its labels, in the order of AUS."""

    image: U8  # (H, W, 3) RGB
    intensities: F32  # (18,) 0 to 1
    present: I8  # (18,) 1, 0, or -1 for unknown
    sides: F32  # (18, 2) intensities of the person's left and right


def shots(renderer: Renderer, clip: Clip) -> Iterator[Shot]:
    """Draws the frames of a clip, one by one."""
    head = renderer.set_person(clip.person)
    renderer.set_scene(clip.scene)
    sight, obstacle = sight_of(clip.person), Obstacle(head, clip.scene, clip.sensor, renderer.size)
    before: U8 | None = None
    for t in range(len(clip.performance)):
        pose = clip.performance.pose(t)
        image = renderer.draw(pose)
        truth = pose.au.max(1).astype(np.float32)
        parted = float(np.clip(head.lip_gap_dm(pose) / (_PARTED_DM * head.scale), 0, 1))
        truth[AUS.index(25)] = max(float(truth[AUS.index(25)]), parted)
        seen = image if clip.sensor is None else clip.sensor.see(image, before, t)
        before = image if clip.performance.fps >= _LEAST_FPS else None
        far = far_side(float(pose.head[1]) - np.radians(clip.scene.camera.yaw_deg))
        yield Shot(seen, truth, occurrence(pose.au, truth, sight, obstacle.covers(pose), far), pose.au)


def draw(renderer: Renderer, clip: Clip) -> Iterator[tuple[U8, F32]]:
    """For each frame (H, W, 3) RGB and (18,) AU intensities, 0 to 1 in the order of AUS."""
    for shot in shots(renderer, clip):
        yield shot.image, shot.intensities


def render_clip(
    seed: int, assets: Path, frames: int = 64, fps: float = 25.0, size: tuple[int, int] = (256, 256), samples: int = 2
) -> tuple[U8, F32]:
    """(T, H, W, 3) RGB and (T, 18) AU intensities of this seed's clip. Raises KSError without assets or a driver.

    size: width and height in pixels. samples: per pixel side.
    """
    loaded = load_assets(assets)
    clip = clip_of(loaded, seed, frames, fps, size)
    with Renderer(loaded, *size, samples=samples) as renderer:
        drawn = list(draw(renderer, clip))
    return np.stack([image for image, _ in drawn]), np.stack([truth for _, truth in drawn])
