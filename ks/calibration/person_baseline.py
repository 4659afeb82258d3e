"""The person baseline: from each logit, subtract the person's running low quantile of that logit.

Resting faces differ: one person's brows look lowered, another's raised. For the logit z of each AU u

    z'_u(t) = z_u(t) - w_u (b_u(t) - mu_u)        b = (n0 mu + n q) / (n0 + n)

q is a low quantile of this face's logits before t; high values are expressions, low ones the resting face. n is the
time for which the face was seen, in seconds, and mu the mean baseline over people. mu counts like n0 seconds of video:
the first logits of a face are unchanged, and the baseline converges within seconds. The weight w is learned on held-out
subjects (person_baseline_fit.py); it is 0 for AUs that do not improve.

It is causal. Logits are weighted by time, not by frames: each one counts until the next, so that the baseline does not
depend on the frame rate. Old logits decay with the time constant memory_s. The state of a face is a histogram per AU.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import ModelSpec

HOLD_S = 1.0  # a logit counts for at most this time; longer gaps are not counted
_REACH = 14.0  # logits are clipped to +- this (probability 1e-6)
_BIN = 0.25  # width of a bin, in logits
_CENTRES = np.arange(-_REACH, _REACH + _BIN / 2, _BIN)


@dataclass(frozen=True, slots=True, eq=False)
class PersonView:
    """The parameters of the person baseline. ModelSpec checks their values."""

    quantile: float  # this quantile of a face's logits is q
    rest_s: float  # n0, weight of the average person's baseline
    memory_s: float  # time constant of forgetting
    weight: F64  # (U,) w, 0 to 1
    mean: F64  # (U,) mu, logits

    @classmethod
    def of(cls, spec: ModelSpec) -> "PersonView | None":
        """The parameters in a model's spec; None if there are none."""
        if not spec.person_weight:
            return None
        weight, mean = np.array(spec.person_weight), np.array(spec.person_mean)
        return cls(spec.person_quantile, spec.person_rest_s, spec.person_memory_s, weight, mean)

    def into(self, spec: ModelSpec) -> ModelSpec:
        """The spec with these parameters. Raises ModelError if they do not fit the spec."""
        return replace(
            spec,
            person_weight=tuple(self.weight.tolist()),
            person_mean=tuple(self.mean.tolist()),
            person_quantile=self.quantile,
            person_rest_s=self.rest_s,
            person_memory_s=self.memory_s,
        )

    def rescaled(self, scale: Floats, bias: Floats) -> "PersonView":
        """The parameters after a calibration z -> scale * z + bias, (U,) each, scale > 0."""
        return replace(self, mean=self.mean * scale + bias)


class Rest:
    """The past logits of one face: a histogram per AU, in seconds that decay."""

    def __init__(self, n_aus: int, memory_s: float) -> None:
        self.seen_s = 0.0  # n, at most memory_s
        self._memory_s = memory_s
        self._seconds = np.zeros((n_aus, len(_CENTRES)))
        self._aus = np.arange(n_aus)
        self._before: tuple[float, npt.NDArray[np.intp], F64] | None = (
            None  # time; per AU the bin and the share in the next bin
        )

    def see(self, logits: Floats, time_s: float) -> None:
        """Adds the previous logits with the time since then, and stores logits (U,) of time_s for the next call."""
        if self._before is not None:
            then_s, low, above = self._before
            held_s = min(max(time_s - then_s, 0.0), HOLD_S)
            fade = np.exp(-held_s / self._memory_s)
            self._seconds *= fade
            self._seconds[self._aus, low] += held_s * (1 - above)
            self._seconds[self._aus, low + 1] += held_s * above
            self.seen_s = self.seen_s * fade + held_s
        # Linear interpolation between two bins: rounding errors must not move a logit by a whole bin.
        place = (np.clip(logits.astype(np.float64), -_REACH, _REACH) + _REACH) / _BIN
        low = np.minimum(place.astype(np.intp), len(_CENTRES) - 2)
        self._before = time_s, low, place - low

    def quantile(self, q: float) -> F64:
        """(U,) the q-quantile of each AU's logits over time. Only valid if seen_s > 0."""
        total = np.cumsum(self._seconds, axis=1)
        wanted = q * total[:, -1]
        at = np.argmax(total >= wanted[:, None], axis=1)
        inside = self._seconds[self._aus, at]
        share = 1 - (total[self._aus, at] - wanted) / np.where(inside > 0, inside, 1)
        return np.asarray(_CENTRES[at] + _BIN * (np.clip(share, 0, 1) - 0.5))


class Person:
    """The person baseline of one face, frame by frame."""

    def __init__(self, view: PersonView) -> None:
        self._view = view
        self._rest = Rest(len(view.weight), view.memory_s)

    def apply(self, logits: Floats, time_s: float) -> F64:
        """The logits (U,) of time_s after the baseline; the first of a face are unchanged."""
        view, rest = self._view, self._rest
        rest.see(logits, time_s)
        if not rest.seen_s:
            return logits.astype(np.float64)
        trust = rest.seen_s / (view.rest_s + rest.seen_s)
        return np.asarray(logits - view.weight * trust * (rest.quantile(view.quantile) - view.mean))


def apply_person(view: PersonView, logits: Floats, times_s: Floats) -> F64:
    """Applies the baseline to all logits (T, U) of one face at times_s (T,), oldest first, as live.

    Raises DataError if the shapes do not fit.
    """
    if logits.ndim != 2 or logits.shape[1] != len(view.weight) or times_s.shape != logits.shape[:1]:
        raise DataError(
            f"logits must be (T, {len(view.weight)}) and times (T,); got {logits.shape} and {times_s.shape}"
        )
    person = Person(view)
    rows = [person.apply(row, float(time_s)) for row, time_s in zip(logits, times_s, strict=True)]
    return np.stack(rows) if rows else np.zeros(logits.shape)
