"""Pictures for the face models: the demo's frames, files, and a picture made small as MediaPipe does it."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from knowledge_spreader.face.blaze_face import INPUT_PX, BlazeFace
from knowledge_spreader.face.mesh_region import Region, region_of_detection
from tests.paths import ROOT

DEMO = ROOT / "realtime" / "demo"


def picture(path: Path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def frames(path: Path) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


def small(image):
    """(128, 128, 3): the whole picture with black bars. Also the matrix (2, 3) that made it.

    Bilinear at places rounded to 1/32 px, as in the OpenCV that MediaPipe is built with.
    """
    height, width = image.shape[:2]
    scale = INPUT_PX / max(height, width)
    matrix = np.array([(scale, 0, (INPUT_PX - scale * width) / 2), (0, scale, (INPUT_PX - scale * height) / 2)])
    x, y = (np.rint((np.arange(INPUT_PX) - shift) / scale * 32) / 32 for shift in matrix[:, 2])
    places = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
    return cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), matrix


def regions(image, detector: BlazeFace) -> list[Region]:
    """The squares of all faces of a picture, best first."""
    shown, matrix = small(image)
    scale, shift = matrix[0, 0], matrix[:, 2]
    return [
        region_of_detection((face.corners_px - shift) / scale, (face.points_px - shift) / scale)
        for face in detector.detect(shown[None])[0]
    ]
