"""Metrics per AU: F1 as in the field, best thresholds, calibration error and AUC.

T frames, U AUs. A label is 1 (present), 0 (absent) or UNKNOWN (-1); every function masks unknown labels.
An AU is predicted if probability >= threshold. A value that does not exist is nan, and means leave it out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F64, I64, Bools, Floats
from knowledge_spreader.errors import DataError

Labels = npt.NDArray[np.integer[Any]]

TP, FP, FN, TN = range(4)  # columns of a confusion table


def positive_rate(labels: Labels) -> F64:
    """(U,) share of positives among the known labels (T, U); nan if no label is known."""
    known = (labels >= 0).sum(axis=0)
    return np.where(known > 0, (labels == 1).sum(axis=0) / np.maximum(known, 1), np.nan)


def confusion(probability: Floats, labels: Labels, thresholds: Floats) -> I64:
    """Counts over known labels: probability (T, U), labels (T, U), thresholds (U,) -> (U, 4), columns TP FP FN TN.

    Other scores work too, with thresholds on the same scale (0 for logits).
    """
    _same_shape(probability, labels)
    if thresholds.shape != (probability.shape[1],):
        raise DataError(f"{probability.shape[1]} AUs need as many thresholds; got shape {thresholds.shape}")
    said = probability.astype(np.float64) >= thresholds.astype(np.float64)
    present, absent = labels == 1, labels == 0
    columns = (said & present, said & absent, ~said & present, ~said & absent)
    return np.stack([column.sum(axis=0, dtype=np.int64) for column in columns], axis=1)


def f1(counts: I64) -> F64:
    """(U, 4) -> (U,): 2 TP / (2 TP + FP + FN).

    An AU that is never present and never predicted (0/0) counts as 0, as in published code (scikit-learn's default, or
    a small constant in the denominator). An AU without a known label gets nan.
    """
    doubled = 2 * counts[:, TP]
    below = doubled + counts[:, FP] + counts[:, FN]
    score = doubled / np.maximum(below, 1)
    return np.where(counts.sum(axis=1) > 0, score, np.nan)


def mean(values: Floats) -> float:
    """Mean of the values that are not nan; nan, without a warning, if there is none."""
    there = values[~np.isnan(values)]
    return float(there.mean(dtype=np.float64)) if len(there) else float("nan")


def mean_f1(counts: I64) -> float:
    """(U, 4) -> mean F1 over the AUs with a known label."""
    return mean(f1(counts))


def pooled(counts: Sequence[I64]) -> F64:
    """(U,): F1 of the counts summed over folds."""
    return f1(np.sum(np.stack(counts), axis=0))


def fold_mean(scores: Sequence[Floats]) -> F64:
    """(U,) per fold -> (U,): mean over the folds in which the value exists."""
    return np.array([mean(column) for column in np.stack(scores).T], dtype=np.float64)


def best_thresholds(probability: Floats, labels: Labels) -> F64:
    """(U,): for each AU the threshold with the best F1.

    Candidates are the midpoints between neighbouring scores, and between the lowest score and 0. Of equally good ones
    the nearest to 0.5 wins. An AU without a known positive gets 0.5.
    """
    return _per_au(best_threshold, probability, labels)


def best_threshold(score: F64, present: Bools | F64, rate: float = np.nan) -> float:
    """The best threshold of one AU: score (n,) and present (n,), known labels only.

    present may be a probability from 0 to 1; F1 then uses expected counts. rate, 0 to 1: the base rate for which the
    threshold is chosen; the scores of positives and of negatives are assumed to be distributed as here.
    """
    if not present.any():
        return 0.5
    order = np.argsort(-score, kind="stable")
    score = score[order]
    hits = np.cumsum(present[order], dtype=np.float64)  # TP if the first i + 1 are predicted present
    false = np.arange(1.0, len(score) + 1) - hits
    if false[-1] > 0 and not np.isnan(rate):
        hits, false = hits * (rate / hits[-1]), false * ((1 - rate) / false[-1])
    last_of_tie = np.append(score[:-1] != score[1:], True)  # equal scores cannot be separated
    cut = np.flatnonzero(last_of_tie)
    f1_at = 2 * hits[cut] / (hits[cut] + false[cut] + hits[-1])
    upper, lower = score[cut], np.append(score[cut[:-1] + 1], 0.0)
    threshold = (upper + lower) / 2
    threshold = np.where(threshold > lower, threshold, upper)  # adjacent float64 values have no midpoint
    best = np.flatnonzero(f1_at == f1_at.max())
    return float(threshold[best[np.argmin(np.abs(threshold[best] - 0.5))]])


def reliability(probability: Floats, labels: Labels, bins: int = 15) -> F64:
    """(U, bins, 3): known labels, sum of probabilities, positives in each equal-width bin of [0, 1].

    Bin i holds i/bins <= p < (i+1)/bins; the last one includes p = 1. Tables of folds can be added.
    """
    _same_shape(probability, labels)
    n_aus = probability.shape[1]
    table = np.zeros((n_aus, bins, 3))
    for u in range(n_aus):
        known = labels[:, u] >= 0
        p = probability[known, u].astype(np.float64)
        where = np.clip((p * bins).astype(np.int64), 0, bins - 1)
        for column, weights in enumerate((None, p, labels[known, u].astype(np.float64))):
            table[u, :, column] = np.bincount(where, weights=weights, minlength=bins)
    return table


def calibration_error(probability: Floats, labels: Labels, bins: int = 15) -> F64:
    """(U,): expected calibration error (ECE) over equal-width bins.

    Sum over bins of (share of frames) x |positive rate - mean probability|. 0 is perfect; nan for an AU without a known
    label.
    """
    return ece_of_bins(reliability(probability, labels, bins))


def ece_of_bins(table: F64) -> F64:
    """ECE from the table of `reliability`: (U, bins, 3) -> (U,)."""
    known = table[:, :, 0].sum(axis=1)
    gap = np.abs(table[:, :, 2] - table[:, :, 1]).sum(
        axis=1
    )  # count x |positives/count - sum/count| = |positives - sum|
    return np.where(known > 0, gap / np.maximum(known, 1), np.nan)


def auc(probability: Floats, labels: Labels) -> F64:
    """(U,): area under the ROC curve; nan for an AU without positives or without negatives.

    It is the probability that a random positive scores above a random negative; ties count half.
    """
    return _per_au(_auc, probability, labels)


def _auc(score: F64, present: Bools) -> float:
    """Mann-Whitney: from the sum of the positives' midranks."""
    n_pos = int(present.sum())
    n_neg = len(present) - n_pos
    if not n_pos or not n_neg:
        return float("nan")
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    midrank = np.cumsum(size) - (size - 1) / 2  # mean 1-based rank of each group of ties
    return float((midrank[group][present].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def _per_au(score: Callable[[F64, Bools], float], probability: Floats, labels: Labels) -> F64:
    """(U,): `score` of each AU's known frames."""
    _same_shape(probability, labels)
    values = np.empty(probability.shape[1])
    for u in range(len(values)):
        known = labels[:, u] >= 0
        values[u] = score(probability[known, u].astype(np.float64), labels[known, u] == 1)
    return values


def _same_shape(probability: Floats, labels: Labels) -> None:
    if probability.ndim != 2 or probability.shape != labels.shape:
        raise DataError(f"probability and labels must both be (T, U); got {probability.shape} and {labels.shape}")
