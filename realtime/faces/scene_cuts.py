"""Detects scene cuts, where an image shows a different place from the image before it.

A cut changes both the layout and the colours. A change of light leaves the layout, so the thumbnails still correlate. A
panning camera, or a face that moves close to it, leaves the colours. It is a cut only if both tests fail.
"""

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.opencv import cv2

# Correlation of the two thumbnails. Measured: within real shots, at 5 images per second, at least 0.8; after a change
# of exposure that saturates a third of the image, 0.86; between different rooms at most 0.58, for half of all pairs
# below 0.25. Two shots by one fixed camera (0.68 to 0.98) are not a cut.
ALIKE_IN_PLACE = 0.6
# Overlap of the two colour histograms, measured where the thumbnails do not correlate: between different rooms at most
# 0.60, for half of all pairs below 0.33; when the camera pans by up to 30 % of the image at least 0.65; when a face
# that fills half of it moves, 0.80.
ALIKE_IN_COLOUR = 0.63
# Smallest standard deviation, in grey levels, of a thumbnail that is compared. A black, white or grey image is skipped,
# so that the scene after it is compared with the scene before it.
SHOWS_SOMETHING = 4.0
_SAMPLED_PX = (128, 96)  # bilinear samples: fast, and dense enough that averages of 8 x 8 of them do not flicker
_THUMBNAIL_PX = (16, 12)  # a turning head changes few of these
_COLOURS = 16  # per channel


class CutWatch:
    """Compares each image of one stream with the last one that was not blank.

    It misses cross-fades, because their steps are small.
    """

    def __init__(self) -> None:
        self._last: tuple[U8, F32] | None = None  # samples and thumbnail

    def is_cut(self, image: U8) -> bool:
        """Whether a new scene starts with this image (H, W, 3); False for the first image."""
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
    """Colour histogram, (16, 16, 16), sum 1; smoothed over neighbouring bins, so that bin edges do not matter."""
    smooth = cv2.GaussianBlur(samples, (0, 0), 1)  # removes sensor noise
    bins = cv2.calcHist([smooth], [0, 1, 2], None, [_COLOURS] * 3, [0, 256] * 3)
    shares = np.asarray(bins, np.float32) / (samples.shape[0] * samples.shape[1])
    for axis in range(3):
        shares = (np.roll(shares, 1, axis) + 2 * shares + np.roll(shares, -1, axis)) / 4
    return np.asarray(shares, np.float32)
