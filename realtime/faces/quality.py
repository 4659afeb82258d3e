"""The quality gate: a face that is too small, turned, blurred or cut off gets a reason instead of AUs.

    small     narrower than min_face_px
    edge      more than a tenth of the face lies outside the image
    turned    yaw or pitch hides half of the face, or the brows or the mouth
    blurred   the crop has less detail than a sharp face of MIN_FACE_PX would have

A rejected face must be better than the limit by 10 % to be accepted again, so that it does not flicker at the limit.
"""

import numpy as np

from knowledge_spreader.arrays import F32, F64, U8
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.faces.head_pose import outside_share, turn_deg

MIN_FACE_PX = 48.0  # width; the crop then covers 72 px of the image, and a brow is 2 px thick
MIN_WITH_POINTS_PX = 32.0  # where landmarks are heard beside the crop; docs/results.md says what that is worth
MAX_OUTSIDE = 0.10  # share of the face; if the image ends at the lower lip it is 0.27
MAX_YAW_DEG = 35.0  # above, the far cheek and mouth corner are at a grazing angle
MAX_PITCH_DEG = 30.0  # pitch is only known to 5 degrees, so this rejects clearly lowered or raised heads only
# `detail`, measured: sharp real faces at least 0.24 (the softest are previews of 65 px), the same reduced to 48 px at
# least 0.207; blurred by a Gaussian of 4 px in a 224 px crop at most 0.181; by motion of 15 px mostly below 0.19.
MIN_DETAIL = 0.19
BETTER = 1.1  # factor by which a rejected face must be better than the limit

_DETAIL_PX = 64  # side at which detail is measured: the resolution of a face of MIN_FACE_PX
_COARSE_PARTS = 16  # coarse structure is a 16th of the crop: the height of an eye, a lip
_FACE_ROWS, _FACE_COLUMNS = (0.19, 0.81), (0.16, 0.84)  # brows to chin, in sides of the crop
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # motion blurs only one of them


def reject(face_px: float, points: F64, crop: U8, image: U8, *, min_face_px: float, before: str = "") -> str:
    """Why a face is rejected: "small", "edge", "turned" or "blurred"; "" if it is accepted.

    face_px: width of the face. points: (6, 2) in pixels of `image`. before: the result for this face in the previous
    frame.
    """

    def beyond(reason: str, share: float) -> bool:
        """Whether the value is beyond its limit. share: value / limit."""
        return share * (BETTER if before == reason else 1.0) > 1.0

    if beyond("small", min_face_px / max(face_px, 1e-6)):
        return "small"
    if beyond("edge", outside_share(points, image.shape[1], image.shape[0]) / MAX_OUTSIDE):
        return "edge"
    yaw, pitch = turn_deg(points)
    if beyond("turned", max(abs(yaw) / MAX_YAW_DEG, abs(pitch) / MAX_PITCH_DEG)):
        return "turned"
    if beyond("blurred", MIN_DETAIL / max(detail(crop), 1e-6)):
        return "blurred"
    return ""


def detail(crop: U8) -> float:
    """Fine detail of a crop (S, S, 3) divided by its structure at a 16th of the side; 0.24 or more is sharp.

    Because it is a ratio, smooth or dark skin and dim light do not count as blur. It is the lowest over four
    directions, so motion blur counts. Sensor noise counts as detail, so blur in a dark, noisy face is not detected.
    """
    side = min(_DETAIL_PX, crop.shape[0])
    coarse = max(side // _COARSE_PARTS, 1)
    reduced = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (side, side), interpolation=cv2.INTER_AREA)
    grey = np.asarray(reduced, np.float32)
    smooth = np.asarray(cv2.blur(grey, (coarse, coarse)), np.float32)
    rows, columns = (slice(round(a * side), round(b * side)) for a, b in (_FACE_ROWS, _FACE_COLUMNS))

    def curvature(picture: F32, dy: int, dx: int) -> float:
        """Root mean square of the second difference."""
        middle = picture[rows, columns]
        ahead, behind = (
            picture[rows.start + n * dy : rows.stop + n * dy, columns.start + n * dx : columns.stop + n * dx]
            for n in (1, -1)
        )
        return float(np.sqrt(np.square(ahead + behind - 2 * middle).mean()))

    return min(
        curvature(grey, dy, dx) / max(curvature(smooth, dy * coarse, dx * coarse), 1e-2) for dy, dx in _DIRECTIONS
    )
