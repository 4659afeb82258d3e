"""The label budget: which labels may be used, as a share of each video's frames or from a file."""

import csv
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I32, Bools
from knowledge_spreader.clips.frame_index import FrameIndex
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.spec import UNKNOWN

LabelList = dict[str, I32]  # video name -> frame numbers whose labels may be used


def choose_labels(videos: Sequence[Video], share: float, scheme: str, seed: int) -> LabelList:
    """A label budget (section 4.4): one label every k = round(1 / share) frames inside each video.

    scheme "sparse": every k-th frame from a random start below k; "consecutive": as many in one run (figure 5). Frames
    without a known label are skipped. A video with fewer than k frames gets one label with probability frames / k, so
    that the budget holds on average.
    """
    k = max(1, round(1 / share))
    chosen: LabelList = {}
    for video in videos:
        known = video.frames[(video.labels != UNKNOWN).any(1)]
        rng = np.random.default_rng([seed, zlib.crc32(video.name.encode())])
        sparse = known[int(rng.integers(k)) :: k]
        if scheme == "consecutive" and len(sparse):
            start = int(rng.integers(len(known) - len(sparse) + 1))
            chosen[video.name] = known[start : start + len(sparse)]
        else:
            chosen[video.name] = sparse
    return chosen


def write_labels(labels: LabelList) -> str:
    """CSV text with columns video and frame."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("video", "frame"))
    writer.writerows((name, int(frame)) for name in sorted(labels) for frame in labels[name])
    return text.getvalue()


def read_labels(path: Path) -> LabelList:
    """Inverse of write_labels. Raises DataError if the file is not such a CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"--label-list {path} cannot be read ({one_line(exc)}); give a CSV of video,frame") from exc
    frames: dict[str, list[int]] = {}
    for line, row in enumerate(rows, 2):
        try:
            frames.setdefault(row["video"], []).append(int(np.int32(int(row["frame"]))))
        except (KeyError, ValueError, TypeError, OverflowError) as exc:
            raise DataError(
                f"--label-list {path} must be a CSV with the columns video and frame; line {line} is not "
                f"({type(exc).__name__}: {one_line(exc)})"
            ) from exc
    return {name: np.unique(np.asarray(numbers, np.int32)) for name, numbers in frames.items()}


def labelled_mask(index: FrameIndex, videos: Sequence[Video], labels: LabelList) -> Bools:
    """(F,) whether a frame is listed and has a known label. Videos that are not in the index are ignored."""
    mask = np.zeros(len(index), bool)
    for i, video in enumerate(videos):
        mine = index.video == i
        mask[mine] = np.isin(video.frames[index.row[mine]], labels.get(video.name, ()))
    known: Bools = (index.labels != UNKNOWN).any(1)
    return mask & known
