"""Logistic regression by Newton's method: a few thousand frames, a hundred measures, one AU."""

import numpy as np

from knowledge_spreader.arrays import F64

_STEPS = 30
_SAME = 1e-8  # a step that lowers the loss by less is the last one
_SHORTEST = 1e-4  # of a step


def fit_logistic(x: F64, present: F64, weight: F64, ridge: float) -> tuple[F64, float]:
    """(K,) weights and the bias that explain present (T,), 0 to 1, by x (T, K).

    The loss is the mean cross entropy, a row counting weight (T,), plus ridge / 2 * the weights' squares.
    """
    rows = np.column_stack([x, np.ones(len(x))])
    share = weight / weight.sum()
    penalty = np.append(np.full(x.shape[1], ridge), 1e-9)  # the bias is free; more than 0, so that a solution exists
    at = np.zeros(rows.shape[1])
    loss = _loss(at, rows, present, share, penalty)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(rows @ at, -40, 40)))
        gradient = rows.T @ (share * (p - present)) + penalty * at
        curvature = (rows * (share * p * (1 - p))[:, None]).T @ rows + np.diag(penalty)
        step, length = np.linalg.solve(curvature, gradient), 1.0
        while (new := _loss(at - length * step, rows, present, share, penalty)) > loss and length > _SHORTEST:
            length /= 2
        if loss - new < _SAME:
            break
        at, loss = at - length * step, new
    return at[:-1], float(at[-1])


def _loss(at: F64, rows: F64, present: F64, share: F64, penalty: F64) -> float:
    logit = rows @ at
    return float(share @ (np.logaddexp(0, logit) - present * logit) + penalty @ at**2 / 2)
