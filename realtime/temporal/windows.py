"""The rolling window of each face: features that were computed once, picked at the model's frame interval.

camera, 30 fps     . . . . . . * t         features of one face, by the time of their frames
model, 25 fps      t-.16 ... t-.04 t       N = 5 places; each takes the feature whose time is nearest
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.face.alignment import PointFilter
from knowledge_spreader.spec import ModelSpec

Key = tuple[int, int]  # number of the stream, face_id
GAP_S = PointFilter.GAP_S  # a face unseen for longer starts afresh, like its crop


@dataclass(slots=True)
class _History:
    times_s: deque[float] = field(default_factory=deque)
    features: deque[F32] = field(default_factory=deque)

    def add(self, time_s: float, feature: F32, span_s: float) -> None:
        """Appends, and drops what no place of any later window can be nearest to."""
        self.times_s.append(time_s)
        self.features.append(feature)
        while len(self.times_s) > 1 and self.times_s[1] <= time_s - span_s:
            self.times_s.popleft()
            self.features.popleft()


class Windows:
    """Features of all faces of a run, by stream and face."""

    def __init__(self, spec: ModelSpec) -> None:
        self._back_s = np.arange(spec.n_frames - 1, -1, -1) * spec.frame_interval_s  # oldest first
        self._histories: dict[Key, _History] = {}

    def push(self, key: Key, time_s: float, feature: F32, fresh: bool) -> tuple[F32, int]:
        """The window (N, C) that ends with this feature (C,), oldest first, and how many different frames are in it.

        Starts afresh where `fresh` says so, after more than GAP_S without the face, and where time does not go on.
        While a track is short, and where the camera is slower than the model, a feature fills several places.
        """
        history = self._histories.get(key)
        if history is None or fresh or not 0 < time_s - history.times_s[-1] <= GAP_S:
            history = self._histories[key] = _History()
        history.add(time_s, feature, float(self._back_s[0]))
        times = np.array(history.times_s)
        wanted = time_s - self._back_s
        distance = np.abs(times[::-1, None] - wanted)  # newest first: of two as near, the newer is taken
        picked = len(times) - 1 - distance.argmin(0)
        return np.stack([history.features[i] for i in picked]), len(set(picked.tolist()))

    def drop(self, key: Key) -> None:
        """The face starts afresh with what is pushed next."""
        self._histories.pop(key, None)

    def forget(self, stream: int, time_s: float | None = None) -> None:
        """Drops a stream's faces; with time_s only those that were not seen for GAP_S before it."""
        for key, history in list(self._histories.items()):
            if key[0] == stream and (time_s is None or time_s - history.times_s[-1] > GAP_S):
                del self._histories[key]
