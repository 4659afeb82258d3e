"""Fits the weights of the person baseline on labelled clips of held-out subjects.

For each AU, with its logit z and d = b - mu (see person_baseline.py), this logistic regression is fitted:

    probability = sigmoid(a z + c - v d)        w = v / a, limited to 0..1

a and c make the comparison independent of the calibration of z. Cross-validation over subjects chooses the quantile and
n0, and decides which AUs get a weight: those whose gain per subject exceeds SURE standard errors and whose AUC
improves. All others get 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, Bools, Floats, sigmoid
from knowledge_spreader.calibration.person_baseline import PersonView, Rest
from knowledge_spreader.errors import DataError
from knowledge_spreader.metrics import Labels

QUANTILES = (0.1, 0.2, 0.35, 0.5)
RESTS_S = (2.0, 5.0, 15.0)
FOLDS = 5
MIN_PEOPLE = 5
SURE = 1.0  # a gain must exceed this many standard errors over subjects; 2 would miss half of the useful weights
_RIDGE = 1e-3  # L2 penalty of v, in nats per frame
_STEPS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A model's logits on one video of a person, in temporal order, and the labels. Raises DataError on bad values."""

    person: str
    logits: Floats  # (T, U)
    times_s: Floats  # (T,)
    labels: Labels  # (T, U) 1 present, 0 absent, -1 unknown

    def __post_init__(self) -> None:
        shape = self.logits.shape
        if len(shape) != 2 or not shape[0] or self.labels.shape != shape or self.times_s.shape != shape[:1]:
            raise DataError(
                f"{self.person}: logits and labels must be (T, U) and times (T,), T > 0; "
                f"got {shape}, {self.labels.shape} and {self.times_s.shape}"
            )
        if not np.isfinite(self.logits).all() or (np.diff(self.times_s) <= 0).any():
            raise DataError(f"{self.person}: logits must be finite and times must increase")


@dataclass(frozen=True, slots=True, eq=False)
class PersonFit:
    """The fitted baseline and its cross-validated scores, (U,) each."""

    view: PersonView
    auc_before: F64
    auc_after: F64  # equal to auc_before for weight 0
    gain: F64  # mean over subjects of the reduction in cross entropy, nats per frame, if the AU had a weight
    gain_error: F64  # standard error of the gain
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """All clips, concatenated; F frames, P subjects."""

    person: npt.NDArray[np.intp]  # (F,)
    z: F64  # (F, U)
    labels: Labels  # (F, U)
    seen_s: F64  # (F,)
    rest: F64  # (Q, F, U) quantiles of the face's logits before each frame
    usual: F64  # (Q, P, U) quantiles at the end of each clip, averaged per subject

    def relative(self, q: int, rest_s: float, people: npt.NDArray[np.intp]) -> tuple[F64, F64]:
        """d (F, U), and mu (U,) over these subjects."""
        mean = self.usual[q, people].mean(0)
        trust = self.seen_s / (rest_s + self.seen_s)
        return trust[:, None] * (self.rest[q] - mean), mean


def fit_person(clips: Sequence[Clip], memory_s: float = 120.0) -> PersonFit:
    """The person baseline with the best cross-validated gain. Raises DataError if there are too few subjects."""
    names = sorted({clip.person for clip in clips})
    if len(names) < MIN_PEOPLE:
        raise DataError(f"the person baseline needs {MIN_PEOPLE} or more people to learn from; got {len(names)}")
    if len({clip.logits.shape[1] for clip in clips}) > 1:
        raise DataError("all clips must have the same AUs; use one model")
    frames = _gather(clips, names, memory_s)
    fold_of = np.random.default_rng(0).permutation(len(names)) % FOLDS
    plain = _left_out(frames, fold_of, None)
    tried = {way: _left_out(frames, fold_of, way) for way in product(range(len(QUANTILES)), RESTS_S)}
    found = {way: _compare(frames, plain, scores) for way, scores in tried.items()}
    # One choice for all AUs: a choice per AU would mostly be chance.
    best = max(found, key=lambda way: float(np.sum(np.where(found[way].kept, found[way].gain, 0))))
    judged = found[best]
    everyone = np.arange(len(names))
    d, mean = frames.relative(*best, everyone)
    weight = np.zeros(len(mean))
    for u in np.flatnonzero(judged.kept):
        weight[u] = _fit(frames.z[:, u], d[:, u], frames.labels[:, u]).weight
    view = PersonView(QUANTILES[best[0]], best[1], memory_s, weight, mean)
    after = np.where(weight > 0, judged.auc_after, judged.auc_before)
    return PersonFit(view, judged.auc_before, after, judged.gain, judged.error, len(names))


