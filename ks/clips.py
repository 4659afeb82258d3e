"""Which frames are labelled, which frames make a clip, and the noise that all frames of a clip share."""

import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ks.datasets.types import I8, I32, UNKNOWN, Video
from ks.errors import DataError
from ks.strong_noise import STRONG_ANGLE_DEG, UNTOUCHED, draw_extra, placed, spoil

I64 = npt.NDArray[np.int64]
LabelList = dict[str, I32]  # video name -> frame numbers whose labels may be used


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """The usable frames of some videos, one row each, ready to be looked up by clip.

    A run is a stretch of frames without a gap in their numbers and with a face in each; clips stay inside it.
    """

    video: I32  # (F,) index of the video
    row: I32  # (F,) row in that video's crops
    run_start: I32  # (F,) first row of the run
    run_end: I32  # (F,) one past its last row
    labels: I8  # (F, U) 1, 0 and UNKNOWN

    def __len__(self) -> int:
        return len(self.video)

    def clip_rows(self, which: I64, key_position: int, n_frames: int, stride: int = 1) -> I32:
        """Rows of the clips whose key frames are `which` (B,), at position m: (B, N). Borders repeat the edge frame."""
        steps = stride * (np.arange(n_frames, dtype=np.int32) - key_position)
        rows = self.row[which, None] + steps
        clips: I32 = np.clip(rows, self.run_start[which, None], self.run_end[which, None] - 1)
        return clips


def index_frames(videos: Sequence[Video], found: Sequence[npt.NDArray[np.bool_]], n_frames: int) -> FrameIndex:
    """All frames of the videos that have a face. Raises DataError on a video with fewer frames than a clip."""
    columns: list[tuple[I32, I32, I32, I32, I8]] = []
    for i, (video, has_face) in enumerate(zip(videos, found, strict=True)):
        if len(video.frames) < n_frames:
            raise DataError(
                f"{video.name} has {len(video.frames)} frames, a clip needs {n_frames}; leave it out or use --frames 2"
            )
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
        raise DataError(
            "no frame with a face was found in any video; look at no_face.csv in the cache, or use --aligned"
        )
    video_column, row, run_start, run_end, labels = (np.concatenate(column) for column in zip(*columns, strict=True))
    return FrameIndex(video_column, row, run_start.astype(np.int32), run_end.astype(np.int32), labels)


def choose_labels(videos: Sequence[Video], share: float, scheme: str, seed: int) -> LabelList:
    """A label budget (section 4.4): one label every k = round(1 / share) frames inside each video.

    scheme "sparse" spreads them, starting at a random frame below k; "consecutive" takes as many in one run (figure 5).
    Frames without any known label do not count. A video with fewer than k frames gets its one label with probability
    frames / k, so that the budget holds on the whole.
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
    """CSV text: video,frame."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("video", "frame"))
    writer.writerows((name, int(frame)) for name in sorted(labels) for frame in labels[name])
    return text.getvalue()


def read_labels(path: Path) -> LabelList:
    """Inverse of write_labels. Raises DataError on another file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        frames: dict[str, list[int]] = {}
        for row in rows:
            frames.setdefault(row["video"], []).append(int(row["frame"]))
    except (OSError, KeyError, ValueError, TypeError, UnicodeDecodeError) as exc:
        raise DataError(
            f"{path} should be a CSV with the columns video and frame ({type(exc).__name__}: {exc})"
        ) from exc
    return {name: np.unique(np.asarray(numbers, np.int32)) for name, numbers in frames.items()}


def labelled_mask(index: FrameIndex, videos: Sequence[Video], labels: LabelList) -> npt.NDArray[np.bool_]:
    """(F,) whether a frame's label may be used: it is listed and something is known. Unknown videos are ignored."""
    mask = np.zeros(len(index), bool)
    for i, video in enumerate(videos):
        mine = index.video == i
        mask[mine] = np.isin(video.frames[index.row[mine]], labels.get(video.name, ()))
    known: npt.NDArray[np.bool_] = (index.labels != UNKNOWN).any(1)
    return mask & known


class Augmentation(NamedTuple):
    """One change per clip, the same for its frames (section 6.4); each (B,) float32 where nothing else is said."""

    angle_deg: Tensor
    flip: Tensor  # 1 or 0
    brightness: Tensor  # factors around 1
    contrast: Tensor
    saturation: Tensor
    extra: Tensor  # (B, E) what only the strong noise changes, in the order of ks.strong_noise; (B, 0): nothing

    def weak(self) -> "Augmentation":
        """Only the flip: FixMatch's weak view."""
        one = torch.ones_like(self.angle_deg)
        return Augmentation(torch.zeros_like(self.angle_deg), self.flip, one, one, one, self.extra[:, :0])

    def calmed(self, which: Tensor) -> "Augmentation":
        """Only the flip for the clips `which` (B,) bool; the others as they are."""
        untouched = self.extra.new_tensor(UNTOUCHED[: self.extra.shape[1]])
        return Augmentation(
            angle_deg=self.angle_deg.masked_fill(which, 0.0),
            flip=self.flip,
            brightness=self.brightness.masked_fill(which, 1.0),
            contrast=self.contrast.masked_fill(which, 1.0),
            saturation=self.saturation.masked_fill(which, 1.0),
            extra=torch.where(which[:, None], untouched, self.extra),
        )


