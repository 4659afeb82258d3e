"""One single clip: a video, and next to it a CSV file of its AU intensities."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.clip import Clip, draw
from knowledge_spreader.synth.dataset.drafts import drafts
from knowledge_spreader.synth.dataset.video_writer import write_intensities, write_video
from knowledge_spreader.synth.rendering.renderer import Renderer

SUFFIXES = (".mp4", ".mkv", ".mov")  # files that hold H.264


def write_clip(
    renderer: Renderer, clip: Clip, video: Path, fps: Fraction, sound: F32 | None = None, crf: int = 20
) -> Path:
    """Renders the clip to `video` and to a CSV file of the same name, and returns the path of the CSV file.

    sound: (n,) at SOUND_RATE. crf: x264's quality; lower is better. Both files are complete, or stay as they were.
    Raises DataError when they cannot be written, or (before drawing) when the suffix is not that of a video.
    """
    if video.suffix.lower() not in SUFFIXES:
        raise DataError(f"--out {video}: a clip is written as {', '.join(SUFFIXES)}; give the name of such a file")
    table = video.with_suffix(".csv")
    truth: list[F32] = []

    def frames() -> Iterator[U8]:
        for image, intensities in draw(renderer, clip):
            truth.append(intensities)
            yield image

    with drafts(table, video) as (table_draft, video_draft):
        write_video(video_draft, frames(), renderer.size, fps, sound, crf)
        write_intensities(table_draft, AUS, np.stack(truth), fps)
    return table
