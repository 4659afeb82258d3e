"""Writes frames as H.264 video, with sound if there is any, and AU intensities as CSV."""

import csv
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.errors import DataError, one_line

SOUND_RATE = 44_100


def write_video(
    path: Path,
    frames: Iterable[U8],
    size: tuple[int, int],
    fps: Fraction,
    sound: F32 | None = None,
    crf: int = 20,
    preset: str = "slow",
) -> int:
    """Writes (H, W, 3) RGB frames as yuv420p, and sound (n,) at SOUND_RATE as AAC. Returns the number of frames.

    size: width and height in pixels. crf: x264's quality; lower is better. preset: x264's trade of time for file size.
    Raises DataError when the file cannot be written.
    """
    count = 0
    try:
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            video = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": preset})
            video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
            audio = (
                None if sound is None else container.add_stream("aac", rate=SOUND_RATE, layout="mono", bit_rate=64_000)
            )
            for image in frames:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = count, 1 / fps
                container.mux(video.encode(frame))
                count += 1
            container.mux(video.encode(None))
            if audio is not None and sound is not None:
                wave = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
                wave.sample_rate, wave.pts, wave.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
                container.mux(audio.encode(wave))
                container.mux(audio.encode(None))
    except (OSError, av.FFmpegError) as exc:
        raise DataError(
            f"{path.parent}: the video cannot be written ({one_line(exc)}); free some space or give another --out"
        ) from exc
    return count


def write_intensities(path: Path, aus: Sequence[int], intensities: F32, fps: Fraction) -> None:
    """Writes a CSV file: frame, timestamp in seconds, and the intensity (0 to 1) of each AU. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["frame", "timestamp", *(f"AU{au:02d}" for au in aus)])
        for t, row in enumerate(intensities):
            rows.writerow([t, f"{float(t / fps):.3f}", *(f"{x:.3f}" for x in row)])
