"""The sliding window of each face: features are computed once per frame and sampled at the model's frame interval.

camera, 30 fps     . . . . . . * t         features of one face, at the times of their frames
model, 25 fps      t-.16 ... t-.04 t       N = 5 slots; each takes the feature nearest in time
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.face.alignment import PointFilter
from knowledge_spreader.spec import ModelSpec

Key = tuple[int, int]  # number of the stream, face_id
GAP_S = PointFilter.GAP_S  # after a longer gap the window starts empty, as the crop's filter does


@dataclass(slots=True)
class _History:
    times_s: deque[float] = field(default_factory=deque)
    features: deque[F32] = field(default_factory=deque)

    def add(self, time_s: float, feature: F32, span_s: float) -> None:
        """Appends, and drops features that no later window can use."""
        self.times_s.append(time_s)
        self.features.append(feature)
        while len(self.times_s) > 1 and self.times_s[1] <= time_s - span_s:
            self.times_s.popleft()
            self.features.popleft()


class Windows:
    """Windows of all faces of a run."""

    def __init__(self, spec: ModelSpec) -> None:
        self._back_s = np.arange(spec.n_frames - 1, -1, -1) * spec.frame_interval_s  # oldest first
        self._histories: dict[Key, _History] = {}

    def push(self, key: Key, time_s: float, feature: F32, fresh: bool) -> tuple[F32, int]:
        """The window (N, C) that ends with this feature (C,), oldest first, and how many different frames it holds.

        The window starts empty if `fresh` is set, after more than GAP_S without the face, and if time does not
        increase. While a track is short, or if the camera is slower than the model, one feature fills several slots.
        """
        history = self._histories.get(key)
        if history is None or fresh or not 0 < time_s - history.times_s[-1] <= GAP_S:
            history = self._histories[key] = _History()
        history.add(time_s, feature, float(self._back_s[0]))
        times = np.array(history.times_s)
        wanted = time_s - self._back_s
        distance = np.abs(times[::-1, None] - wanted)  # newest first: a tie goes to the newer one
        picked = len(times) - 1 - distance.argmin(0)
        return np.stack([history.features[i] for i in picked]), len(set(picked.tolist()))

    def drop(self, key: Key) -> None:
        """Empties the window of a face."""
        self._histories.pop(key, None)

    def forget(self, stream: int, time_s: float | None = None) -> None:
        """Drops the faces of a stream; with time_s, only those not seen for GAP_S before it."""
        for key, history in list(self._histories.items()):
            if key[0] == stream and (time_s is None or time_s - history.times_s[-1] > GAP_S):
                del self._histories[key]
