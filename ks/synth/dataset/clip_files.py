"""Renders one clip of a data set to its files: a video or pictures, and the labels of each frame.

Files are written as drafts and renamed when both are complete, the labels first. So a clip whose video is there is
complete; after an interruption the others are made again.
"""

import csv
import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.opencv import cv2
from knowledge_spreader.synth.assets.library import load_assets
from knowledge_spreader.synth.au_recipes import AUS, SIDED
from knowledge_spreader.synth.dataset.clip import Clip, Shot, clip_of, shots
from knowledge_spreader.synth.dataset.drafts import drafts
from knowledge_spreader.synth.dataset.plan import Plan, Take
from knowledge_spreader.synth.dataset.video_writer import write_video
from knowledge_spreader.synth.motion.mocap import captures
from knowledge_spreader.synth.motion.scripts import script
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.scene import Scene
from knowledge_spreader.synth.rendering.sensor import Sensor

VIDEOS, TRUTH = "videos", "truth"
_CRF, _PRESET = 15, "veryfast"  # x264: high quality, fast
_JPEG = 95
_NEARER = 1.25
_FEWEST_PX = 96  # lowest resolution of a sensor, per side
_SLOWEST_FPS = 10  # below this there is no motion blur: frames are single pictures
TRUTH_HEADER = (
    *("frame", "timestamp", *(f"AU{au:02d}" for au in AUS), *(f"AU{au:02d}_c" for au in AUS)),
    *(f"AU{au:02d}{side}" for au in SIDED for side in "LR"),
)
_SIDED = [AUS.index(au) for au in SIDED]


def video_path(out: Path, plan: Plan, take: Take) -> Path:
    """Where the clip's video, or its folder of pictures, goes."""
    return out / VIDEOS / (f"{take.name}.mp4" if plan.frames_as == "mp4" else take.name)


def truth_path(out: Path, take: Take) -> Path:
    return out / TRUTH / f"{take.name}.csv"


def finished(out: Path, plan: Plan, take: Take) -> bool:
    return video_path(out, plan, take).exists() and truth_path(out, take).exists()


class Studio:
    """Renders clips one after the other. Raises KSError without assets or a graphics context."""

    def __init__(self, assets: Path, plan: Plan, out: Path) -> None:
        self._assets, self._plan, self._out = load_assets(assets), plan, out
        recordings = assets / "mocap"
        self._captures = captures(recordings) if recordings.is_dir() else []
        size = (plan.size_px, plan.size_px)
        self._renderer = Renderer(self._assets, *size, samples=plan.samples, shadow_px=plan.shadow_px)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._renderer.__exit__(*exc)

    def film(self, take: Take, told: Callable[[], None] = lambda: None) -> None:
        """Writes the files of one clip; calls told() after each frame. Raises DataError if they cannot be written."""
        video, truth = video_path(self._out, self._plan, take), truth_path(self._out, take)
        rows: list[Shot] = []

        def images() -> Iterator[U8]:
            for shot in shots(self._renderer, self._clip(take)):
                rows.append(shot)
                told()
                yield shot.image

        with drafts(truth, video) as (truth_draft, video_draft):
            if self._plan.frames_as == "mp4":
                size = (self._plan.size_px, self._plan.size_px)
                write_video(video_draft, images(), size, Fraction(self._plan.fps), crf=_CRF, preset=_PRESET)
            else:
                _write_pictures(video_draft, images())
            _write_truth(truth_draft, rows, Fraction(self._plan.fps))

    def _clip(self, take: Take) -> Clip:
        plan = self._plan
        fps = float(Fraction(plan.fps))
        does = script(take.kind, take.seed, plan.frames, fps, self._captures)
        size = (plan.size_px, plan.size_px)
        clip = clip_of(self._assets, take.seed, plan.frames, fps, size, person=take.person, performance=does)
        assert clip.sensor is not None
        sensor = _fitting(clip.sensor, plan.size_px)
        if fps < _SLOWEST_FPS:
            sensor = dataclasses.replace(sensor, shutter=0.0)
        return dataclasses.replace(clip, scene=_nearer(clip.scene), sensor=sensor)


def _nearer(scene: Scene) -> Scene:
    """The scene with a larger face: the face crop keeps two thirds of the drawn pixels, not one third."""
    face = float(np.clip(_NEARER * scene.camera.face, 0.52, 0.72))  # larger ones leave the picture when they turn
    return dataclasses.replace(scene, camera=dataclasses.replace(scene.camera, face=face))


def _fitting(sensor: Sensor, size_px: int) -> Sensor:
    """The same faults at this picture size (sensor_of assumes 256 pixels), limited so that the face stays readable."""
    blur_px = min(sensor.blur_px, 1.6) * size_px / 256
    return dataclasses.replace(sensor, blur_px=blur_px, scale=min(1.0, max(sensor.scale, _FEWEST_PX / size_px)))


def _write_pictures(folder: Path, images: Iterator[U8]) -> None:
    folder.mkdir()
    for t, image in enumerate(images):
        ok, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
        assert ok
        (folder / f"{t:06}.jpg").write_bytes(packed.tobytes())


def _write_truth(path: Path, rows: list[Shot], fps: Fraction) -> None:
    """Columns: frame, timestamp in seconds, intensities AU01 .. (0 to 1), occurrence AU01_c .. (1, 0 or blank).

    Then intensities of the person's left and right side, AU01L, AU01R .. (0 to 1).
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(TRUTH_HEADER)
        for t, shot in enumerate(rows):
            present = ("" if x < 0 else int(x) for x in shot.present)
            sides = (f"{x:.3f}" for x in shot.sides[_SIDED].ravel())
            table.writerow([t, f"{float(t / fps):.3f}", *(f"{x:.3f}" for x in shot.intensities), *present, *sides])
