"""Engine: a compiled model behind one small contract, cut where time enters.

What depends on one frame is costly and can be batched over faces, cameras and time (`encode`); what depends on the
window is tiny (`predict`). Features cross as numpy, 1 to 9 kB a face, so that every backend is a page of code.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.errors import ModelError
from knowledge_spreader.spec import ModelSpec

_BACKBONE_WIDTH = {"resnet18": 512, "resnet18-half": 256, "resnet18-quarter": 128, "tiny": 64}


def feature_width(spec: ModelSpec) -> int:
    """C: how many numbers branch B keeps of a frame."""
    return len(spec.aus) * spec.token_width if spec.frame_pooling == "attention" else _BACKBONE_WIDTH[spec.backbone]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What depends on one frame only, for F faces."""

    o_a: F32  # (F, U) branch A's logits
    feature: F32  # (F, C) branch B's feature


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The answer for F faces."""

    probability: F32  # (F, U) of presence, from the mean of both branches' logits
    o_b: F32  # (F, U) branch B's logits; how far they are from o_a says how sure the model is
    in_order: F32  # (F,) > 0: the temporal teacher takes the window to be in its true order


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs a model, and why it was picked."""

    backend: str  # openvino, onnxruntime, torch, torch-cuda or tensorrt
    device: str  # in words
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
        """o_a (F, U) of the newest frame, window (F, N, C) of features, oldest first. Raises ModelError."""
        ...

    def close(self) -> None:
        """Frees what the engine holds; it cannot be used afterwards."""
        ...


def check_faces(faces: U8, spec: ModelSpec) -> None:
    """Raises ModelError unless faces are (F, side, side, 3) uint8 with F >= 1."""
    wanted = (spec.side_px, spec.side_px, 3)
    if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != wanted or not len(faces):
        raise ModelError(f"faces are uint8 (F, {wanted[0]}, {wanted[1]}, 3); got {faces.dtype} {faces.shape}")


def check_window(o_a: F32, window: F32, spec: ModelSpec) -> None:
    """Raises ModelError unless o_a is (F, U) and window (F, N, C), both float32."""
    wanted = (spec.n_frames, feature_width(spec))
    fits = o_a.ndim == 2 and o_a.shape[1] == len(spec.aus) and window.shape == (len(o_a), *wanted) and len(o_a)
    if not fits or o_a.dtype != np.float32 or window.dtype != np.float32:
        got = f"{o_a.dtype} {o_a.shape} and {window.dtype} {window.shape}"
        raise ModelError(
            f"a window is float32 o_a (F, {len(spec.aus)}) and features (F, {wanted[0]}, {wanted[1]}); got {got}"
        )
