"""MediaPipe's blendshapes: 478 points of the face mesh -> 52 named movements, each 0 to 1.

The model looks at 146 of the points. It takes pixels of the picture, x and y, and scales them itself.
"""

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.tflite_model import BLENDSHAPES, packaged_model

# fmt: off
NAMES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)
USED = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
# fmt: on


class Blendshapes:
    """The model. threads: as in TfliteModel."""

    def __init__(self, *, threads: int = 1) -> None:
        answers = {"StatefulPartitionedCall:0": len(NAMES)}
        self._model = packaged_model(BLENDSHAPES, (len(USED), 2), answers, threads=threads)

    def values(self, points_px: F32) -> F32:
        """(F, 478, 2 or 3) in pixels of the picture -> (F, 52) in the order of NAMES."""
        if points_px.ndim != 3 or points_px.shape[1] != 478 or points_px.shape[2] < 2:
            raise DataError(f"blendshapes are made of points (F, 478, 2 or 3); got {points_px.shape}")
        return self._model(np.ascontiguousarray(points_px[:, USED, :2], np.float32))[0]
