"""Learns the geometry voice of a model from rendered people and from portraits of real people.

    AUs       o_g                                     why
    LEARNED   a logistic regression on the measures   mouths, cheeks and lids of rendered people move as real ones
    MAPPED    the blendshapes that are the AU         brows of rendered people lie anywhere, and a regression on them
                                                      learns to mistrust a brow's height
    others    not heard                               blendshapes do not see them, nor do measures

Both voices count equally: each is divided by how much it differs over the portraits. What is heard is calibrated on the
rendered people, with o_g from regressions that have not seen the person. A threshold is the one with the best F1 for
the base rates, raised until at most REST_ALARMS of the portraits that lack the AU reach it. MAPPED AUs have no frames
to calibrate on: their threshold is probability .5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, F64, Bools, sigmoid
from knowledge_spreader.calibration import platt_scaling
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.geometry.alone import learn_alone
from knowledge_spreader.geometry.intensity import Agreement, IntensityCurve, agreement, fit_curve, out_of_fold
from knowledge_spreader.geometry.logistic import fit_logistic
from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice
from knowledge_spreader.metrics import Labels
from knowledge_spreader.spec import ModelSpec

LEARNED = (6, 10, 12, 14, 15, 20, 24, 25, 26, 43)
MAPPED: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    17: ("mouthShrugLower",),
}
SHOWN_BY_PORTRAITS = frozenset({4, 6, 7, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26})  # smiles and held lips are posed for
REST_ALARMS = 0.02
MIN_PEOPLE, MIN_PORTRAITS, MIN_AT_REST = 20, 100, 30
MIN_FRAMES = 20  # with an AU, and without it
_RIDGE = 1e-2
_FOLDS = 4
_REST_WEIGHT = 0.25  # of the portraits, beside the rendered frames that show an AU and those that lack it
_STILL = 0.3  # least spread of a feature
_NO_SMILE = -2.0  # log-odds of the smile's blendshapes
_HIGHEST = 0.99  # threshold
LEAST_ICC = 0.6  # with the true intensities; an AU below it has none
_OF_MEASURES = slice(len(NAMES), None)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the crops and the points say about T faces."""

    crops: F64  # (T, U) logits
    features: F64  # (T, K) of voice.features
    tokens: F32  # (T, C) branch B's feature
    person: npt.NDArray[np.str_]  # (T,)

    def __post_init__(self) -> None:
        t = len(self.person)
        shapes = self.crops.shape[:1], self.features.shape, self.tokens.shape[:1], self.person.shape
        wanted = (t,), (t, len(FEATURES)), (t,), (t,)
        if shapes != wanted or not (np.isfinite(self.crops).all() and np.isfinite(self.features).all()):
            raise DataError(f"wanted finite logits and features {wanted[1]} of each face; got {shapes}")


@dataclass(frozen=True, slots=True, eq=False)
class _AU:
    """The voice of one AU. The defaults are those of an AU that the points do not tell."""

    threshold: float
    weight: F64  # (K,)
    bias: float = 0.0
    offset: float = 0.0
    crops_share: float = 1.0
    points_share: float = 0.0
    apart: F64 | None = None  # (T,) the heard logit of rendered frames, by a fit that has not seen the person


@dataclass(frozen=True, slots=True, eq=False)
class VoiceFit:
    """The voice, and how well intensities agree with the true ones on people that the fit has not seen."""

    voice: GeometryVoice
    intensity: tuple[Agreement | None, ...]  # (U,); None: no true intensities


