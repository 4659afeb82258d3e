"""Calibration to a person: what their neutral face makes the model say is taken off.

Some people's brows look lowered at rest. For the first seconds that a face is seen it is taken to be neutral; the
median logit of each AU over that time is how much its bare features say. Where that is more than a neutral face should
say, the difference is subtracted from then on:

    probability = sigmoid(logit - max(0, neutral - logit(REST)))

It only ever lowers: a face whose neutral is answered with 0.02 gains nothing by being raised.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32, logit, sigmoid
from knowledge_spreader.realtime.temporal.windows import Key

REST = 0.1  # highest probability that a neutral face is left with
_REST_LOGIT = math.log(REST / (1 - REST))
_MIN_SAMPLES = 5
KEPT_S = 10.0  # a face that was lost for so long comes back under another id, if at all


@dataclass(slots=True)
class _Person:
    since_s: float
    seen_s: float
    logits: list[F32] = field(default_factory=list)
    excess: F32 | None = None  # (U,) what is subtracted


class Neutral:
    """Calibrates each face of a run to itself. seconds: how long it is neutral at first; 0 = nobody is calibrated."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._people: dict[Key, _Person] = {}

    def apply(self, key: Key, time_s: float, probability: F32) -> tuple[F32, bool]:
        """The probability (U,) relative to the person, and whether it is: not so in the first seconds."""
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
        """Drops a stream's people; with time_s only those who were not seen for long before it."""
        for key, person in list(self._people.items()):
            if key[0] == stream and (time_s is None or time_s - person.seen_s > KEPT_S):
                del self._people[key]
