"""The batch of a step of algorithm 1: labelled clips, unlabelled clips, and their random numbers."""

from typing import NamedTuple

from torch import Tensor

from knowledge_spreader.method.augment import Noise


class Clips(NamedTuple):
    """Some clips and the labels of their frames."""

    pictures: Tensor  # (B, N, H, W, 3) uint8
    truth: Tensor  # (B, N, U) int8, all labels of the data set; training may use only the key frames of labelled clips
    noise: Noise
    faster: Tensor | None  # (B, N, H, W, 3) uint8, every second frame: TCL's second speed
    prior: Tensor | None = None  # (U,) float32, positive rate of each AU in the labels of the budget


class Batch(NamedTuple):
    """The input of one step."""

    step: int
    epoch: int  # from 1
    m: int  # key-frame position
    labelled: Clips
    unlabelled: Clips | None

    @property
    def labels(self) -> Tensor:
        """(B, U) int8, the label of each labelled clip."""
        return self.labelled.truth[:, self.m]
