"""Small videos of noise, and their crops."""

from pathlib import Path

import cv2
import numpy as np

import knowledge_spreader.clips.crop_videos
from knowledge_spreader.clips.crop_videos import crop_videos
from knowledge_spreader.datasets.types import Video

SIDE = 32


def video(source, pictures, frames=None, name=None):
    pictures = np.asarray(pictures, np.int32)
    frames = pictures if frames is None else np.asarray(frames, np.int32)
    return Video(name or source.name, "S1", source, frames, pictures, np.zeros((len(frames), 2), np.int8))


def folder_of_images(path, n=6, side=48, seed=0):
    """Writes a folder of n lossless square pictures of noise."""
    path.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        cv2.imwrite(str(path / f"{i:04d}.png"), rng.integers(0, 256, (side, side, 3), np.uint8))
    return path


def make(videos, folder, *, side_px=SIDE, aligned=True, fps=25.0, workers=0, face_model="", progress=False):
    return crop_videos(
        videos, folder, side_px, aligned=aligned, face_model=face_model, fps=fps, workers=workers, progress=progress
    )


def finished(folder):
    """The names of the finished cache entries."""
    return {p.name for p in folder.glob("*") if p.is_dir() and "tmp" not in p.name}


def contents(folder):
    """The bytes of all files below a folder, by name, to compare two folders."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def faceless(monkeypatch):
    """Replaces the face finder by one that finds no face. The model's path serves as its checksum."""
    fake_finder(monkeypatch, lambda picture, near: [])


def fake_finder(monkeypatch, find):
    class Fake:
        def __init__(self, model, runtime):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def find(self, picture, near=None):
            return find(picture, near)

    monkeypatch.setattr(knowledge_spreader.clips.crop_videos, "FaceDetector", Fake)
    found = lambda path, runtime: Path(path or "model")  # noqa: E731
    monkeypatch.setattr(knowledge_spreader.clips.crop_videos, "find_face_model", found)
    monkeypatch.setattr(knowledge_spreader.clips.crop_videos, "model_identity", str)
