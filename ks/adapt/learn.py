"""learn(): labels of some faces -> own heads, moved only as far as the labels justify.

1. Labels kept apart (apart.py) are put aside.
2. How strongly heads are held at the base model is chosen by cross-validation, one strength for all AUs, by the cross
   entropy of labels that the heads have not seen. What is left out together depends on the goal.
3. Each AU: a bias and another threshold, unless they explain the left-out labels worse beyond doubt. A head, if it
   explains them better; between sparse labels, if it is not worse beyond doubt: a frame there has a label four times as
   near as a left-out label has, so a head does better on it than on them. Labels that neither the base model nor the
   head tells apart better than chance move nothing. An AU with labels of one kind alone is never moved by a head: if
   all say absent, its threshold rises until at most ALARMS of these frames reach it.
4. An AU that does worse than the base model on the labels kept apart, beyond chance, stays the base model's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.adapt.apart import THESE, folds, groups
from knowledge_spreader.adapt.basis import Basis, Views
from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.adapt.heads import HeadSet
from knowledge_spreader.adapt.map_fit import Head, cross_entropy, fit_head
from knowledge_spreader.adapt.spread import NONE, View, fit_with, window_mean
from knowledge_spreader.adapt.threshold import expected_f1_threshold
from knowledge_spreader.arrays import F32, F64, I8, I64, Bools, sigmoid
from knowledge_spreader.spec import UNKNOWN

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)
STRENGTHS_NEAR = STRENGTHS[:3]  # where labels are near
ALARMS = 0.02
LEAST = 3  # labels of each kind for a head
BASE, THRESHOLD, BIAS, HEAD = "base", "threshold", "bias", "head"
_DOUBT = 2.0  # standard errors
_TOLD = 1.64  # standard errors: one AU of 20 whose labels are noise comes so far
_ALONE = 2  # labels in a stretch, on average, below which they count as sparse
_MOST_LABELS = 4000  # of an AU, spread evenly; more change nothing
_HIGHEST = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What heads of one kind of face see of the T faces."""

    base: F32  # (T, U) logits
    x: F32  # (T, R)
    n_tokens: int
    rows: Bools  # (T,) faces of this kind
    thresholds: tuple[float, ...]  # (U,) of the base model

    @property
    def with_points(self) -> bool:
        return bool(self.x.shape[1] > self.n_tokens)


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The result of learn() for one kind of face."""

    kinds: tuple[str, ...]  # (U,) BASE, THRESHOLD, BIAS or HEAD
    heads: tuple[Head, ...]  # (U,)
    thresholds: tuple[float, ...]  # (U,)
    strength: float

    def logits(self, sight: Sight) -> F64:
        """(T, U) of all faces."""
        columns = [head(sight.base[:, u].astype(np.float64), sight.x) for u, head in enumerate(self.heads)]
        return np.stack(columns, axis=1)

    def says(self, sight: Sight) -> Bools:
        """(T, U) present."""
        return np.asarray(sigmoid(self.logits(sight)) >= np.array(self.thresholds))


def sight_of(faces: Faces, views: Views, thresholds: tuple[float, ...], *, points: bool) -> Sight:
    """points: of faces with landmarks, who are heard by all voices; else of all faces, by the crops alone."""
    if not points:
        return Sight(faces.crops, views.tokens, views.tokens.shape[1], np.ones(len(faces), np.bool_), thresholds)
    has = faces.has_points
    both = np.where(has[:, None], np.hstack([views.tokens, views.points]), np.float32(0))
    return Sight(np.where(has[:, None], faces.heard, np.float32(0)), both, views.tokens.shape[1], has, thresholds)


def learn(
    faces: Faces,
    sight: Sight,
    labels: I8,
    *,
    goal: str = THESE,
    way: str = NONE,
    strength: float = 0.0,
    kinds: Sequence[str] = (),
) -> Learned:
    """labels (T, U) without those that are kept apart.

    strength: 0 = choose it. kinds: of each AU, () = choose them. way: spread.py.
    """
    known = (labels != UNKNOWN) & sight.rows[:, None]
    if not strength or not kinds:
        labelled = known.any(axis=1)
        group = groups(faces, goal, labelled)
        alone = labelled.sum() < _ALONE * len(np.unique(group[labelled]))
        near = goal == THESE and bool(alone)
        strength, kinds = _chosen(sight, labels, known, folds(group, labelled), near=near)
    windows = _Windows(faces, sight) if way != NONE else None
    heads, thresholds = [], []
    for u, kind in enumerate(kinds):
        rows = _spread_evenly(np.flatnonzero(known[:, u]))
        present = (labels[rows, u] == 1).astype(np.float64)
        base = sight.base[:, u].astype(np.float64)
        if kind in (BASE, THRESHOLD):
            heads.append(Head(np.zeros(sight.x.shape[1]), 0.0, 0.0))
            quiet = _quiet(sight.thresholds[u], base[rows]) if kind == THRESHOLD else sight.thresholds[u]
            thresholds.append(quiet)
            continue
        if kind == HEAD and windows is not None:
            others = np.flatnonzero(sight.rows & ~known[:, u])
            head = fit_with(way, windows.view(u), rows, present, others, strength)
        else:
            head = fit_head(base[rows], sight.x[rows], present, strength if kind == HEAD else np.inf)
        heads.append(head)
        thresholds.append(expected_f1_threshold(sigmoid(head(base, sight.x))[sight.rows]))
    said = zip(kinds, thresholds, sight.thresholds, strict=True)
    kinds = [BASE if kind == THRESHOLD and new == old else kind for kind, new, old in said]
    return Learned(tuple(kinds), tuple(heads), tuple(thresholds), strength)


def _chosen(sight: Sight, labels: I8, known: Bools, fold: I64, *, near: bool) -> tuple[float, tuple[str, ...]]:
    """The strength, and what becomes of each AU. near: other frames are nearer to labels than left-out labels are."""
    strengths = STRENGTHS_NEAR if near else STRENGTHS
    u = labels.shape[1]
    lost: list[F64] = [np.zeros((len(strengths) + 2, 0))] * u  # of each label: strengths, a bias, the base model
    apart: list[F64] = [np.zeros(len(strengths) + 2)] * u  # how well each tells the labels apart: _beyond_chance
    enough = np.zeros(u, np.bool_)
    for au in range(u):
        rows = _spread_evenly(np.flatnonzero(known[:, au]))
        present = (labels[rows, au] == 1).astype(np.float64)
        enough[au] = min(present.sum(), len(present) - present.sum()) >= LEAST and len(set(fold[rows].tolist())) > 1
        if enough[au]:
            said = _left_out(sight, au, rows, present, fold[rows], strengths)
            lost[au] = cross_entropy(said, present)
            apart[au] = np.array([_beyond_chance(one, present) for one in said])
    if not enough.any():
        return strengths[-1], tuple(_unmoved(labels[:, au][known[:, au]]) for au in range(u))
    best = int(sum(one[: len(strengths)].sum(axis=1) for one in lost).argmin())
    kinds = []
    for au in range(u):
        if not enough[au]:
            kinds.append(_unmoved(labels[:, au][known[:, au]]))
            continue
        if max(apart[au][best], apart[au][-1]) < _TOLD:
            kinds.append(BASE)
            continue
        of_head, of_bias, of_base = lost[au][best], lost[au][-2], lost[au][-1]
        rest = BIAS if _excess(of_bias, of_base) <= _DOUBT else BASE
        most = _DOUBT if near else -_DOUBT / 2
        kinds.append(HEAD if _excess(of_head, of_bias if rest == BIAS else of_base) <= most else rest)
    return strengths[best], tuple(kinds)


def _excess(one: F64, other: F64) -> float:
    """How much worse one explains the left-out labels (n,) than the other, in standard errors."""
    more = one - other
    return float(more.mean() / max(more.std() / np.sqrt(len(more)), 1e-9))


def _left_out(sight: Sight, u: int, rows: I64, present: F64, fold: I64, strengths: Sequence[float]) -> F64:
    """(S + 2, n) logits of labelled faces, each by heads that have not seen its group: strengths, a bias, the base."""
    base, x = sight.base[rows, u].astype(np.float64), sight.x[rows]
    said = np.zeros((len(strengths) + 2, len(rows)))
    said[-1] = base
    for k in np.unique(fold).tolist():
        out = fold == k
        for i, strength in enumerate((*strengths, np.inf)):
            head = fit_head(base[~out], x[~out], present[~out], strength)
            said[i, out] = head(base[out], x[out])
    return said


def _beyond_chance(logits: F64, present: F64) -> float:
    """How far the AUC is above 1/2, in standard errors of labels that have nothing to do with it (Mann and Whitney)."""
    auc = metrics.auc(logits[:, None], present[:, None].astype(np.int8))[0]
    n, shown = len(present), present.sum()
    return float((auc - 0.5) / np.sqrt((n + 1) / (12 * shown * (n - shown))))


def _unmoved(labels: I8) -> str:
    """What becomes of an AU with labels of one kind, or nearly."""
    return THRESHOLD if len(labels) and not (labels == 1).any() else BASE


def _quiet(threshold: float, base: F64) -> float:
    """The threshold, raised until at most ALARMS of frames without the AU (logits) reach it."""
    highest = float(np.quantile(sigmoid(base), 1 - ALARMS))
    return float(min(max(threshold, np.nextafter(highest, 1)), max(_HIGHEST, threshold)))


def _spread_evenly(rows: I64) -> I64:
    if len(rows) <= _MOST_LABELS:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, _MOST_LABELS).astype(int)])


class _Windows:
    """Means over windows of frames, computed once for all AUs."""

    def __init__(self, faces: Faces, sight: Sight) -> None:
        self._sight, self._in_order = sight, faces.in_order
        self._mean: Callable[[F32], F64] = lambda x: window_mean(x, faces.recording, faces.face, faces.frame)
        self._x = self._mean(sight.x).astype(np.float32)

    def view(self, u: int) -> View:
        base = self._sight.base[:, u]
        return View(
            base.astype(np.float64),
            self._sight.x,
            self._sight.n_tokens,
            self._mean(base),
            self._x,
            self._in_order,
        )


def head_set(basis: Basis, sight: Sight, learned: Learned, places: Sequence[int], width: int) -> HeadSet:
    """The heads of some AUs in terms of tokens (C,) and points (K,). width: K; 0: faces without landmarks."""
    weights = np.stack([learned.heads[u].weight for u in places])  # (L, R)
    tokens = weights[:, : sight.n_tokens] @ basis.tokens.weight.T
    bias = np.array([learned.heads[u].bias for u in places]) - tokens @ basis.tokens.mean
    points = np.zeros((len(places), width))
    if sight.with_points:
        points = weights[:, sight.n_tokens :] @ basis.points.weight.T
        bias = bias - points @ basis.points.mean
    return HeadSet(
        tokens.astype(np.float32),
        points.astype(np.float32),
        np.array([learned.heads[u].scale for u in places], np.float32),
        bias.astype(np.float32),
        tuple(learned.thresholds[u] for u in places),
    )
