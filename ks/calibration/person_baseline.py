"""The person's own rest, as the model answers it: what their face says when it does nothing is taken off, per AU.

People differ more than faces move: one person's resting brows look lowered, another's look raised. With z the logit of
an answer, for each AU u

    z'_u(t) = z_u(t) - w_u (b_u(t) - mu_u)        b = (n0 mu + n q) / (n0 + n)

q is a low quantile of what this face has said before t (what lies highest is what it did, not what it is), n the
seconds that it was seen, mu what people say at rest on average. n0 seconds of an average person are thought in front:
the first answer of a face is left as it is, and trust in what was seen of it grows with time. w is learned on people
who were not trained on (person_baseline_fit.py); it is 0 for an AU that gains nothing.

Causal, and in time rather than in frames: an answer stands until the next one, so that 3 and 30 frames a second see
the same rest. What was seen fades with a time constant of memory_s. The state of a face is one histogram per AU.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import ModelSpec

HOLD_S = 1.0  # no answer stands for longer: nobody knows what a face did while it was away
_REACH = 14.0  # logits beyond it count as it: probability 1e-6
_BIN = 0.25  # width in logits
_CENTRES = np.arange(-_REACH, _REACH + _BIN / 2, _BIN)


@dataclass(frozen=True, slots=True, eq=False)
class PersonView:
    """How the answers of a model are seen relative to the person. Its values are checked where a ModelSpec is born."""

    quantile: float  # of what a face says: its rest
    rest_s: float  # n0: so many seconds count for an average person
    memory_s: float  # time constant of forgetting
    weight: F64  # (U,) w, 0 to 1
    mean: F64  # (U,) mu, logits

    @classmethod
    def of(cls, spec: ModelSpec) -> "PersonView | None":
        """The view that a model carries; None where it has none."""
        if not spec.person_weight:
            return None
        weight, mean = np.array(spec.person_weight), np.array(spec.person_mean)
        return cls(spec.person_quantile, spec.person_rest_s, spec.person_memory_s, weight, mean)

    def into(self, spec: ModelSpec) -> ModelSpec:
        """The spec of the same model with this view. Raises ModelError where they do not fit."""
        return replace(
            spec,
            person_weight=tuple(self.weight.tolist()),
            person_mean=tuple(self.mean.tolist()),
            person_quantile=self.quantile,
            person_rest_s=self.rest_s,
            person_memory_s=self.memory_s,
        )

    def rescaled(self, scale: Floats, bias: Floats) -> "PersonView":
        """The view of a model whose logits become scale * z + bias (U,), scale > 0: weights stay, rests move along."""
        return replace(self, mean=self.mean * scale + bias)


class Rest:
    """What one face has said: for each AU a histogram of its logits, in seconds that fade."""

    def __init__(self, n_aus: int, memory_s: float) -> None:
        self.seen_s = 0.0  # n; at most memory_s
        self._memory_s = memory_s
        self._seconds = np.zeros((n_aus, len(_CENTRES)))
        self._aus = np.arange(n_aus)
        self._before: tuple[float, npt.NDArray[np.intp], F64] | None = None  # time, bin and share above it, per AU

    def see(self, logits: Floats, time_s: float) -> None:
        """logits (U,) at time_s. The answer before them stood until now; they themselves count from the next one on."""
        if self._before is not None:
            then_s, low, above = self._before
            held_s = min(max(time_s - then_s, 0.0), HOLD_S)
            fade = np.exp(-held_s / self._memory_s)
            self._seconds *= fade
            self._seconds[self._aus, low] += held_s * (1 - above)
            self._seconds[self._aus, low + 1] += held_s * above
            self.seen_s = self.seen_s * fade + held_s
        # Between two centres, a logit counts for both: a tremble in its last digit must not move a whole bin.
        place = (np.clip(logits.astype(np.float64), -_REACH, _REACH) + _REACH) / _BIN
        low = np.minimum(place.astype(np.intp), len(_CENTRES) - 2)
        self._before = time_s, low, place - low

    def quantile(self, q: float) -> F64:
        """(U,) logit below which each AU's answer stood for a share q of the time; to be asked when seen_s > 0."""
        total = np.cumsum(self._seconds, axis=1)
        wanted = q * total[:, -1]
        at = np.argmax(total >= wanted[:, None], axis=1)
        inside = self._seconds[self._aus, at]
        share = 1 - (total[self._aus, at] - wanted) / np.where(inside > 0, inside, 1)
        return np.asarray(_CENTRES[at] + _BIN * (np.clip(share, 0, 1) - 0.5))


class Person:
    """One face under a view, answer by answer."""

    def __init__(self, view: PersonView) -> None:
        self._view = view
        self._rest = Rest(len(view.weight), view.memory_s)

    def apply(self, logits: Floats, time_s: float) -> F64:
        """The logits (U,) of time_s relative to the person; the first of a face come back as they are."""
        view, rest = self._view, self._rest
        rest.see(logits, time_s)
        if not rest.seen_s:
            return logits.astype(np.float64)
        trust = rest.seen_s / (view.rest_s + rest.seen_s)
        return np.asarray(logits - view.weight * trust * (rest.quantile(view.quantile) - view.mean))


def apply_person(view: PersonView, logits: Floats, times_s: Floats) -> F64:
    """All answers (T, U) of one face at times_s (T,), oldest first, relative to the person: what is said live.

    Raises DataError where the shapes do not fit.
    """
    if logits.ndim != 2 or logits.shape[1] != len(view.weight) or times_s.shape != logits.shape[:1]:
        raise DataError(f"logits are (T, {len(view.weight)}) and times (T,); got {logits.shape} and {times_s.shape}")
    person = Person(view)
    rows = [person.apply(row, float(time_s)) for row, time_s in zip(logits, times_s, strict=True)]
    return np.stack(rows) if rows else np.zeros(logits.shape)
