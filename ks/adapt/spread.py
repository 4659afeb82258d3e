"""Ways to let frames without a label teach a head, beside the labelled ones alone.

    none          labelled frames alone
    ks            sections 3 and 6.2 on heads: a spatial student per voice and the temporal teacher, whose view is the
                  mean of a window, label the other frames of the recordings softly; frames that T_b finds out of
                  order, and those on which the students contradict each other, are dropped
    pseudo-label  what one head is sure of (.95) becomes a label          Lee 2013
    fixmatch      the same, but learned from a view that lacks one voice  Sohn et al. 2020

All frames without a label count together as much as SHARE of the labelled ones.
"""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.adapt.map_fit import Head, fit_head
from knowledge_spreader.arrays import F32, F64, I32, I64, Bools, Floats, sigmoid

NONE, KS, PSEUDO_LABEL, FIXMATCH = "none", "ks", "pseudo-label", "fixmatch"
WAYS = (NONE, KS, PSEUDO_LABEL, FIXMATCH)
SHARE = 1.0
_ROUNDS = 2
_SURE = 0.95
_DIFFER = 0.5  # students that are farther apart do not label
_MOST = 4000  # frames without a label that are used


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is known of n frames."""

    base: F64  # (n,) the AU's logit
    x: F32  # (n, R) coordinates, of tokens first
    n_tokens: int
    window_base: F64  # (n,) and (n, R): means over the window, T_b's view
    window_x: F32
    in_order: F32  # (n,)


def fit_with(way: str, view: View, labelled: I64, present: F64, others: I64, strength: float) -> Head:
    """labelled: rows of the view with a label, present (len,) 0 or 1. others: rows without."""
    first = fit_head(view.base[labelled], view.x[labelled], present, strength)
    others = others[np.linspace(0, len(others) - 1, min(_MOST, len(others))).astype(int)] if len(others) else others
    if way == NONE or not len(others):
        return first
    if way == KS:
        return _ks(view, labelled, present, others[view.in_order[others] > 0.5], strength)
    head = first
    for _ in range(_ROUNDS):
        logit = head(view.base[others], view.x[others])
        p = sigmoid(logit)
        sure = others[(p > _SURE) | (p < 1 - _SURE)]
        if not len(sure):
            return head
        hard = (head(view.base[sure], view.x[sure]) > 0).astype(np.float64)
        seen = _without_a_voice(view, sure) if way == FIXMATCH else view.x[sure]
        head = _both(view.base, view.x, seen, labelled, present, sure, hard, strength)
    return head


def _both(base: F64, x: F32, seen: F32, labelled: I64, present: F64, others: I64, said: F64, strength: float) -> Head:
    """A head from labels, and from what was said of others, which together count SHARE as much."""
    counts = np.concatenate([np.ones(len(labelled)), np.full(len(others), SHARE * len(labelled) / max(len(others), 1))])
    return fit_head(
        np.concatenate([base[labelled], base[others]]),
        np.concatenate([x[labelled], seen]),
        np.concatenate([present, said]),
        strength,
        counts,
    )


def _ks(view: View, labelled: I64, present: F64, others: I64, strength: float) -> Head:
    """Students and teacher learn from labels, then from what they say together; the head from both."""
    sides = _voice(view, 0), _voice(view, 1)
    learners = [(view.base, side) for side in sides] + [(view.window_base, view.window_x)]
    heads = [fit_head(base[labelled], x[labelled], present, strength) for base, x in learners]
    head = fit_head(view.base[labelled], view.x[labelled], present, strength)
    for _ in range(_ROUNDS):
        said = np.stack([h(base[others], x[others]) for h, (base, x) in zip(heads, learners, strict=True)])
        kept: Bools = np.abs(sigmoid(said[0]) - sigmoid(said[1])) < _DIFFER
        if not kept.any():
            return head
        mine, soft = others[kept], sigmoid(said.mean(axis=0))[kept]
        heads = [_both(base, x, x[mine], labelled, present, mine, soft, strength) for base, x in learners]
        head = _both(view.base, view.x, view.x[mine], labelled, present, mine, soft, strength)
    return head


def _voice(view: View, which: int) -> F32:
    """(n, R) with the coordinates of one voice alone: 0 the crops, 1 the points."""
    alone = view.x.copy()
    alone[:, slice(view.n_tokens, None) if which == 0 else slice(0, view.n_tokens)] = 0
    return alone


def _without_a_voice(view: View, rows: I64) -> F32:
    """(len(rows), R) with one voice at random left out."""
    drop = np.random.default_rng(0).random(len(rows)) < 0.5
    seen = view.x[rows].copy()
    seen[drop, : view.n_tokens] = 0
    seen[~drop, view.n_tokens :] = 0
    return seen


def window_mean(x: Floats, recording: I32, face: I32, frame: I64, reach: int = 2) -> F64:
    """(T, ...) the mean of x over the frames of the same face up to `reach` before and after."""
    values = np.asarray(x, np.float64).reshape(len(x), -1)
    total, count = values.copy(), np.ones((len(values), 1))
    for step in range(1, reach + 1):
        near = (recording[step:] == recording[:-step]) & (face[step:] == face[:-step])
        near &= (frame[step:] - frame[:-step]) <= reach
        later = np.flatnonzero(near) + step
        total[later] += values[later - step]
        total[later - step] += values[later]
        count[later] += 1
        count[later - step] += 1
    return np.asarray((total / count).reshape(np.shape(x)))
