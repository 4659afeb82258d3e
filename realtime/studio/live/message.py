"""message(): a picture and what was answered of it, as one message, so that they cannot drift apart.

    u32, little-endian: n    n bytes of JSON    JPEG

Boxes and the stated width and height are in pixels of the frame; the JPEG may be smaller.
"""

import json
import math
from typing import Any

import numpy as np

from knowledge_spreader.arrays import U8, Floats
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.studio.live.session import Shown
from knowledge_spreader.realtime.types import FaceAUs, Frame

WIDEST_PX = 960
_QUALITY = 80  # of JPEG


def message(n: int, shown: Shown, notes: tuple[str, ...] = ()) -> bytes:
    """n: the number that the page acknowledges. notes: lines for the page beside those of the model."""
    result = shown.result
    frame = result.frame
    height, width = frame.image.shape[:2]
    header = {
        "n": n,
        "time_s": round(frame.time_s, 6),
        "captured_s": frame.captured_s,  # by this machine's clock since its start
        "latency_ms": round(result.latency_ms, 1),
        "fps": round(shown.fps, 1),
        "dropped": shown.dropped,
        "width": width,
        "height": height,
        "faces": [_face(row, frame) for row in result.faces],
        "notes": [*result.notes, *notes],
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    return len(text).to_bytes(4, "little") + text + _jpeg(frame.image)


def _face(row: FaceAUs, frame: Frame) -> dict[str, Any]:
    measures = measures_of(row, frame)
    return {
        "id": row.face_id,
        "box": [round(float(edge), 1) for edge in row.face.box_xyxy_px],
        "rejected": row.face.rejected,
        "p": _numbers(row.probability),
        "on": [int(on) for on in row.occurrence],
        "differ": _numbers(row.disagreement),
        "intensity": [None] * len(row.aus) if row.intensity is None else _numbers(row.intensity),
        "sides": {} if row.sides is None else {str(au): _numbers(row.sides[i]) for i, au in enumerate(row.sided)},
        "pose": None if measures is None else _numbers(np.asarray(measures.pose.angles_deg)),
        "window": row.window_frames,
    }


def _numbers(values: Floats) -> list[float | None]:
    return [round(value, 3) if math.isfinite(value) else None for value in map(float, values)]


def _jpeg(rgb: U8) -> bytes:
    height, width = rgb.shape[:2]
    if width > WIDEST_PX:
        size = WIDEST_PX, max(1, round(height * WIDEST_PX / width))
        # AREA takes three times as long, and looks better only where more than every second pixel is left out
        how = cv2.INTER_LINEAR if width <= 2 * WIDEST_PX else cv2.INTER_AREA
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return bytes(data)