def _gather(clips: Sequence[Clip], names: Sequence[str], memory_s: float) -> _Frames:
    n_aus = clips[0].logits.shape[1]
    seen, rests = [], []
    ends: list[list[F64]] = [[] for _ in names]
    for clip in clips:
        rest = Rest(n_aus, memory_s)
        of_clip = np.zeros((len(QUANTILES), len(clip.logits), n_aus))
        seen_s = np.zeros(len(clip.logits))
        for t, (row, time_s) in enumerate(zip(clip.logits, clip.times_s, strict=True)):
            rest.see(row, float(time_s))
            seen_s[t] = rest.seen_s
            if rest.seen_s:
                of_clip[:, t] = [rest.quantile(q) for q in QUANTILES]
        seen.append(seen_s)
        rests.append(of_clip)
        last = of_clip[:, -1] if seen_s[-1] else np.tile(clip.logits[-1], (len(QUANTILES), 1))
        ends[names.index(clip.person)].append(last)
    return _Frames(
        person=np.concatenate([np.full(len(clip.logits), names.index(clip.person)) for clip in clips]),
        z=np.concatenate([clip.logits for clip in clips]).astype(np.float64),
        labels=np.concatenate([clip.labels for clip in clips]),
        seen_s=np.concatenate(seen),
        rest=np.concatenate(rests, 1),
        usual=np.stack([np.mean(of_person, 0) for of_person in ends], 1),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _LeftOut:
    """Cross-validated predictions of the regression."""

    z: F64  # (F, U) logits after the baseline, before a and c
    loss: F64  # (F, U) cross entropy in nats; nan if the label is unknown


def _left_out(frames: _Frames, fold_of: npt.NDArray[np.intp], way: tuple[int, float] | None) -> _LeftOut:
    """way: index of the quantile, and n0; None: without the baseline."""
    relative, loss = frames.z.copy(), np.full(frames.z.shape, np.nan)
    nothing = np.zeros(frames.z.shape)
    for fold in range(FOLDS):
        d = frames.relative(*way, np.flatnonzero(fold_of != fold))[0] if way else nothing
        test = fold_of[frames.person] == fold
        for u in range(frames.z.shape[1]):
            fitted = _fit(frames.z[~test, u], d[~test, u], frames.labels[~test, u])
            relative[test, u] = frames.z[test, u] - fitted.weight * d[test, u]
            labels = frames.labels[test, u]
            score = fitted.scale * relative[test, u] + fitted.bias
            loss[test, u] = np.where(labels >= 0, np.logaddexp(0, score) - labels * score, np.nan)
    return _LeftOut(relative, loss)


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """(U,) each."""

    gain: F64
    error: F64
    auc_before: F64
    auc_after: F64

    @property
    def kept(self) -> Bools:
        """(U,) whether the gain exceeds SURE standard errors and the AUC improves."""
        return np.asarray((self.gain > SURE * self.error) & (self.auc_after > self.auc_before))


def _compare(frames: _Frames, plain: _LeftOut, scores: _LeftOut) -> _Comparison:
    people = frames.person.max() + 1
    n_aus = frames.z.shape[1]
    gain, error = np.zeros(n_aus), np.zeros(n_aus)
    for u in range(n_aus):
        known = frames.labels[:, u] >= 0
        of = frames.person[known]
        counted = np.bincount(of, minlength=people)
        better = np.bincount(of, (plain.loss - scores.loss)[known, u], minlength=people)
        per_person = better[counted > 0] / counted[counted > 0]
        if len(per_person) >= MIN_PEOPLE:
            gain[u] = per_person.mean()
            error[u] = per_person.std(ddof=1) / np.sqrt(len(per_person))
    auc_before, auc_after = (metrics.auc(z, frames.labels) for z in (frames.z, scores.z))
    return _Comparison(gain, error, auc_before, auc_after)


@dataclass(frozen=True, slots=True)
class _Fitted:
    scale: float
    bias: float
    weight: float


def _fit(z: F64, d: F64, labels: Labels) -> _Fitted:
    """sigmoid(scale (z - weight d) + bias) on the known labels of one AU, 0 <= weight <= 1."""
    known = labels >= 0
    z, d, y = z[known], d[known], labels[known].astype(np.float64)
    if not 0 < y.sum() < len(y):
        return _Fitted(1.0, 0.0, 0.0)  # only one class: no change
    scale, bias, v = _regression(z, d, y) if d.any() else (1.0, 0.0, 0.0)
    if 0 < v < scale:
        return _Fitted(scale, bias, v / scale)
    # The loss is convex: the constrained optimum is on the violated bound.
    weight = 1.0 if 0 < scale <= v else 0.0
    scale, bias, _ = _regression(z - weight * d, np.zeros_like(d), y)
    return _Fitted(scale, bias, weight)


def _regression(z: F64, d: F64, y: F64) -> tuple[float, float, float]:
    """(a, c, v) of the lowest cross entropy, by Newton's method with step halving."""
    x = np.stack([z, np.ones_like(z), -d], 1)
    ridge = np.array([1e-6, 1e-6, _RIDGE])  # the first two matter only for separable data
    at = np.array([1.0, 0.0, 0.0])

    def cost(p: F64) -> float:
        score = x @ p
        return float(np.mean(np.logaddexp(0, score) - y * score) + 0.5 * ridge @ p**2)

    now = cost(at)
    for _ in range(_STEPS):
        probability = sigmoid(x @ at)
        gradient = x.T @ (probability - y) / len(y) + ridge * at
        curvature = (x.T * (probability * (1 - probability))) @ x / len(y) + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < 1e-9:  # twice the remaining gain
            break
        size = 1.0
        while (then := cost(at - size * step)) > now and size > 1e-6:
            size /= 2
        at, now = at - size * step, then
    return float(at[0]), float(at[1]), float(at[2])