def fit_voice(
    spec: ModelSpec,
    rendered: Heard,
    labels: Labels,
    portraits: Heard,
    rates: Mapping[int, float] | None = None,
    intensities: F64 | None = None,
) -> VoiceFit:
    """labels: (T, U) 1, 0 or -1 of the rendered frames. rates: base rates of AUs; others are as in these frames.

    intensities: (T, U) 0 to 5, the true ones of the rendered frames; None: the voice tells no intensity.

    Raises DataError if there are too few people, portraits or portraits at rest.
    """
    still = at_rest(spec, portraits)
    check_enough(len(set(rendered.person)), len(portraits.person), int(still.sum()))
    middle, spread = np.median(portraits.features, axis=0), portraits.features.std(axis=0) + _STILL
    data = _Data(
        rendered=(rendered.features - middle) / spread,
        person=rendered.person,
        portraits=(portraits.features - middle) / spread,
    )
    found = []
    for u, au in enumerate(spec.aus):
        crops = rendered.crops[:, u], portraits.crops[:, u]
        lacking = still if au in SHOWN_BY_PORTRAITS else np.ones(len(still), np.bool_)
        if au in LEARNED and _is_shown(labels[:, u]):
            found.append(_learned(data, crops, labels[:, u], lacking, (rates or {}).get(au, np.nan)))
        elif au in MAPPED:
            found.append(_mapped(data, crops[1], lacking, spread, MAPPED[au]))
        else:
            alone = spec.thresholds[u] if spec.thresholds else 0.5
            found.append(_AU(_at_least(alone, crops[1][lacking]), np.zeros(len(FEATURES))))
    voice = GeometryVoice(
        middle=middle,
        spread=spread,
        weight=np.stack([one.weight for one in found]),
        bias=np.array([one.bias for one in found]),
        offset=np.array([one.offset for one in found]),
        crops_share=np.array([one.crops_share for one in found]),
        points_share=np.array([one.points_share for one in found]),
        alone_offset=np.zeros(len(found)),
        alone_factor=np.ones(len(found)),
        alone_weight=np.zeros((len(found), 0)),
        thresholds=tuple(one.threshold for one in found),
        experimental=spec.experimental,
    )
    voice = _on_one_level(voice, portraits)
    curves, agreements = _intensity(data, found, voice.offset, rendered.crops, intensities)
    voice = replace(voice, curves=curves)
    per_au = spec.frame_pooling == "attention"
    return VoiceFit(learn_alone(voice, rendered, portraits, per_au=per_au), agreements)


def check_enough(people: int, portraits: int, resting: int = MIN_AT_REST) -> None:
    """Raises DataError if these are too few to learn from."""
    if people < MIN_PEOPLE or portraits < MIN_PORTRAITS or resting < MIN_AT_REST:
        raise DataError(
            f"the geometry voice needs {MIN_PEOPLE} labelled people, {MIN_PORTRAITS} portraits and {MIN_AT_REST} faces "
            f"at rest among them; got {people} people, {portraits} portraits"
            + (f" and {resting} at rest" if resting < MIN_AT_REST else "")
        )


def _is_shown(labels: npt.NDArray[np.integer]) -> bool:
    """Whether there are enough frames with the AU, and without it, to learn from."""
    return bool(min((labels == 1).sum(), (labels == 0).sum()) >= MIN_FRAMES)


def _on_one_level(voice: GeometryVoice, portraits: Heard) -> GeometryVoice:
    """The same sum, with o_g shifted so that both parts of it have one mean: how far they are apart means something."""
    o_g, told = voice.logits(portraits.features).mean(axis=0), voice.points_share > 0
    crops = voice.crops_share * portraits.crops.mean(axis=0)
    shift = np.where(told, crops / np.where(told, voice.points_share, 1) - o_g, 0)
    return replace(voice, bias=voice.bias + shift, offset=voice.offset - voice.points_share * shift)


def _intensity(
    data: "_Data", found: Sequence[_AU], offset: F64, crops: F64, intensities: F64 | None
) -> tuple[tuple[IntensityCurve | None, ...], tuple[Agreement | None, ...]]:
    """A curve for each AU whose intensities agree with the true ones on people that were left out."""
    if intensities is None:
        return (), (None,) * len(found)
    curves: list[IntensityCurve | None] = []
    agreements = []
    for u, one in enumerate(found):
        # Blendshapes of rendered brows say little: for MAPPED AUs the curve is the crops', on whose level both are.
        logit, shift = (crops[:, u], float(offset[u])) if one.apart is None else (one.apart, 0.0)
        said = agreement(out_of_fold(logit, intensities[:, u], data.folds), intensities[:, u])
        agreements.append(said)
        curves.append(fit_curve(logit, intensities[:, u]).shifted(shift) if said.icc >= LEAST_ICC else None)
    return tuple(curves), tuple(agreements)


