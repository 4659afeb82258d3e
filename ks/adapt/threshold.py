"""The threshold with the best F1 to expect, from calibrated probabilities of frames that need no labels."""

import numpy as np

from knowledge_spreader.arrays import F64, Floats

_LEAST, _MOST = 0.05, 0.95


def expected_f1_threshold(probability: Floats) -> float:
    """Of the thresholds t, the one that maximises 2 * sum(p where p >= t) / (count(p >= t) + sum(p)).

    That is F1 with each count replaced by what the probabilities (T,) say of it (Lipton, Elkan & Naryanaswamy 2014).
    """
    p: F64 = np.sort(np.asarray(probability, np.float64))[::-1]
    f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
    return float(np.clip(p[int(f1.argmax())], _LEAST, _MOST))
