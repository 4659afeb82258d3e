"""Which clips each step of a run sees: a function of the seed and the step."""

from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import I64
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError, KSError


class Plan(NamedTuple):
    """Which clips this process reads for a step."""

    step: int
    epoch: int
    m: int
    labelled: I64  # (B,) rows of the frame index
    unlabelled: I64  # (B',) maybe none


class Schedule(NamedTuple):
    """Algorithm 1, lines 1, 2 and 6: the order of the clips and the place of the key frame, from the seed alone."""

    seed: int
    labelled: I64
    unlabelled: I64
    batch: int  # clips with a label per step, over all processes
    unlabelled_batch: int
    unlabelled_from: int  # epoch from which clips without a label come along; 0 = never
    n_frames: int
    key_shift: bool
    epoch_clips: int = 0  # how many clips with a label an epoch is long; 0 = each one once
    plain_from: int = 1 << 30  # epoch from which clips are seen without noise, but for the flip
    rank: int = 0
    world: int = 1

    @property
    def steps_per_epoch(self) -> int:
        return self._steps(self.epoch_clips or len(self.labelled))

    def _steps(self, clips: int) -> int:
        return max(1, -(-clips // self.batch))

    def plan(self, step: int) -> Plan:
        """The plan of a step counted from 0. Short last batches are filled from the start of the pass's order.

        A pass over the labelled clips and an epoch are the same unless epoch_clips says how long the epoch is.
        """
        epoch = step // self.steps_per_epoch
        turn, i = divmod(step, self._steps(len(self.labelled)))
        order = np.random.default_rng([self.seed, turn, 0]).permutation(self.labelled)
        labelled = self._share(np.take(order, range(i * self.batch, (i + 1) * self.batch), mode="wrap"))
        unlabelled = np.empty(0, np.int64)
        if (
            self.unlabelled_from
            and epoch + 1 >= self.unlabelled_from
            and self.unlabelled_batch
            and len(self.unlabelled)
        ):
            rng = np.random.default_rng([self.seed, step, 1])
            unlabelled = self._share(rng.choice(self.unlabelled, self.unlabelled_batch))
        m = step % self.n_frames if self.key_shift else self.n_frames - 1
        return Plan(step, epoch + 1, m, labelled, unlabelled)

    def _share(self, clips: I64) -> I64:
        size = len(clips) // self.world
        return clips[self.rank * size : (self.rank + 1) * size]


def make_schedule(config: TrainConfig, material: Material, rank: int, world: int) -> Schedule:
    """Which frames of the training subjects are clips with a label, and which without.

    Raises DataError when nothing is labelled, KSError when a batch cannot be divided over the processes.
    """
    labelled = material.labelled(material.split.train)
    if not len(labelled):
        raise DataError(
            f"no label among the {len(material.split.train)} training subjects of fold {config.fold}; "
            "use more --labels or another list"
        )
    unlabelled_batch = round(config.batch * config.unlabelled_ratio)
    if config.batch % world or unlabelled_batch % world:
        raise KSError(
            f"{world} processes cannot share batches of {config.batch} + {unlabelled_batch} clips; "
            f"choose a multiple of {world}"
        )
    start = config.unlabelled_from if config.method == "ks" else int(config.method not in ("supervised", "frames"))
    return Schedule(
        seed=config.seed,
        labelled=labelled,
        unlabelled=np.setdiff1d(np.flatnonzero(material.frames_of(material.split.train)), labelled),
        batch=config.batch,
        unlabelled_batch=unlabelled_batch,
        unlabelled_from=start,
        n_frames=1 if config.method == "frames" else config.n_frames,
        key_shift=config.key_shift,
        epoch_clips=config.epoch_clips,
        plain_from=config.epochs - config.plain_epochs + 1,
        rank=rank,
        world=world,
    )
