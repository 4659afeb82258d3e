"""How well own heads do on labels that they have not seen, beside the base model."""

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.adapt.apart import ANYONE, GOALS, PEOPLE, folds, groups
from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.adapt.learn import Learned, Sight, learn
from knowledge_spreader.arrays import F64, I8, I64, Bools, sigmoid
from knowledge_spreader.spec import UNKNOWN

LEAST_PRESENT = 5  # frames that show an AU, for its F1 to count in a mean
BEYOND_CHANCE = 0.05
_DRAWS = 500

Scores = dict[str, Any]


def base_says(sight: Sight) -> Bools:
    """(T, U) present, by the base model."""
    return np.asarray(sigmoid(sight.base) >= np.array(sight.thresholds, np.float32))


def compare(base: Bools, own: Bools, labels: I8, group: I64) -> Scores:
    """F1 of both, (T, U) each, over the known labels; 95 % intervals of the gain, in all and per AU, by drawing other
    groups (T,).

    f1_always: of who says present in every frame. Heads of labels that nothing explains do no better than that, and it
    may be more than the base model's.
    """
    known = (labels != UNKNOWN).any(axis=1)
    base, own, labels, group = base[known], own[known], labels[known], group[known]
    f1_base, f1_own = _f1(base, labels), _f1(own, labels)
    f1_always = _f1(np.ones_like(own), labels)
    counted = (labels == 1).sum(axis=0) >= LEAST_PRESENT
    gains = _gains(base, own, labels, group)
    mean_gains = np.array([]) if gains is None or not counted.any() else gains[:, counted]
    return {
        "frames": int(known.sum()),
        "f1_base": _number(metrics.mean(f1_base[counted])) if counted.any() else None,
        "f1_own": _number(metrics.mean(f1_own[counted])) if counted.any() else None,
        "f1_always": _number(metrics.mean(f1_always[counted])) if counted.any() else None,
        "gain_95": _interval(np.array([metrics.mean(one) for one in mean_gains])),
        "aus": int(counted.sum()),
        "per_au": [
            {
                "present": int((labels[:, u] == 1).sum()),
                "absent": int((labels[:, u] == 0).sum()),
                "f1_base": _number(f1_base[u]),
                "f1_own": _number(f1_own[u]),
                "gain_95": None if gains is None or not counted[u] else _interval(gains[:, u]),
            }
            for u in range(labels.shape[1])
        ],
    }


def left_out(faces: Faces, sight: Sight, labels: I8, learned: Learned, way: str) -> dict[str, Scores]:
    """What compare() says for each goal that the recordings allow, by heads that have not seen the group.

    The strength, and which AUs have heads, were chosen with all of these labels.
    """
    found = {}
    for goal in GOALS:
        known = (labels != UNKNOWN).any(axis=1) & sight.rows
        group = groups(faces, goal, known)
        if len(np.unique(group[known])) < 2 or (goal == PEOPLE and not _share_people(faces, known)):
            continue
        fold = folds(group, known)
        own, tested = np.zeros(labels.shape, np.bool_), np.zeros(len(faces), np.bool_)
        for k in range(int(fold.max()) + 1):
            out = fold == k
            of_others = np.where(out[:, None], np.int8(UNKNOWN), labels)
            again = learn(faces, sight, of_others, goal=goal, way=way, strength=learned.strength, kinds=learned.kinds)
            own[out] = again.says(sight)[out]
            tested |= out
        shown = np.where((tested & known)[:, None], labels, np.int8(UNKNOWN))
        found[goal] = compare(base_says(sight), own, shown, group)
    return found


def worse_than_base(base: Bools, own: Bools, labels: I8, group: I64) -> list[int]:
    """The AUs that do worse than the base model, beyond chance: the sign test over groups (T,) of neighbouring frames,
    which are right or wrong together.
    """
    found = []
    for u in range(labels.shape[1]):
        known = labels[:, u] != UNKNOWN
        present = labels[known, u] == 1
        better = (own[known, u] == present).astype(int) - (base[known, u] == present)
        of = np.unique(group[known], return_inverse=True)[1]
        net = np.bincount(of, weights=better) if len(of) else np.zeros(0)
        lost, won = int((net < 0).sum()), int((net > 0).sum())
        n = lost + won
        if lost > won and sum(comb(n, k) for k in range(lost, n + 1)) / 2**n < BEYOND_CHANCE:
            found.append(u)
    return found


def _share_people(faces: Faces, known: Bools) -> bool:
    """Whether somebody has labels in two recordings."""
    pairs = np.unique(
        np.column_stack([np.unique(faces.person, return_inverse=True)[1], faces.recording])[known], axis=0
    )
    return len(np.unique(pairs[:, 0])) < len(pairs)


def _f1(said: Bools, labels: I8) -> F64:
    return metrics.f1(metrics.confusion(said.astype(np.float32), labels, np.full(labels.shape[1], 0.5)))


def _gains(base: Bools, own: Bools, labels: I8, group: I64) -> F64 | None:
    """(draws, U) the gain in F1 with other groups; None: too few of them."""
    names, of = np.unique(group, return_inverse=True)
    if len(names) < LEAST_PRESENT:
        return None
    half = np.full(labels.shape[1], 0.5)

    def counts(said: Bools) -> I64:
        each = [metrics.confusion(said[of == i].astype(np.float32), labels[of == i], half) for i in range(len(names))]
        return np.stack(each)

    both, rng = (counts(base), counts(own)), np.random.default_rng(0)
    gains = []
    for _ in range(_DRAWS):
        drawn = rng.integers(len(names), size=len(names))
        before, after = (metrics.f1(one[drawn].sum(axis=0)) for one in both)
        gains.append(after - before)
    return np.stack(gains)


def _interval(gains: F64) -> list[float] | None:
    """2.5 and 97.5 % of (draws,); nan is a draw without the AU."""
    known = gains[~np.isnan(gains)]
    if not len(known):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return [round(float(low), 3), round(float(high), 3)]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)


def reads(goal: str) -> str:
    """What a goal's row means, in words."""
    return {PEOPLE: "new recordings of these people", ANYONE: "people not in the recordings"}.get(
        goal, "other frames of these recordings"
    )


def known_counts(labels: I8) -> Sequence[tuple[int, int]]:
    """(present, absent) labels of each AU."""
    return [(int((labels[:, u] == 1).sum()), int((labels[:, u] == 0).sum())) for u in range(labels.shape[1])]
