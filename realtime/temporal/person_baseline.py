"""Applies the person baseline to each face of a run. The method is in ks/calibration/person_baseline.py."""

import numpy as np

from knowledge_spreader.arrays import F32, logit, sigmoid
from knowledge_spreader.calibration.person_baseline import Person, PersonView
from knowledge_spreader.realtime.temporal.neutral_baseline import KEPT_S
from knowledge_spreader.realtime.temporal.windows import Key


class People:
    """Person baselines of all faces of a run. view: None = probabilities are not changed."""

    def __init__(self, view: PersonView | None) -> None:
        self._view = view
        self._people: dict[Key, tuple[Person, float]] = {}  # and when they were last seen

    def apply(self, key: Key, time_s: float, probability: F32) -> F32:
        """The probability (U,) relative to the person's baseline; AUs of weight 0 are not changed."""
        if self._view is None:
            return probability
        person, _ = self._people.get(key) or (Person(self._view), time_s)
        self._people[key] = person, time_s
        seen = sigmoid(person.apply(logit(probability), time_s))
        return np.where(self._view.weight > 0, seen, probability).astype(np.float32)

    def forget(self, stream: int, time_s: float | None = None) -> None:
        """Drops the people of a stream; with time_s, only those not seen for KEPT_S before it."""
        for key, (_, seen_s) in list(self._people.items()):
            if key[0] == stream and (time_s is None or time_s - seen_s > KEPT_S):
                del self._people[key]
