"""What a precision costs: how far its answers lie from the reference, and how many decisions it turns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.base import Engine
from knowledge_spreader.metrics import confusion, mean_f1
from knowledge_spreader.spec import ModelSpec

# Largest difference of a probability from the fp32 reference that is still that precision. fp16 keeps 11 significant
# bits and bf16 8, and logits of some units pass some twenty layers. int8 has none: its flips are what decides.
TOLERANCE: Mapping[str, float] = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 1.0}
ALLOWED_FLIPS = 0.01
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Differences between the probabilities of two engines on the same frames."""

    frames: int
    max_difference: float
    mean_difference: float
    flips: float  # share of all decisions, an AU in a frame each, that fall otherwise
    f1_difference: float | None  # mean F1 of the other minus that of the reference; None without labels

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def answers(engine: Engine, runs: Sequence[U8]) -> F32:
    """Probabilities (T, U) of every frame of runs of consecutive crops (T_i, side, side, 3), each streamed afresh."""
    return np.concatenate([_stream(engine, run) for run in runs])


def _stream(engine: Engine, run: U8) -> F32:
    parts = [engine.encode(np.ascontiguousarray(run[i : i + _BATCH])) for i in range(0, len(run), _BATCH)]
    o_a, feature = np.concatenate([p.o_a for p in parts]), np.concatenate([p.feature for p in parts])
    n = engine.spec.n_frames
    rows = np.arange(len(run))[:, None] + np.arange(1 - n, 1)  # (T, N) oldest first
    window = feature[np.maximum(rows, 0)]  # a fresh face starts with its first feature repeated
    at_once = (slice(i, i + _BATCH) for i in range(0, len(run), _BATCH))
    return np.concatenate([engine.predict(o_a[part], window[part]).probability for part in at_once])


def cost(reference: F32, other: F32, spec: ModelSpec, labels: npt.NDArray[np.integer[Any]] | None = None) -> Cost:
    """reference and other (T, U) probabilities; labels (T, U) as in metrics, unknown ones masked."""
    thresholds = np.array(spec.thresholds or [0.5] * len(spec.aus))
    difference = np.abs(reference.astype(np.float64) - other)
    flips = (reference >= thresholds) != (other >= thresholds)
    f1_difference = None
    if labels is not None:
        scores = [mean_f1(confusion(p, labels, thresholds)) for p in (reference, other)]
        f1_difference = scores[1] - scores[0]
    return Cost(len(reference), float(difference.max()), float(difference.mean()), float(flips.mean()), f1_difference)
