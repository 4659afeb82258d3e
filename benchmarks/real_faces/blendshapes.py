"""AUs from the blendshapes of MediaPipe FaceLandmarker: the baseline that anyone can run without a data set.

    AU    blendshapes (the mean of left and right)     AU    blendshapes
    1     browInnerUp                                  12    mouthSmile
    2     browOuterUp                                  14    mouthDimple        dead
    4     browDown                                     15    mouthFrown
    5     eyeWide                                      17    mouthShrugLower
    6     cheekSquint        dead                      20    mouthStretch
    7     eyeSquint                                    23    none               blind
    9     noseSneer          dead                      24    mouthPress
    10    mouthUpperUp                                 25    max(jawOpen - mouthClose, mouthLowerDown, mouthUpperUp)
    26    jawOpen                                      43    eyeBlink

Dead: the value stays near 0, so no threshold works, though its ranking may still follow a smile. Means are given with
and without these AUs. A blendshape is not a probability, so there is no calibration error. F1 is at the threshold CUT,
a natural first choice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import MissingError, ModelError, one_line
from knowledge_spreader.face.detector import Box, box_width

CUT = 0.3
BLIND = frozenset({6, 9, 14, 23})
_SIDED = {
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    6: "cheekSquint",
    7: "eyeSquint",
    9: "noseSneer",
    10: "mouthUpperUp",
    12: "mouthSmile",
    14: "mouthDimple",
    15: "mouthFrown",
    20: "mouthStretch",
    24: "mouthPress",
    43: "eyeBlink",
}
_SINGLE = {1: "browInnerUp", 17: "mouthShrugLower", 26: "jawOpen"}
_AROUND = 1.5  # half the side of the square given to MediaPipe, in face widths; in whole images it misses small faces


class Blendshapes:
    """MediaPipe's FaceLandmarker on single faces. A context manager. Raises MissingError or ModelError."""

    def __init__(self, model: Path) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import vision
            from mediapipe.tasks.python.core.base_options import BaseOptions
        except (ImportError, OSError) as exc:
            raise MissingError(
                f"MediaPipe cannot be loaded ({exc}); run: pip install 'knowledge-spreader[mediapipe]'"
            ) from exc
        try:
            data = model.read_bytes()
        except OSError as exc:
            raise MissingError(f"--landmarker {model}: cannot be read ({one_line(exc)}); check the path") from exc
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=data), num_faces=4, output_face_blendshapes=True
        )
        self._mediapipe: Any = mediapipe
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as exc:
            raise ModelError(
                f"--landmarker {model}: MediaPipe cannot use it as a face_landmarker.task; download that file again"
            ) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._landmarker.close()

    def read(self, image: U8, box: Box) -> dict[int, float] | None:
        """AU -> 0 to 1 for the face in `box`; None if MediaPipe finds no face there. image: (H, W, 3) RGB."""
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, _AROUND * box_width(box)
        height, width = image.shape[:2]
        left, top = max(round(x - half), 0), max(round(y - half), 0)
        part = np.ascontiguousarray(image[top : min(round(y + half), height), left : min(round(x + half), width)])
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=part)
        found = self._landmarker.detect(picture)
        middle = np.array([(x - left) / part.shape[1], (y - top) / part.shape[0]])
        best, reach = None, box_width(box) / part.shape[1]
        for points, shapes in zip(found.face_landmarks, found.face_blendshapes, strict=True):
            apart = float(np.abs(np.mean([(p.x, p.y) for p in points], axis=0) - middle).max())
            if apart < reach:
                best, reach = shapes, apart
        return None if best is None else aus_of({shape.category_name: shape.score for shape in best})


def aus_of(shapes: Mapping[str, float]) -> dict[int, float]:
    """52 blendshapes -> AUs by the table above, without AU 23, which has no blendshape."""

    def both(name: str) -> float:
        return (shapes[f"{name}Left"] + shapes[f"{name}Right"]) / 2

    aus = {au: both(name) for au, name in _SIDED.items()} | {au: shapes[name] for au, name in _SINGLE.items()}
    aus[25] = max(shapes["jawOpen"] - shapes["mouthClose"], both("mouthLowerDown"), both("mouthUpperUp"))
    return aus
