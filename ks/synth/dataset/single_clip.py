"""One clip that stands alone: a video, and beside it the table of its intensities."""

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
    """Draws the clip and writes `video` and the CSV file of the same name, which it returns. fps: as the video says it.

    Both are there when all is drawn, or as they were before. Raises DataError when they cannot be written, before
    anything is drawn where the name is that of no video.
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
