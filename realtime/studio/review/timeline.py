"""timeline_bytes(): all that ks-live would say of a recording, as one block of bytes that a page can draw from.

    u32       length of the header, little-endian
    header    JSON, filled up with spaces so that the arrays begin at a multiple of 8
    arrays    in the order of the header's "arrays": [name, type, shape]; each filled up to a multiple of 8

Of each face, by number of rows: its frames, and for each of them and each AU probability, occurrence, disagreement and
intensity; box, pose, and the sides of the AUs of which they are told.
"""

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, F64, I64, Bools, Floats, logit, sigmoid
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.realtime.adapt.answers import answers
from knowledge_spreader.realtime.adapt.cache import Watched
from knowledge_spreader.realtime.temporal.events import Occurrences
from knowledge_spreader.realtime.types import Event, Stream
from knowledge_spreader.spec import ModelSpec

NONE_U1, NONE_I2 = 255, -32768  # not known
PROBABILITY, DIFFER, LEVEL, SIDE, DEGREE = 65535, 255, 50, 254, 10  # what 1 is stored as

Array = npt.NDArray[Any]


def timeline_bytes(watched: Watched, model: ModelFile, spec: ModelSpec | None = None) -> bytes:
    """watched: of one recording. spec: with the thresholds in use; None: those of all voices of the model."""
    assert len(watched.frames) == 1, len(watched.frames)
    spec = spec or model.spec_heard(voices=True)
    faces, times_s = watched.faces, watched.times_s[0]
    probability = sigmoid(answers(model, faces)).astype(np.float32)
    present, events = _occurrence(faces.frame, faces.face, faces.time_s, probability, spec)
    intensity, sides = _intensity(model, probability), _sides(model, probability, faces.points)
    of_face = _by_face(faces.face)
    arrays: dict[str, Array] = {"times_s": times_s.astype("<f8"), "numbers": watched.frames[0].astype("<i4")}
    for face, rows in of_face.items():
        views = watched.views
        arrays |= {
            f"{face}.frame": faces.frame[rows].astype("<i4"),
            f"{face}.p": np.rint(probability[rows] * PROBABILITY).astype("<u2"),
            f"{face}.on": present[rows].astype("u1"),
            f"{face}.differ": np.rint(np.clip(views.differ[rows], 0, 1) * DIFFER).astype("u1"),
            f"{face}.box": _whole(views.box_px[rows]),
            f"{face}.pose": _whole(views.pose_deg[rows] * DEGREE),
            f"{face}.intensity": _small(intensity[rows] * LEVEL),
            f"{face}.left": _small(sides[rows, :, 0] * SIDE),
            f"{face}.right": _small(sides[rows, :, 1] * SIDE),
        }
    header = {
        "frames": len(times_s),
        "aus": list(spec.aus),
        "thresholds": [round(float(t), 6) for t in spec.thresholds or (0.5,) * len(spec.aus)],
        **_rate(times_s),
        "faces": [{"id": face, "rows": len(rows)} for face, rows in of_face.items()],
        "events": [_told(event) for event in events],
        "sided": list(_sided(model)),
        "experimental": list(spec.experimental),
        "weights": model.weights_id,
    }
    return b"".join(_packed(header, arrays))


def read_header(path: Path) -> dict[str, Any] | None:
    """The header of a kept timeline; None if the file is not there, or not whole."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<I", file.read(4))
            found = json.loads(file.read(length))
        bytes_of = [math.prod(shape) * np.dtype(kind).itemsize for _, kind, shape in found["arrays"]]
        whole = 4 + length + sum(n + -n % 8 for n in bytes_of)
        return found if path.stat().st_size == whole and isinstance(found["frames"], int) else None
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return None


def _packed(header: dict[str, Any], arrays: dict[str, Array]) -> Iterator[bytes]:
    listed = [[name, array.dtype.str.lstrip("<|"), list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({**header, "arrays": listed}, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    yield struct.pack("<I", len(text)) + text
    for array in arrays.values():
        data = array.tobytes()
        yield data + b"\0" * (-len(data) % 8)


def _occurrence(frame: I64, face: Array, time_s: F64, probability: F32, spec: ModelSpec) -> tuple[Bools, list[Event]]:
    """(T, U), and the events that ended, as the live pipeline finds them from frame to frame."""
    occurrences, stream = Occurrences(spec), Stream("")
    present, events = np.zeros(probability.shape, np.bool_), list[Event]()
    before = -1
    for row, (at, who, now_s) in enumerate(zip(frame.tolist(), face.tolist(), time_s.tolist(), strict=True)):
        if at != before:
            events += occurrences.lost(0, now_s)
            before = at
        present[row], brought = occurrences.update(stream, who, now_s, probability[row])
        events += brought
    events += occurrences.lost(0)
    ended = [event for event in events if event.end_s is not None]
    return present, sorted(ended, key=lambda event: (event.onset_s, event.face_id, event.au))


def _told(event: Event) -> dict[str, Any]:
    assert event.end_s is not None
    times = {"onset_s": round(event.onset_s, 6), "end_s": round(event.end_s, 6)}
    return {"au": event.au, "face": event.face_id, **times, "peak": round(event.peak, 4)}


def _intensity(model: ModelFile, probability: F32) -> F64:
    """(T, U) as Voices.intensity gives it of each row; nan where there is none."""
    voice, found = model.geometry, np.full(probability.shape, np.nan)
    if voice is None:
        return found
    heard = logit(probability).astype(np.float64)
    if model.own is not None:  # their thresholds lie on the base model's
        own = model.own.thresholds(voice.thresholds, points=True)
        heard += _logits(voice.thresholds) - _logits(own)
    for u, curve in enumerate(voice.curves):
        if curve is not None:
            found[:, u] = curve(heard[:, u])
    return found


def _logits(thresholds: tuple[float, ...]) -> F64:
    return logit(np.array(thresholds, np.float32)).astype(np.float64)


def _sided(model: ModelFile) -> tuple[int, ...]:
    return model.geometry.sided if model.geometry is not None else ()


def _sides(model: ModelFile, probability: F32, points: F32) -> F64:
    """(T, A, 2) left and right; nan for faces without landmarks."""
    found = np.full((len(probability), len(_sided(model)), 2), np.nan)
    has = np.isfinite(points[:, 0])
    if model.geometry is not None and model.geometry.sides is not None and has.any():
        found[has] = model.geometry.sides.probability(probability[has], points[has])
    return found


def _by_face(face: Array) -> dict[int, I64]:
    """Rows of each face; that with the most first."""
    ids, rows = np.unique(face, return_counts=True)
    order = sorted(zip(ids.tolist(), rows.tolist(), strict=True), key=lambda one: (-one[1], one[0]))
    return {who: np.flatnonzero(face == who) for who, _ in order}


def _rate(times_s: F64) -> dict[str, float]:
    """Frames per second, and how long they last together."""
    if len(times_s) < 2 or times_s[-1] <= times_s[0]:
        return {"fps": 0.0, "duration_s": 0.0}
    step_s = float(times_s[-1] - times_s[0]) / (len(times_s) - 1)
    return {"fps": round(1 / step_s, 6), "duration_s": round(step_s * len(times_s), 6)}


def _small(values: Floats) -> Array:
    return np.where(np.isfinite(values), np.clip(np.rint(values), 0, NONE_U1 - 1), NONE_U1).astype("u1")


def _whole(values: Floats) -> Array:
    known = np.clip(np.rint(values), NONE_I2 + 1, -NONE_I2 - 1)
    return np.where(np.isfinite(values), known, NONE_I2).astype("<i2")
