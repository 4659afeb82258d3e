"""Bootstrap over people: how far a figure would move with other people.

T faces, U AUs. A draw takes as many people as there are, with replacement, each with all their faces. It is held as
weights: how often each face is in it.
"""

from collections.abc import Sequence

import numpy as np

from knowledge_spreader.arrays import F64, I64, Bools

DRAWS = 1000

Interval = tuple[float, float]  # 2.5 and 97.5 % of the draws; nan where half of them have no value


def draw(people: Sequence[str]) -> F64:
    """(DRAWS, T) weights. people: (T,) who each face is."""
    rng = np.random.default_rng(0)
    names, of = np.unique(np.array(people, dtype=str), return_inverse=True)
    if not len(names):
        return np.zeros((DRAWS, 0))
    taken = [np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(DRAWS)]
    return np.stack(taken).astype(np.float64)[:, of]


def drawn_auc(score: F64, labels: I64, weights: F64) -> F64:
    """(DRAWS, U) AUC as in ks/metrics.py; nan where a draw lacks a class. score, labels: (T, U); labels below 0: no."""
    found = np.full((len(weights), labels.shape[1]), np.nan)
    for u in range(labels.shape[1]):
        known = np.flatnonzero(labels[:, u] >= 0)
        order = known[np.argsort(score[known, u], kind="stable")]
        if not len(order):
            continue
        value, present = score[order, u], labels[order, u] == 1
        starts = np.flatnonzero(np.append(True, value[1:] != value[:-1]))  # of groups of equal scores
        positive = np.add.reduceat(weights[:, order] * present, starts, axis=1)
        negative = np.add.reduceat(weights[:, order] * ~present, starts, axis=1)
        in_order = (positive * (np.cumsum(negative, axis=1) - negative / 2)).sum(axis=1)  # a tie counts half
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        found[:, u] = np.where(pairs > 0, in_order / np.maximum(pairs, 1), np.nan)
    return found


def drawn_share(hit: Bools, weights: F64) -> F64:
    """(DRAWS, U) share of faces that are hit (T, U); nan where a draw is empty."""
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights @ hit.astype(np.float64) / np.maximum(total, 1), np.nan)


def interval(values: F64) -> Interval:
    """Of the draws (DRAWS,)."""
    there = values[~np.isnan(values)]
    if len(there) < DRAWS // 2:  # too many draws lack an AU that only one person shows
        return float("nan"), float("nan")
    low, high = np.percentile(there, (2.5, 97.5))
    return float(low), float(high)
