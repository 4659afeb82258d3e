"""The clips of each training step, as a function of seed and step number."""

from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import I64
from knowledge_spreader.clips.chosen_data import no_label
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import KSError


class Plan(NamedTuple):
    """The clips that this process reads for a step."""

    step: int
    epoch: int
    m: int  # position of the key frame
    labelled: I64  # (B,) rows of the frame index
    unlabelled: I64  # (B',) rows, possibly empty


class Schedule(NamedTuple):
    """Algorithm 1, lines 1, 2 and 6: the order of the clips and the position of the key frame, from the seed alone."""

    seed: int
    labelled: I64
    unlabelled: I64
    batch: int  # labelled clips per step, over all processes
    unlabelled_batch: int
    unlabelled_from: int  # first epoch with unlabelled clips; 0 = never
    n_frames: int
    key_shift: bool
    epoch_clips: int = 0  # labelled clips per epoch; 0 = each clip once
    plain_from: int = 1 << 30  # first epoch with only the flip as augmentation
    rank: int = 0
    world: int = 1

    @property
    def steps_per_epoch(self) -> int:
        return self._steps(self.epoch_clips or len(self.labelled))

    def _steps(self, clips: int) -> int:
        return max(1, -(-clips // self.batch))

    def plan(self, step: int) -> Plan:
        """The plan of a step, from 0. A short last batch is filled up from the start of the pass.

        An epoch is one pass over the labelled clips, unless epoch_clips sets its length.
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


def check_batch(config: TrainConfig, world: int) -> int:
    """The number of unlabelled clips per step. Raises KSError if a batch cannot be divided over the processes."""
    unlabelled_batch = round(config.batch * config.unlabelled_ratio)
    if config.batch % world or unlabelled_batch % world:
        raise KSError(
            f"{world} processes cannot share batches of {config.batch} + {unlabelled_batch} clips; "
            f"choose a multiple of {world}"
        )
    return unlabelled_batch


def make_schedule(config: TrainConfig, material: Material, rank: int, world: int) -> Schedule:
    """The schedule: labelled frames of the training subjects, and all others as unlabelled.

    Raises DataError if no frame is labelled, KSError if a batch cannot be divided over the processes.
    """
    labelled = material.labelled(material.split.train)
    if not len(labelled):
        raise no_label(config, material.split)
    unlabelled_batch = check_batch(config, world)
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
