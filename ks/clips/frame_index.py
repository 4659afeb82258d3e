"""FrameIndex: all usable frames of a data set in one order, so that a clip is a list of row numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import I8, I32, I64, Bools
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """The usable frames of some videos, one row each.

    A run is a sequence of frames with consecutive numbers and a face in each. Clips stay inside a run.
    """

    video: I32  # (F,) index of the video
    row: I32  # (F,) row in that video's crops
    run_start: I32  # (F,) first row of the run
    run_end: I32  # (F,) last row of the run + 1
    labels: I8  # (F, U) 1, 0 and UNKNOWN

    def __len__(self) -> int:
        return len(self.video)

    def clip_rows(self, which: I64, key_position: int, n_frames: int, stride: int = 1) -> I32:
        """Rows of the clips with key frames `which` (B,) at key_position: (B, N). Edge frames repeat."""
        steps = stride * (np.arange(n_frames, dtype=np.int32) - key_position)
        rows = self.row[which, None] + steps
        clips: I32 = np.clip(rows, self.run_start[which, None], self.run_end[which, None] - 1)
        return clips


def check_lengths(videos: Sequence[Video], n_frames: int) -> None:
    """Raises DataError if a video has fewer frames than a clip."""
    for video in videos:
        if len(video.frames) < n_frames:
            raise DataError(
                f"{video.name} has {len(video.frames)} frames, a clip needs {n_frames}; remove it or lower --n-frames"
            )


def index_frames(videos: Sequence[Video], found: Sequence[Bools], n_frames: int) -> FrameIndex:
    """All frames with a face. Raises DataError if a video has fewer frames than a clip, or if no frame has a face."""
    check_lengths(videos, n_frames)
    columns: list[tuple[I32, I32, I32, I32, I8]] = []
    for i, (video, has_face) in enumerate(zip(videos, found, strict=True)):
        rows = np.flatnonzero(has_face).astype(np.int32)
        if not len(rows):
            continue
        breaks = np.flatnonzero(np.diff(video.frames[rows]) > 1) + 1
        starts, ends = np.r_[0, breaks], np.r_[breaks, len(rows)]
        lengths = ends - starts
        run_start = np.repeat(rows[starts], lengths)
        columns.append(
            (
                np.full(len(rows), i, np.int32),
                rows,
                run_start,
                np.repeat(rows[ends - 1] + 1, lengths),
                video.labels[rows],
            )
        )
    if not columns:
        raise DataError("no face was found in any video; see no_face.csv in the cache, or use --aligned")
    video_column, row, run_start, run_end, labels = (np.concatenate(column) for column in zip(*columns, strict=True))
    return FrameIndex(video_column, row, run_start.astype(np.int32), run_end.astype(np.int32), labels)
