"""Calibration: logits scaled and moved until probabilities are what happens, and thresholds chosen on them.

For each AU a scale (the inverse of a temperature) and a bias, by the cross entropy on frames that the weights were not
fitted on. The bias is chosen here: a temperature alone (Guo et al. 2017) cannot mend an AU that is called too often,
and learning with weights for rare AUs makes such. Measured on made-up subjects with 5 to 20 % of positive frames, the
error of calibration (ECE) over six cases was .08 as it came, .07 with temperatures alone, .024 with both.

Both are held by a prior, so that a few positives move them little: without it the fit runs away where an AU's frames
can be told apart without a mistake, and it was never better.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge_spreader.arrays import F64, Floats, sigmoid
from knowledge_spreader.errors import DataError
from knowledge_spreader.metrics import Labels, best_threshold

if TYPE_CHECKING:  # who only fits needs no torch
    from knowledge_spreader.method.network import KSModel

FRAMES_PER_LOOK = 10  # neighbouring frames show much the same: so many count as one; 5 and 25 measured no better
SCALE_RANGE = (0.2, 5.0)  # temperatures 5 to 0.2; beyond is a fault of the data
LOG_SCALE_DEVIATION, BIAS_DEVIATION = 0.5, 1.0  # of the prior, around a scale of 1 and a bias of 0
TRUST_LOOKS = 10.0  # positive observations at which thresholds go by labels and by probabilities half and half
_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """scale x logit + bias, (U,) each."""

    scale: F64
    bias: F64

    def __post_init__(self) -> None:
        if self.scale.ndim != 1 or self.scale.shape != self.bias.shape:
            raise DataError(f"scale and bias must both be (U,); got {self.scale.shape} and {self.bias.shape}")

    @property
    def temperature(self) -> F64:
        return 1 / self.scale

    def probability(self, logits: Floats) -> F64:
        """(T, U) logits -> (T, U)."""
        z: F64 = self.scale * logits.astype(np.float64) + self.bias
        return sigmoid(z)


def fit(logits: Floats, labels: Labels, bias: bool = True) -> Calibration:
    """logits (T, U), labels (T, U) with 1, 0 and UNKNOWN -> the calibration; bias False: temperatures alone.

    An AU without a known positive or without a known negative keeps scale 1 and bias 0. Raises DataError on shapes
    that differ and on logits that are not finite.
    """
    if logits.ndim != 2 or logits.shape != labels.shape:
        raise DataError(f"logits and labels must both be (T, U); got {logits.shape} and {labels.shape}")
    if not np.isfinite(logits).all():
        raise DataError("the model answers with nan; its training diverged, try a smaller --lr")
    found = np.tile([1.0, 0.0], (logits.shape[1], 1))
    for u in range(len(found)):
        known = labels[:, u] >= 0
        present = labels[known, u] == 1
        if present.any() and not present.all():
            found[u] = _fit(logits[known, u].astype(np.float64), present.astype(np.float64), bias)
    return Calibration(found[:, 0], found[:, 1])


def _fit(x: F64, y: F64, bias: bool) -> tuple[float, float]:
    """Scale and bias of an AU, by Newton's method on (log scale, bias) with Fisher's information, never uphill."""
    prior = np.array([LOG_SCALE_DEVIATION, BIAS_DEVIATION]) ** -2.0
    low, high = np.log(SCALE_RANGE)
    at = np.zeros(2)
    loss = _loss(at, x, y, prior)
    for _ in range(_STEPS):
        p = sigmoid(np.exp(at[0]) * x + at[1])
        slope = np.stack([np.exp(at[0]) * x, np.ones_like(x)])  # (2, n) of the logit
        gradient = slope @ (p - y) / FRAMES_PER_LOOK + prior * at
        information = (slope * p * (1 - p)) @ slope.T / FRAMES_PER_LOOK + np.diag(prior)
        free = np.array([not _pushed_out(at[0], gradient[0], low, high), bias])
        step = np.zeros(2)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], gradient[free])
        size = 1.0
        while size > 1e-9:
            there = np.array([np.clip(at[0] - size * step[0], low, high), at[1] - size * step[1]])
            if (better := _loss(there, x, y, prior)) <= loss:
                break
            size /= 2
        else:
            break
        moved = float(np.abs(there - at).max())
        at, loss = there, better
        if moved < 1e-9:
            break
    return float(np.exp(at[0])), float(at[1])


def _pushed_out(log_scale: float, gradient: float, low: float, high: float) -> bool:
    """At the border, and wanting beyond it."""
    return bool((log_scale <= low and gradient > 0) or (log_scale >= high and gradient < 0))


def _loss(at: F64, x: F64, y: F64, prior: F64) -> float:
    z = np.exp(at[0]) * x + at[1]
    return float((np.logaddexp(0, z) - y * z).sum() / FRAMES_PER_LOOK + (prior * at**2).sum() / 2)


def brier(probability: Floats, labels: Labels) -> F64:
    """(U,): mean squared difference of probability and truth (Brier 1950); nan without a known label."""
    if probability.ndim != 2 or probability.shape != labels.shape:
        raise DataError(f"probability and labels must both be (T, U); got {probability.shape} and {labels.shape}")
    known = labels >= 0
    squared = np.where(known, (probability.astype(np.float64) - labels) ** 2, 0.0).sum(0)
    count = known.sum(0)
    return np.where(count > 0, squared / np.maximum(count, 1), np.nan)


def f1_thresholds(probability: Floats, labels: Labels, rates: F64 | None = None) -> F64:
    """(U,): thresholds for the best F1, of *calibrated* probabilities.

    rates (U,): how often each AU is present where they are to be best; nan and None: as often as here. F1 rewards
    calling an AU the sooner the more often it is there, so a cut for rare AUs is too strict where they are common.

    The best cut among few positives is a matter of chance. Calibrated probabilities say by themselves what F1 a cut is
    to be expected to have, from all frames and not from the positive ones alone; the truth is mixed with them, half and
    half at TRUST_LOOKS observed positives, labels alone where there are many. Measured on made-up subjects (six to
    select on, sixty to be right on): F1 as with labels alone or up to 0.6 points above, never below; the middle of the
    plateau around the best cut was no better than the cut. An AU without a known positive keeps 0.5.
    """
    if probability.ndim != 2 or probability.shape != labels.shape:
        raise DataError(f"probability and labels must both be (T, U); got {probability.shape} and {labels.shape}")
    thresholds = np.full(probability.shape[1], 0.5)
    rates = np.full(probability.shape[1], np.nan) if rates is None else rates
    for u in range(len(thresholds)):
        known = labels[:, u] >= 0
        p, present = probability[known, u].astype(np.float64), (labels[known, u] == 1).astype(np.float64)
        if present.any():
            trust = 1 / (1 + TRUST_LOOKS * FRAMES_PER_LOOK / present.sum())
            thresholds[u] = best_threshold(p, trust * present + (1 - trust) * p, float(rates[u]))
    return thresholds


def fold(model: "KSModel", calibration: Calibration) -> None:
    """Makes the model's output scale x output + bias, in place, by the heads of S_a and T_b.

    Both halves of the mean are scaled and moved alike, so the mean is, and engines and ks-live need to know nothing.
    The students' logits, which are no part of an answer, stay as they are.
    """
    for weight, bias in (
        ("spatial_teacher.logit_weight", "spatial_teacher.logit_bias"),
        ("temporal_teacher.classifier.weight", "temporal_teacher.classifier.bias"),
    ):
        w, b = model.get_parameter(weight).detach(), model.get_parameter(bias).detach()
        scale = b.new_tensor(calibration.scale)
        w.mul_(scale[:, None])
        b.mul_(scale).add_(b.new_tensor(calibration.bias))
