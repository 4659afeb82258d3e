"""Where the time of a call on a GPU goes: copies in, computing, copies out."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from knowledge_spreader.arrays import U8


@dataclass(frozen=True, slots=True)
class Stages:
    """One call, told apart by events on the GPU's stream; what the host does before and after is not in it.

    It runs without a CUDA graph, so a stage also holds the gaps in which the GPU waits for the host's next launch.
    """

    h2d_ms: float  # pinned host memory to the GPU
    compute_ms: float
    d2h_ms: float  # and back

    def __add__(self, other: "Stages") -> "Stages":
        return Stages(self.h2d_ms + other.h2d_ms, self.compute_ms + other.compute_ms, self.d2h_ms + other.d2h_ms)


NO_TIME = Stages(0.0, 0.0, 0.0)


@runtime_checkable
class Staged(Protocol):
    """An engine on a GPU that can tell its stages apart."""

    def stages_ms(self, faces: U8) -> Stages:
        """Of one encode(faces). Raises ModelError on another shape or type."""
        ...
