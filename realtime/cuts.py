"""Scene cuts: one picture shows another place than the one before it."""

import cv2
import numpy as np

from realtime.types import F32, U8

# Correlation of neighbouring thumbnails below which they show two places. Measured: within a shot, at 5 pictures a
# second, at least 0.8; after a change of exposure that burns out a third of the picture, 0.86; between different rooms
# at most 0.58, for half of all pairs below 0.25. Two shots by one camera that stands still (0.68 to 0.98) are no cut.
CUT_BELOW = 0.6
# Standard deviation, in grey levels, of a thumbnail that shows something. A black, white or grey picture shows nothing:
# the scene that comes back after it is the same, and another one is a cut.
SHOWS_SOMETHING = 4.0
_SAMPLED_PX = (128, 96)  # bilinear samples: cheap, and dense enough that averages of 8 x 8 of them do not flicker
_THUMBNAIL_PX = (16, 12)  # a head that turns changes few of these


class CutWatch:
    """Compares each picture of one stream with the last one that showed something.

    Blind to brightness and contrast. It does not see a cross-fade, whose steps are small.
    """

    def __init__(self) -> None:
        self._last: F32 | None = None

    def is_cut(self, image: U8) -> bool:
        """Whether this picture (H, W, 3) shows another place than the one before; False for the first."""
        seen = _thumbnail(image)
        spread = float(np.sqrt(np.square(seen).mean()))
        if spread < SHOWS_SOMETHING:
            return False
        seen /= spread
        last, self._last = self._last, seen
        return last is not None and float((last * seen).mean()) < CUT_BELOW


def _thumbnail(image: U8) -> F32:
    """(12, 16, 3), zero mean in each colour."""
    sampled = cv2.resize(image, _SAMPLED_PX, interpolation=cv2.INTER_LINEAR)
    small = np.asarray(cv2.resize(sampled, _THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(small - small.mean((0, 1)), np.float32)
