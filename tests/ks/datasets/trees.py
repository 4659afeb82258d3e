"""Writes small data sets to disk, in the layouts of BP4D, DISFA and others."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

Rows = Sequence[Sequence[object]]


def plant_images(folder: Path, names: Iterable[str]) -> Path:
    """Writes black pictures of 8 x 8 px with these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imencode(Path(name).suffix, np.zeros((8, 8, 3), np.uint8))[1].tofile(folder / name)
    return folder


def plant_names(folder: Path, names: Iterable[str]) -> Path:
    """Writes empty files. They suffice for loaders, which open no picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def plant_table(path: Path, header: Sequence[object], rows: Rows, newline: str = "\n", delimiter: str = ",") -> Path:
    """Writes a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [delimiter.join(map(str, row)) for row in (header, *rows)]
    path.write_bytes(newline.join([*lines, ""]).encode())
    return path


def plant_occ(
    root: Path,
    recording: str,
    header: Sequence[object],
    rows: Rows,
    images: Iterable[str] | None = None,
    labels: str = "AUCoding/AU_OCC",
    sequences: str = "Sequences(2D+3D)",
) -> None:
    """Writes a recording in BP4D's layout, such as "F001_T1". Without `images`, one per row, numbers not padded."""
    subject, task = recording.split("_")
    plant_table(root / labels / f"{recording}.csv", header, rows)
    names = [f"{row[0]}.jpg" for row in rows] if images is None else images
    plant_names(root / sequences / subject / task, names)


def plant_disfa_labels(root: Path, subject: str, intensities: Mapping[int, Sequence[int]], upper: str = "") -> None:
    """Writes DISFA's label files of one subject. intensities: AU -> intensity of frames 1, 2, ..."""
    folder = root / (upper or "ActionUnit_Labels") / subject
    folder.mkdir(parents=True, exist_ok=True)
    for au, values in intensities.items():
        text = "".join(f"{frame},{value}\n" for frame, value in enumerate(values, 1))
        (folder / f"{subject}_au{au}.txt").write_text(text)


def plant_video(path: Path, n: int, fps: int = 20) -> Path:
    """Writes a video of n grey pictures of 16 x 16 px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        for i in range(n):
            picture = np.full((16, 16, 3), i % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
