"""Engine: the protocol of all backends. The model is cut into a part per frame and a part per window.

`encode` depends on one frame; it is expensive and can be batched over faces, cameras and time. `predict` depends on the
window and is cheap. Features are passed as numpy arrays, 1 to 9 kB per face, which keeps each backend short.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.errors import ModelError
from knowledge_spreader.spec import ModelSpec

_BACKBONE_WIDTH = {"resnet18": 512, "resnet18-half": 256, "resnet18-quarter": 128, "tiny": 64}


def feature_width(spec: ModelSpec) -> int:
    """C: the number of features of branch B per frame."""
    return len(spec.aus) * spec.token_width if spec.frame_pooling == "attention" else _BACKBONE_WIDTH[spec.backbone]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The part of the model that depends on one frame only, for F faces."""

    o_a: F32  # (F, U) branch A's logits
    feature: F32  # (F, C) branch B's feature


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The predictions for F faces."""

    probability: F32  # (F, U) of presence, from the mean of both branches' logits
    o_b: F32  # (F, U) branch B's logits; a large difference from o_a means that the model is unsure
    in_order: F32  # (F,) logit, > 0: the temporal teacher takes the window to be in its true order


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend of an engine, and why it was chosen."""

    backend: str  # openvino, onnxruntime, torch, torch-cuda or tensorrt
    device: str  # description of the CPU or GPU
    precision: str  # fp32, bf16, fp16 or int8
    version: str  # of the backend
    why: str

    def __str__(self) -> str:
        return f"{self.backend} {self.version}, {self.precision}, on {self.device}: {self.why}"


class Engine(Protocol):
    """A model ready to run. Not thread-safe: one engine, one thread."""

    spec: ModelSpec
    choice: Choice

    def encode(self, faces: U8) -> Encoded:
        """faces (F, side, side, 3) uint8 RGB, F >= 1. Raises ModelError on another shape or type."""
        ...

    def predict(self, o_a: F32, window: F32) -> Prediction:
        """o_a (F, U) of the newest frame, window (F, N, C) of features, oldest first, both float32.

        Raises ModelError on another shape or type.
        """
        ...

    def close(self) -> None:
        """Frees the engine's resources; it cannot be used afterwards."""
        ...


def check_faces(faces: U8, spec: ModelSpec) -> None:
    """Raises ModelError unless faces are (F, side, side, 3) uint8 with F >= 1."""
    wanted = (spec.side_px, spec.side_px, 3)
    if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != wanted or not len(faces):
        raise ModelError(f"faces must be uint8 (F, {wanted[0]}, {wanted[1]}, 3); got {faces.dtype} {faces.shape}")


def check_window(o_a: F32, window: F32, spec: ModelSpec) -> None:
    """Raises ModelError unless o_a is (F, U) and window (F, N, C), both float32."""
    wanted = (spec.n_frames, feature_width(spec))
    fits = o_a.ndim == 2 and o_a.shape[1] == len(spec.aus) and window.shape == (len(o_a), *wanted) and len(o_a)
    if not fits or o_a.dtype != np.float32 or window.dtype != np.float32:
        got = f"{o_a.dtype} {o_a.shape} and {window.dtype} {window.shape}"
        raise ModelError(
            f"o_a and window must be float32 (F, {len(spec.aus)}) and (F, {wanted[0]}, {wanted[1]}); got {got}"
        )
