"""Scene cuts: one picture shows another place than the one before it.

A cut moves all that is seen and changes its colours. A change of light moves nothing, so thumbnails still correlate; a
camera that pans, or a face close to it, keeps its colours. Only where both fail the test it is a cut.
"""

import cv2
import numpy as np

from knowledge_spreader.arrays import F32, U8

# Correlation of the two thumbnails. Measured: within real shots, at 5 pictures a second, at least 0.8; after a change
# of exposure that burns out a third of the picture, 0.86; between different rooms at most 0.58, for half of all pairs
# below 0.25. Two shots by one camera that stands still (0.68 to 0.98) are no cut.
ALIKE_IN_PLACE = 0.6
# Overlap of the two colour histograms. Measured where places are not alike: between different rooms at most 0.60, half
# of all pairs below 0.33; when the camera pans by up to 30 % of the picture at least 0.65; when a face moves that fills
# half of it, 0.80.
ALIKE_IN_COLOUR = 0.63
# Standard deviation, in grey levels, of a thumbnail that shows something. A black, white or grey picture shows nothing:
# the scene that comes back after it is the same, and another one is a cut.
SHOWS_SOMETHING = 4.0
_SAMPLED_PX = (128, 96)  # bilinear samples: cheap, and dense enough that averages of 8 x 8 of them do not flicker
_THUMBNAIL_PX = (16, 12)  # a head that turns changes few of these
_COLOURS = 16  # per channel


class CutWatch:
    """Compares each picture of one stream with the last one that showed something.

    It does not see a cross-fade, whose steps are small.
    """

    def __init__(self) -> None:
        self._last: tuple[U8, F32] | None = None  # samples and thumbnail

    def is_cut(self, image: U8) -> bool:
        """Whether this picture (H, W, 3) shows another place than the one before; False for the first."""
        samples = np.asarray(cv2.resize(image, _SAMPLED_PX, interpolation=cv2.INTER_LINEAR), np.uint8)
        small = np.asarray(cv2.resize(samples, _THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float32)
        small -= small.mean((0, 1))
        spread = float(np.sqrt(np.square(small).mean()))
        if spread < SHOWS_SOMETHING:
            return False
        small /= spread
        last, self._last = self._last, (samples, small)
        if last is None or float((last[1] * small).mean()) >= ALIKE_IN_PLACE:
            return False
        return float(np.minimum(_colours(last[0]), _colours(samples)).sum()) < ALIKE_IN_COLOUR


def _colours(samples: U8) -> F32:
    """Shares of the colours, (16, 16, 16); a colour counts in the neighbouring bins too, so that none is at an edge."""
    smooth = cv2.GaussianBlur(samples, (0, 0), 1)  # sensor noise is no colour
    bins = cv2.calcHist([smooth], [0, 1, 2], None, [_COLOURS] * 3, [0, 256] * 3)
    shares = np.asarray(bins, np.float32) / (samples.shape[0] * samples.shape[1])
    for axis in range(3):
        shares = (np.roll(shares, 1, axis) + 2 * shares + np.roll(shares, -1, axis)) / 4
    return np.asarray(shares, np.float32)
