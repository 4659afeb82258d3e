"""The stages of a call on a GPU: copy in, compute, copy out."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from knowledge_spreader.arrays import U8


@dataclass(frozen=True, slots=True)
class Stages:
    """Times of one call, measured by events on the GPU's stream; work of the host before and after is not included.

    The call runs without a CUDA graph, so a stage includes the gaps in which the GPU waits for the next launch.
    """

    h2d_ms: float  # from pinned host memory to the GPU
    compute_ms: float
    d2h_ms: float  # from the GPU to pinned host memory

    def __add__(self, other: "Stages") -> "Stages":
        return Stages(self.h2d_ms + other.h2d_ms, self.compute_ms + other.compute_ms, self.d2h_ms + other.d2h_ms)


NO_TIME = Stages(0.0, 0.0, 0.0)


@runtime_checkable
class Staged(Protocol):
    """An engine on a GPU that can measure its stages."""

    def stages_ms(self, faces: U8) -> Stages:
        """The stages of one encode(faces). Raises ModelError on another shape or type."""
        ...
