"""Learns on which side an AU acts, from rendered people whose sides are known.

One logistic regression per AU on the frames in which it acts: does this side act? Each frame is two rows, one seen from
either side. Portraits are rows, too: real faces are uneven, and those who smile for a photograph do it with both sides.
An AU gets its sides only if they are right on people that the fit has not seen, and in frames in which all other
candidates are even: a cheek must not be told by the smile beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, Bools
from knowledge_spreader.geometry.intensity import HIGHEST
from knowledge_spreader.geometry.logistic import fit_logistic
from knowledge_spreader.geometry.sides import Sides, differences, shares

CANDIDATES = (2, 6, 7, 10, 12, 14, 15)
LEAST_AUC, LEAST_RIGHT, LEAST_PEOPLE = 0.9, 0.9, 10
ACTS, STILL = 0.35 * HIGHEST, 0.25 * HIGHEST  # intensity from which a side acts, and below which it does not
_EVEN = 0.15 * HIGHEST  # difference of both sides below which an AU is even
_PORTRAITS = 0.5  # their weight beside all rendered rows
_RIDGE = 1e-2
_FOLDS = 4
_LEAST_SPREAD = 0.3  # of a difference


@dataclass(frozen=True, slots=True)
class Shown:
    """How well the sides of an AU are told on people left out, all other AUs even; nan where there is none to tell."""

    au: int
    frames: int  # that show it on one side
    people: int  # who show it on one side
    right: float  # share of the frames with one side in which that side is the stronger
    auc: float  # of a side that acts above one that does not, in frames with the AU

    @property
    def told(self) -> bool:
        return self.people >= LEAST_PEOPLE and self.right >= LEAST_RIGHT and self.auc >= LEAST_AUC


def fit_sides(
    aus: Sequence[int], features: F64, person: npt.NDArray[np.str_], truth: F64, portraits: F64
) -> tuple[Sides | None, tuple[Shown, ...]]:
    """The sides of those CANDIDATES that are among aus and told well; None if there is none.

    aus: of the model. features (T, K) and portraits (N, K): of voice.features. truth: (T, A, 2) intensities 0 to 5 on
    the person's left and right, of the candidates among aus.
    """
    mine = candidates(aus)
    spread = differences(portraits).std(axis=0) + _LEAST_SPREAD
    data = _Data(differences(features) / spread, person, differences(portraits) / spread)
    shown = tuple(data.judged(au, truth[:, a], _others_even(truth, a)) for a, au in enumerate(mine))
    told = [a for a, one in enumerate(shown) if one.told]
    if not told:
        return None, shown
    heads = [data.fit(truth[:, a], np.ones(len(person), np.bool_)) for a in told]
    kept = tuple(mine[a] for a in told)
    weight, bias = np.stack([weight / spread for weight, _ in heads]), np.array([bias for _, bias in heads])
    return Sides(kept, tuple(list(aus).index(au) for au in kept), weight, bias), shown


def _others_even(truth: F64, a: int) -> Bools:
    """(T,) frames in which both sides of all other AUs are alike."""
    apart = np.abs(truth[..., 0] - truth[..., 1])
    return np.asarray((np.delete(apart, a, axis=1) < _EVEN).all(axis=1), np.bool_)


def candidates(aus: Sequence[int]) -> tuple[int, ...]:
    return tuple(au for au in CANDIDATES if au in aus)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Differences of left and right, scaled."""

    rendered: F64  # (T, D)
    person: npt.NDArray[np.str_]  # (T,)
    portraits: F64  # (N, D)

    def fit(self, truth: F64, rows: Bools) -> tuple[F64, float]:
        """(D,) weights and the bias of one AU. truth: (T, 2)."""
        side = _sides(truth)
        x, y = [], []
        for k, sign in ((0, 1), (1, -1)):
            mine = rows & (side.max(axis=1) == 1) & (side[:, k] >= 0)
            x += [sign * self.rendered[mine], sign * self.portraits]
            y += [side[mine, k], np.ones(len(self.portraits))]
        n = max(len(x[0]) + len(x[2]), 1)
        share = [np.full(len(part), (1 / n, _PORTRAITS / 2 / len(self.portraits))[i % 2]) for i, part in enumerate(x)]
        return fit_logistic(np.vstack(x), np.concatenate(y).astype(np.float64), np.concatenate(share), _RIDGE)

    def judged(self, au: int, truth: F64, rows: Bools) -> Shown:
        """Each of these frames by a fit without its person."""
        side = _sides(truth)
        lean, bias = np.zeros(len(side)), np.zeros(len(side))
        names, who = np.unique(self.person, return_inverse=True)
        fold = np.random.default_rng(0).permutation(len(names))[who] % _FOLDS
        for k in range(_FOLDS):
            weight, free = self.fit(truth, fold != k)
            lean[fold == k], bias[fold == k] = self.rendered[fold == k] @ weight, free
        acts = rows & (side.max(axis=1) == 1)
        alone = acts & (side.min(axis=1) == 0)
        people = len(set(self.person[alone]))
        if not people:
            return Shown(au, 0, 0, float("nan"), float("nan"))
        right = (lean[alone] > 0) == (truth[alone, 0] > truth[alone, 1])
        auc = metrics.auc(shares(lean, bias)[acts].reshape(-1, 1), side[acts].reshape(-1, 1))
        return Shown(au, int(alone.sum()), people, float(right.mean()), float(auc[0]))


def _sides(truth: F64) -> npt.NDArray[np.int64]:
    """(T, 2) 1 where the side acts, 0 where it does not, -1 between."""
    return np.where(truth >= ACTS, 1, np.where(truth < STILL, 0, -1))
