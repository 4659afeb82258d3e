"""Reads the batches of the schedule in worker processes, ahead of the training step."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from knowledge_spreader.arrays import I32, I64
from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.clips.frame_index import FrameIndex
from knowledge_spreader.clips.schedule import Plan, Schedule
from knowledge_spreader.method.augment import Noise, draw_noise
from knowledge_spreader.method.batch import Batch, Clips
from knowledge_spreader.metrics import positive_rate


class ClipReader(Dataset[Batch]):
    """Maps a step to its batch. Used in the worker processes: it keeps the index in memory, and crops stay on disk."""

    def __init__(
        self,
        index: FrameIndex,
        crops: Sequence[VideoCrops],
        schedule: Schedule,
        token_width: int,
        dropout: float,
        two_speeds: bool = False,
        strong: bool = False,
        noise_share: float = 1.0,
    ) -> None:
        self.index, self.crops, self.schedule = index, crops, schedule
        self.strong, self.noise_share = strong, noise_share
        self.token_width, self.dropout, self.two_speeds = token_width, dropout, two_speeds
        self.prior = torch.from_numpy(np.nan_to_num(positive_rate(index.labels[schedule.labelled]))).float()

    def __getitem__(self, step: int) -> Batch:
        plan = self.schedule.plan(step)
        unlabelled = self._clips(plan, plan.unlabelled, 1) if len(plan.unlabelled) else None
        return Batch(plan.step, plan.epoch, plan.m, self._clips(plan, plan.labelled, 0), unlabelled)

    def _clips(self, plan: Plan, which: I64, kind: int) -> Clips:
        n = self.schedule.n_frames
        rows = self.index.clip_rows(which, plan.m, n)
        pictures = self._read(which, rows)
        offset = which[:, None] + (rows - self.index.row[which, None])  # the frames of a run are adjacent in the index
        clips, entropy = len(which) * self.schedule.world, (self.schedule.seed, plan.step, 2 + kind)
        noise = draw_noise(
            entropy,
            clips,
            n,
            self.token_width,
            self.dropout,
            self.strong,
        )
        if self.noise_share < 1:
            calm = np.random.default_rng([*entropy, 1]).random(clips) >= self.noise_share
            noise = noise._replace(view=noise.view.calmed(torch.from_numpy(calm)))
        if plan.epoch >= self.schedule.plain_from:
            noise = noise._replace(view=noise.view.weak(), second_view=noise.second_view.weak())
        faster = (
            self._read(which, self.index.clip_rows(which, plan.m, n, stride=2)) if self.two_speeds and kind else None
        )
        return Clips(pictures, torch.from_numpy(self.index.labels[offset]), self._my_noise(noise), faster, self.prior)

    def _read(self, which: I64, rows: I32) -> Tensor:
        """The crops of rows (B, N), in the videos of the key frames `which` (B,): (B, N, H, W, 3) uint8."""
        side_px = self.crops[0].side_px
        pictures = np.empty((*rows.shape, side_px, side_px, 3), np.uint8)
        for clip, v, r in zip(pictures, self.index.video[which], rows, strict=True):
            self.crops[v].read_into(r, clip)
        return torch.from_numpy(pictures)

    def _my_noise(self, noise: Noise) -> Noise:
        if self.schedule.world == 1:
            return noise
        size = len(noise.keep) // self.schedule.world
        mine = slice(self.schedule.rank * size, (self.schedule.rank + 1) * size)
        views = [type(view)(*(x[mine] for x in view)) for view in noise[:2]]
        return Noise(views[0], views[1], noise.keep[mine], noise.order[mine])


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on the device. Copies from pinned memory overlap with the previous step."""

    def move(x: Tensor) -> Tensor:
        return x.to(device, non_blocking=True)

    def clips(c: Clips) -> Clips:
        views = [type(view)(*map(move, view)) for view in c.noise[:2]]
        noise = Noise(views[0], views[1], move(c.noise.keep), move(c.noise.order))
        faster, prior = (None if x is None else move(x) for x in (c.faster, c.prior))
        return Clips(move(c.pictures), move(c.truth), noise, faster, prior)

    return batch._replace(labelled=clips(batch.labelled), unlabelled=batch.unlabelled and clips(batch.unlabelled))
