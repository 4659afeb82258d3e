"""From probabilities to occurrence and events: an AU begins and ends with hysteresis.

    begins         probability >= threshold + hysteresis
    ends           probability <  threshold - hysteresis
    first frame    of a track: present if probability >= threshold

Hysteresis moves a threshold by at most half of its distance to 0 or 1. The events of a face that is lost or rejected
stay open for GAP_S; then they end at the last frame with an accepted face.
"""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, Bools
from knowledge_spreader.realtime.temporal.windows import GAP_S, Key
from knowledge_spreader.realtime.types import Event, Stream
from knowledge_spreader.spec import ModelSpec

HYSTERESIS = 0.05  # about the frame-to-frame noise of the probability of an unchanged face


@dataclass(slots=True, eq=False)
class _Shown:
    """The AUs of one face."""

    stream: Stream
    present: Bools  # (U,)
    onset_s: list[float]  # (U,)
    peak: F32  # (U,)
    seen_s: float  # last frame with a prediction


class Occurrences:
    """Keeps the occurrence and the open events of all faces of a run."""

    def __init__(self, spec: ModelSpec, hysteresis: float = HYSTERESIS) -> None:
        threshold = np.array(spec.thresholds or (0.5,) * len(spec.aus), np.float32)
        self._aus = spec.aus
        self._threshold = threshold
        self._comes = np.minimum(threshold + hysteresis, (threshold + 1) / 2)
        self._goes = np.maximum(threshold - hysteresis, threshold / 2)
        self._faces: dict[Key, _Shown] = {}

    def update(self, stream: Stream, face_id: int, time_s: float, probability: F32) -> tuple[Bools, list[Event]]:
        """Occurrence (U,) of a face at time_s, and its onsets and offsets in this frame. probability (U,), no nan."""
        key = stream.number, face_id
        events = []
        face = self._faces.get(key)
        if face is not None and not 0 <= time_s - face.seen_s <= GAP_S:
            events += self._end(key)
            face = None
        if face is None:
            nothing = np.zeros(len(self._aus), np.bool_)
            face = _Shown(stream, nothing, [0.0] * len(self._aus), np.zeros(len(self._aus), np.float32), time_s)
            present = probability >= self._threshold
        else:
            present = np.where(face.present, probability >= self._goes, probability >= self._comes)
        self._faces[key] = face
        events += self._change(face, face_id, time_s, probability, present)
        return present.copy(), events

    def of_one(self, probability: F32) -> Bools:
        """Occurrence (U,) in a photograph, which has no past: probability >= threshold."""
        return np.asarray(probability >= self._threshold, np.bool_)

    def _change(self, face: _Shown, face_id: int, time_s: float, probability: F32, present: Bools) -> list[Event]:
        events = []
        for u in np.flatnonzero(present != face.present):
            if present[u]:
                face.onset_s[u], face.peak[u] = time_s, probability[u]
                events.append(Event(face.stream, face_id, self._aus[u], time_s, None, float(probability[u])))
            else:
                events.append(self._ended(face, face_id, int(u), time_s))
        face.peak = np.where(present, np.maximum(face.peak, probability), 0).astype(np.float32)
        face.present, face.seen_s = present, time_s
        return events

    def _ended(self, face: _Shown, face_id: int, u: int, end_s: float) -> Event:
        return Event(face.stream, face_id, self._aus[u], face.onset_s[u], end_s, float(face.peak[u]))

    def lost(self, stream: int, time_s: float | None = None) -> list[Event]:
        """Ends the events of faces not seen for GAP_S before time_s; without time_s, of all faces of the stream."""
        gone = [
            key
            for key, face in self._faces.items()
            if key[0] == stream and (time_s is None or not 0 <= time_s - face.seen_s <= GAP_S)
        ]
        return [event for key in gone for event in self._end(key)]

    def _end(self, key: Key) -> list[Event]:
        face = self._faces.pop(key)
        return [self._ended(face, key[1], int(u), face.seen_s) for u in np.flatnonzero(face.present)]
