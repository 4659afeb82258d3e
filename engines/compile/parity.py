"""Measures a precision: its difference from the fp32 reference, and the share of decisions that change."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.base import Engine
from knowledge_spreader.metrics import confusion, mean_f1
from knowledge_spreader.spec import ModelSpec

# Largest allowed difference of a probability from the fp32 reference. fp16 keeps 11 significant bits and bf16 8, over
# about twenty layers and logits of a few units. int8 has no limit here; it is accepted by its share of flips.
TOLERANCE: Mapping[str, float] = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 1.0}
ALLOWED_FLIPS = 0.01
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Differences between the probabilities of two engines on the same frames."""

    frames: int
    max_difference: float
    mean_difference: float
    flips: float  # share of decisions (one per AU and frame) that change
    f1_difference: float | None  # mean F1 minus that of the reference; None without labels

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def answers(engine: Engine, runs: Sequence[U8]) -> F32:
    """Probabilities (T, U) of all frames. runs: consecutive crops (T_i, side, side, 3); each starts a new window."""
    return np.concatenate([_stream(engine, run) for run in runs])


def _stream(engine: Engine, run: U8) -> F32:
    parts = [engine.encode(np.ascontiguousarray(run[i : i + _BATCH])) for i in range(0, len(run), _BATCH)]
    o_a, feature = np.concatenate([p.o_a for p in parts]), np.concatenate([p.feature for p in parts])
    n = engine.spec.n_frames
    rows = np.arange(len(run))[:, None] + np.arange(1 - n, 1)  # (T, N) oldest first
    window = feature[np.maximum(rows, 0)]  # a new track starts with its first feature repeated
    at_once = (slice(i, i + _BATCH) for i in range(0, len(run), _BATCH))
    return np.concatenate([engine.predict(o_a[part], window[part]).probability for part in at_once])


def cost(reference: F32, other: F32, spec: ModelSpec, labels: npt.NDArray[np.integer[Any]] | None = None) -> Cost:
    """Compares probabilities (T, U). labels (T, U): as in metrics; unknown ones are ignored."""
    thresholds = np.array(spec.thresholds or [0.5] * len(spec.aus))
    difference = np.abs(reference.astype(np.float64) - other)
    flips = (reference >= thresholds) != (other >= thresholds)
    f1_difference = None
    if labels is not None:
        scores = [mean_f1(confusion(p, labels, thresholds)) for p in (reference, other)]
        f1_difference = scores[1] - scores[0]
    return Cost(len(reference), float(difference.max()), float(difference.mean()), float(flips.mean()), f1_difference)
