"""Onsets of an AU in what a coder said, and how many of two coders' are the same within a tolerance.

Labels are frames. An onset is a frame in which the AU is present, after one in which the same coder called it absent:
the frame before, or a labelled one at most the tolerance earlier with none between. So a single labelled frame has no
onset, and nor has an AU that is present from the recording's first frame on.
"""

from collections.abc import Mapping
from itertools import pairwise

Said = Mapping[int, tuple[float, int]]  # frame -> its time in seconds, and 1, 0 or UNKNOWN; of one coder, face and AU

_ROUNDING_S = 1e-6  # .9 - .7 is a little more than .2


def onsets(said: Said, tolerance_s: float) -> list[int]:
    """The frames of the onsets, in order."""
    found = []
    frames = sorted(said)
    for before, frame in pairwise(frames):
        known = frame == before + 1 or said[frame][0] - said[before][0] <= tolerance_s + _ROUNDING_S
        if known and said[before][1] == 0 and said[frame][1] == 1:
            found.append(frame)
    return found


def matched(a_s: list[float], b_s: list[float], tolerance_s: float) -> int:
    """The most pairs, one of each, that are at most the tolerance apart. a_s, b_s: increasing."""
    pairs = i = j = 0
    while i < len(a_s) and j < len(b_s):
        apart = a_s[i] - b_s[j]
        if abs(apart) <= tolerance_s + _ROUNDING_S:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif apart < 0:
            i += 1
        else:
            j += 1
    return pairs