class Noise(NamedTuple):
    """All that is random in a step for one set of clips. A function of seed and step alone: a resumed run, and one that
    is split over processes, sees the same."""

    view: Augmentation
    second_view: Augmentation  # another draw, for methods with two noisy views
    keep: Tensor  # (B, N, D) float32 dropout mask, scaled by 1 / (1 - p)
    order: Tensor  # (B, N) int64 a permutation, never the identity


MAX_ANGLE_DEG = 45.0  # section 6.4
JITTER = 0.4  # brightness, contrast and saturation factors in 1 +- 0.4; the paper gives no range, chosen


def draw_noise(
    entropy: Sequence[int], clips: int, n_frames: int, token_width: int, dropout: float, strong: bool = False
) -> Noise:
    """Noise for a global batch of clips; entropy is (seed, step, which set)."""
    rng = np.random.default_rng(list(entropy))
    views = [_draw_view(rng, clips, strong), _draw_view(rng, clips, strong)]
    keep = (rng.random((clips, n_frames, token_width), np.float32) >= dropout).astype(np.float32) / (1 - dropout)
    order = rng.permuted(np.tile(np.arange(n_frames), (clips, 1)), axis=1)
    still = (order == np.arange(n_frames)).all(1)
    order[still] = np.roll(order[still], 1, axis=1)
    return Noise(views[0], views[1], torch.from_numpy(keep), torch.from_numpy(order))


def _draw_view(rng: np.random.Generator, clips: int, strong: bool) -> Augmentation:
    angle = rng.uniform(-MAX_ANGLE_DEG, MAX_ANGLE_DEG, clips)
    flip = rng.integers(0, 2, clips)
    factors = rng.uniform(1 - JITTER, 1 + JITTER, (3, clips))
    extra = np.empty((clips, 0))
    if strong:
        angle *= STRONG_ANGLE_DEG / MAX_ANGLE_DEG
        extra = draw_extra(rng, clips)
    return Augmentation(*(torch.from_numpy(np.asarray(a, np.float32)) for a in (angle, flip, *factors, extra)))


def no_augmentation(clips: int) -> Augmentation:
    """The view that changes nothing."""
    zero, one = torch.zeros(clips), torch.ones(clips)
    return Augmentation(zero, zero, one, one, one, torch.zeros(clips, 0))


LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as torchvision's rgb_to_grayscale


def augment(clip: Tensor, view: Augmentation) -> Tensor:
    """Rotate, flip and jitter the colours of each clip: uint8 (B, N, H, W, 3) -> the same.

    Done on the batch where it lies, so that a GPU's clips cost the loading processes nothing. Factors mean what they
    mean in torchvision's adjust_brightness, adjust_contrast (mean of the frame's luma) and adjust_saturation.
    """
    b, n, h, w, _ = clip.shape
    x = clip.permute(0, 1, 4, 2, 3).reshape(b, n * 3, h, w).float()
    x = _rotate_and_flip(x, view).view(b, n, 3, h, w)
    factor = [f.to(x.device).view(b, 1, 1, 1, 1) for f in (view.brightness, view.contrast, view.saturation)]
    luma = x.new_tensor(LUMA).view(3, 1, 1)
    x = (x * factor[0]).clamp(0, 255)
    mean = (x * luma).sum(2, keepdim=True).mean((3, 4), keepdim=True)
    x = (mean + (x - mean) * factor[1]).clamp(0, 255)
    grey = (x * luma).sum(2, keepdim=True)
    x = (grey + (x - grey) * factor[2]).clamp(0, 255)
    if view.extra.shape[1]:
        x = spoil(x, view.extra.to(x.device))
    return x.round().to(torch.uint8).permute(0, 1, 3, 4, 2)


def _rotate_and_flip(x: Tensor, view: Augmentation) -> Tensor:
    """(B, C, H, W) float; corners that come from outside repeat the border, as a real crop has no black corners."""
    angle = torch.deg2rad(view.angle_deg.to(x.device))
    mirror = 1 - 2 * view.flip.to(x.device)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([torch.stack([mirror * cos, -mirror * sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    if view.extra.shape[1]:
        theta = placed(theta, view.extra.to(x.device))
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
