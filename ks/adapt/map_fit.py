"""A head that starts at the base model's answer and moves only as far as labels justify.

    logit  = base + scale * base + weight . x + bias                          x: coordinates of basis.py
    loss   = sum over labels of cross entropy + strength / 2 (weight^2 + scale^2) + PULL / 2 bias^2

The sum, not the mean: with no label the head is the base model, and each label moves it. It is the maximum a posteriori
estimate with a normal prior around the base model. The bias is held loosely: base rates differ most between recordings.
"""

from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F64, Floats, sigmoid

PULL = 0.1  # of the bias to 0
_STEPS = 30
_SAME = 1e-7  # a step that lowers the loss by less is the last one
_SHORTEST = 1e-4


class Head(NamedTuple):
    """One AU's change of the base logit."""

    weight: F64  # (R,)
    scale: float
    bias: float

    def __call__(self, base: Floats, x: Floats) -> F64:
        """base (T,), x (T, R) -> (T,) logits."""
        return np.asarray(base * (1 + self.scale) + x @ self.weight + self.bias, np.float64)


def fit_head(base: Floats, x: Floats, present: Floats, strength: float, counts: Floats | None = None) -> Head:
    """base (n,) logits, x (n, R), present (n,) 0 to 1. counts (n,): how much a row counts; None: 1 each.

    strength: how strongly weights and scale are held at 0; inf: only the bias moves.
    """
    base = np.asarray(base, np.float64)
    share = np.ones(len(base)) if counts is None else np.asarray(counts, np.float64)
    width = 0 if np.isinf(strength) else x.shape[1]
    rows = np.ones((len(base), 1)) if not width else np.column_stack([x, base, np.ones(len(base))]).astype(np.float64)
    penalty = np.full(rows.shape[1], strength if width else PULL)
    penalty[-1] = PULL
    at = np.zeros(rows.shape[1])

    def loss(at: F64) -> float:
        logit = base + rows @ at
        return float(share @ (np.logaddexp(0, logit) - present * logit) + penalty @ at**2 / 2)

    now = loss(at)
    for _ in range(_STEPS):
        p = sigmoid(base + rows @ at)
        gradient = rows.T @ (share * (p - present)) + penalty * at
        curvature = (rows * (share * p * (1 - p))[:, None]).T @ rows + np.diag(penalty)
        step, length = np.linalg.solve(curvature, gradient), 1.0
        while (new := loss(at - length * step)) > now and length > _SHORTEST:
            length /= 2
        if now - new < _SAME:
            break
        at, now = at - length * step, new
    if not width:
        return Head(np.zeros(x.shape[1]), 0.0, float(at[-1]))
    return Head(at[:-2], float(at[-2]), float(at[-1]))


def cross_entropy(logit: Floats, present: Floats) -> F64:
    """(n,) of each label."""
    return np.asarray(np.logaddexp(0, logit) - present * logit, np.float64)
