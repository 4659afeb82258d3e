"""What one step of algorithm 1 learns from: labelled clips, unlabelled ones, and the noise on both."""

from typing import NamedTuple

from torch import Tensor

from knowledge_spreader.method.augment import Noise


class Clips(NamedTuple):
    """Some clips, with what is known of their frames."""

    pictures: Tensor  # (B, N, H, W, 3) uint8
    truth: Tensor  # (B, N, U) int8, whatever the data set knows; only the key frame of a labelled clip may be learned
    noise: Noise
    faster: Tensor | None  # (B, N, H, W, 3) uint8, every second frame: TCL's other speed
    prior: Tensor | None = None  # (U,) float32, each AU's share among the labels that may be learned


class Batch(NamedTuple):
    """What one step learns from."""

    step: int
    epoch: int  # from 1
    m: int  # key-frame position
    labelled: Clips
    unlabelled: Clips | None

    @property
    def labels(self) -> Tensor:
        """(B, U) int8, the one label of each labelled clip."""
        return self.labelled.truth[:, self.m]
