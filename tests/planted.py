"""The planted data set, which can be learned in seconds: people drawn as patterns, with known AUs in every frame.

A person has a skin colour, a background texture and a face position; the face drifts and the light changes. Each AU is
a mark with its own shape and place. Its strength has onset, apex and offset, and it counts as present from half
strength. Two AUs share a place and differ in brightness and grain; two mostly occur together. All stay distinguishable
when training flips the clips and turns them by 45 degrees.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

AUS = (1, 4, 12, 25)
SIDE_PX = 32
TEXTURE = 40.0  # standard deviation of a person's texture before smoothing, grey levels
NOISE = 6.0  # standard deviation of the camera's noise, grey levels


@dataclass(frozen=True)
class Planted:
    """A planted data set on disk, and its true intensities."""

    manifest: Path
    intensity: dict[str, npt.NDArray[np.float64]]  # video name -> (T, U)


def write_planted(folder: Path, subjects: int = 9, videos_each: int = 2, frames: int = 100, seed: int = 0) -> Planted:
    """Writes image folders and manifest.csv with three subject-exclusive parts; every frame is labelled."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    truth: dict[str, npt.NDArray[np.float64]] = {}
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "subject", "frame", "part", *(f"AU{au}" for au in AUS)])
        for s in range(subjects):
            person = Person(rng)
            for v in range(videos_each):
                name = f"s{s:02d}_v{v}"
                truth[name] = courses(frames, rng)
                (folder / name).mkdir(exist_ok=True)
                for t, picture in enumerate(person.film(truth[name], rng)):
                    cv2.imwrite(str(folder / name / f"{t:05d}.png"), picture)
                    writer.writerow([name, f"s{s:02d}", t, s % 3 + 1, *(int(i >= 0.5) for i in truth[name][t])])
    return Planted(folder / "manifest.csv", truth)


def courses(frames: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(T, U) strengths from 0 to 1: a few smooth rises and falls per AU. AU 25 often occurs with AU 12."""
    t = np.arange(frames)
    strength = np.zeros((frames, len(AUS)))
    for u in range(len(AUS)):
        for _ in range(max(1, frames // 40)):
            apex, rise, hold = rng.uniform(0, frames), rng.uniform(3, 10), rng.uniform(2, 12)
            away = np.maximum(0, np.abs(t - apex) - hold)
            strength[:, u] = np.maximum(strength[:, u], rng.uniform(0.6, 1.0) * np.exp(-((away / rise) ** 2)))
    strength[:, 3] = np.maximum(strength[:, 3], 0.9 * strength[:, 2] * (rng.random() < 0.7))
    return strength


class Person:
    """The appearance of one subject, which a model must not mistake for an AU."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.skin = rng.uniform(70, 190, 3)
        self.texture = cv2.GaussianBlur(rng.normal(0, TEXTURE, (SIDE_PX, SIDE_PX, 3)), (0, 0), 1.5)
        self.gain = rng.uniform(0.7, 1.3, len(AUS))
        self.shift = rng.uniform(-2, 2, 2)

    def film(self, strength: npt.NDArray[np.float64], rng: np.random.Generator) -> list[npt.NDArray[np.uint8]]:
        """The pictures (T of (H, W, 3) uint8 BGR) of one video."""
        t = np.arange(len(strength))
        phase, period = rng.uniform(0, 6.28, 3), rng.uniform(30, 80, 3)
        drift = 1.5 * np.sin(6.28 * t[:, None] / period[:2] + phase[:2]) + self.shift
        light = 1 + 0.15 * np.sin(6.28 * t / period[2] + phase[2])
        pictures = []
        for i in t:
            picture = self.skin + self.texture + 70 * marks(strength[i] * self.gain, drift[i])[:, :, None]
            pictures.append(np.clip(light[i] * picture + rng.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8))
        return pictures


def marks(strength: npt.NDArray[np.float64], drift: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(H, W) sum of the AUs' marks: bright rings or a dark patch at the brow, corners or a dark spot at the mouth."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] - (SIDE_PX - 1) / 2
    x, y = x - drift[0], y - drift[1]

    def spot(cx: float, cy: float, width: float, height: float) -> npt.NDArray[np.float64]:
        return np.asarray(np.exp(-(((x - cx) / width) ** 2) - ((y - cy) / height) ** 2))

    brow = spot(0, -7, 6, 4)
    rings = brow * np.sin(1.5 * np.hypot(x, y + 7))
    shapes = [1.3 * rings, -brow, spot(-6, 6, 3, 2) + spot(6, 6, 3, 2), -1.3 * spot(0, 9, 3, 3)]
    return np.asarray(sum(s * shape for s, shape in zip(strength, shapes, strict=True)))


if __name__ == "__main__":  # python -m tests.planted FOLDER [PEOPLE]: the data sets of docs/results.md's tables
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    print(write_planted(Path(sys.argv[1]), subjects=24, videos_each=1, frames=80, seed=people).manifest)