def at_rest(spec: ModelSpec, portraits: Heard) -> Bools:
    """(N,) the portraits on which neither voice sees a smile or parted lips."""
    still = np.ones(len(portraits.person), np.bool_)
    for au, most in ((12, -1.0), (25, 0.0)):
        if au in spec.aus:
            still &= portraits.crops[:, spec.aus.index(au)] < most
    smile = [NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    return np.asarray(still & (portraits.features[:, smile].mean(1) < _NO_SMILE))


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Standardised features."""

    rendered: F64  # (T, K)
    person: npt.NDArray[np.str_]  # (T,)
    portraits: F64  # (N, K)

    def fit(self, rows: Bools, labels: npt.NDArray[np.integer], lacking: Bools) -> tuple[F64, float]:
        """(K,) weights of measures, and the bias, from these rendered rows and the portraits that lack the AU."""
        known = rows & (labels >= 0)
        present = labels[known] == 1
        none = self.portraits[lacking, _OF_MEASURES]
        x = np.vstack([self.rendered[known, _OF_MEASURES], none])
        y = np.concatenate([present, np.zeros(len(none))]).astype(np.float64)
        share = np.where(present, 0.5 / max(present.sum(), 1), 0.5 / max((~present).sum(), 1))
        share = np.concatenate([share, np.full(len(none), _REST_WEIGHT / len(none))])
        weight = np.zeros(len(FEATURES))
        weight[_OF_MEASURES], bias = fit_logistic(x, y, share, _RIDGE)
        return weight, bias

    @property
    def folds(self) -> npt.NDArray[np.intp]:
        """(T,) the fold of each frame's person."""
        names, who = np.unique(self.person, return_inverse=True)
        return np.asarray(np.random.default_rng(0).permutation(len(names))[who] % _FOLDS)

    def out_of_fold(self, labels: npt.NDArray[np.integer], lacking: Bools) -> F64:
        """(T,) o_g, each frame's from a fit without its person."""
        fold = self.folds
        o_g = np.zeros(len(fold))
        for k in range(_FOLDS):
            weight, bias = self.fit(fold != k, labels, lacking)
            o_g[fold == k] = self.rendered[fold == k] @ weight + bias
        return o_g


def _learned(data: _Data, crops: tuple[F64, F64], labels: npt.NDArray[np.integer], lacking: Bools, rate: float) -> _AU:
    weight, bias = data.fit(np.ones(len(labels), np.bool_), labels, lacking)
    shares = _equal(crops[1], data.portraits @ weight + bias)
    rendered = shares[0] * crops[0] + shares[1] * data.out_of_fold(labels, lacking)
    column = labels[:, None]
    calibration = platt_scaling.fit(rendered[:, None], column)
    scale, offset = float(calibration.scale[0]), float(calibration.bias[0])
    best = platt_scaling.f1_thresholds(calibration.probability(rendered[:, None]), column, np.array([rate]))
    portraits = shares[0] * crops[1] + shares[1] * (data.portraits @ weight + bias)
    threshold = _at_least(float(best[0]), scale * portraits[lacking] + offset)
    return _AU(threshold, weight, bias, offset, scale * shares[0], scale * shares[1], scale * rendered + offset)


def _mapped(data: _Data, crops: F64, lacking: Bools, spread: F64, names: tuple[str, ...]) -> _AU:
    weight = np.zeros(len(FEATURES))
    for name in names:
        place = NAMES.index(name)
        weight[place] = spread[place] / len(names)  # o_g is in the blendshapes' own log-odds
    points = data.portraits @ weight
    shares = _equal(crops, points)
    portraits = shares[0] * crops + shares[1] * points
    offset = -float(np.quantile(portraits[lacking], 1 - REST_ALARMS))
    return _AU(0.5, weight, 0.0, offset, *shares)


def _equal(crops: F64, points: F64) -> tuple[float, float]:
    """The shares of both voices: they differ equally over the portraits, and their mean is on the crops' scale."""
    return 0.5, 0.5 * float(crops.std() / max(points.std(), 1e-6))


def _at_least(threshold: float, lacking: F64) -> float:
    """The threshold, raised until at most REST_ALARMS of the faces (logits) that lack the AU reach it."""
    highest = float(sigmoid(np.quantile(lacking, 1 - REST_ALARMS, keepdims=True))[0])
    return min(max(threshold, highest), _HIGHEST)
