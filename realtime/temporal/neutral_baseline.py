"""The neutral baseline (--neutral): subtracts what the model predicts for a person's neutral face.

Some people's brows look lowered at rest. The first seconds of a track are taken to be neutral, and the median logit of
each AU over that time is the baseline. If it is above that of probability REST, the difference is subtracted from then
on:

    probability = sigmoid(logit - max(0, neutral - logit(REST)))

Probabilities are only lowered, never raised.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32, logit, sigmoid
from knowledge_spreader.realtime.temporal.windows import Key

REST = 0.1  # highest probability for a neutral face after the correction
_REST_LOGIT = math.log(REST / (1 - REST))
_MIN_SAMPLES = 5
KEPT_S = 10.0  # keep the baseline of a lost face this long; its id is not used again after that


@dataclass(slots=True)
class _Person:
    since_s: float
    seen_s: float
    logits: list[F32] = field(default_factory=list)
    excess: F32 | None = None  # (U,) what is subtracted


class Neutral:
    """Neutral baselines of all faces of a run. seconds: length of the neutral time; 0 = no baseline."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._people: dict[Key, _Person] = {}

    def apply(self, key: Key, time_s: float, probability: F32) -> tuple[F32, bool]:
        """The corrected probability (U,), and whether the baseline is known yet."""
        if not self._seconds:
            return probability, False
        person = self._people.setdefault(key, _Person(time_s, time_s))
        person.seen_s = time_s
        said = logit(probability)
        if person.excess is None:
            if time_s - person.since_s < self._seconds or len(person.logits) < _MIN_SAMPLES:
                person.logits.append(said)
                return probability, False
            neutral = np.median(person.logits, axis=0)
            person.excess = np.maximum(0, neutral - _REST_LOGIT).astype(np.float32)
            person.logits.clear()
        return sigmoid(said - person.excess), True

    def forget(self, stream: int, time_s: float | None = None) -> None:
        """Drops the people of a stream; with time_s, only those not seen for KEPT_S before it."""
        for key, person in list(self._people.items()):
            if key[0] == stream and (time_s is None or time_s - person.seen_s > KEPT_S):
                del self._people[key]
