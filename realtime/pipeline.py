"""analyse(): frames in, one FrameResult per frame out, in order, with a row for each face.

    frames -> look: find, track, crop -> encode: all faces of all frames in one batch
           -> window per face -> predict -> person's baseline, or geometry voice -> neutral baseline
           -> occurrence, events -> FrameResult

A batch is the newest frame of each camera, or consecutive frames of a recording. Both run the same code, so the same
frames give the same numbers.
"""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knowledge_spreader.arrays import F32, sigmoid
from knowledge_spreader.calibration.person_baseline import PersonView
from knowledge_spreader.engines.base import Encoded, Engine, Prediction
from knowledge_spreader.realtime.ahead import ahead
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.temporal.events import HYSTERESIS, Occurrences
from knowledge_spreader.realtime.temporal.neutral_baseline import Neutral
from knowledge_spreader.realtime.temporal.person_baseline import People
from knowledge_spreader.realtime.temporal.windows import Windows
from knowledge_spreader.realtime.types import Event, Face, FaceAUs, Frame, FrameResult
from knowledge_spreader.realtime.voices import Voices
from knowledge_spreader.spec import ModelSpec


class Finder(Protocol):
    """The methods of FaceFinder (realtime/faces/finder.py) that are used here."""

    def find(self, frame: Frame) -> list[FoundFace]: ...
    def forget(self, stream_number: int) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A batch of frames with their faces."""

    frames: tuple[Frame, ...]
    faces: tuple[tuple[FoundFace, ...], ...]  # one tuple per frame


class Analyser:
    """Turns frames into results. Keeps the state between frames: tracks, windows, baselines, occurrence."""

    def __init__(
        self,
        engine: Engine,
        finder: Finder,
        *,
        person: bool = True,
        neutral_s: float = 0.0,
        hysteresis: float = HYSTERESIS,
        notes: tuple[str, ...] = (),
        stages: Stages | None = None,
        voices: Voices | None = None,
        spec: ModelSpec | None = None,
        features: bool = False,
    ) -> None:
        """voices: what is heard beside the crops. spec: with the thresholds for it; None: the engine's.

        features: keep them in the answers.
        """
        self._keep_features = features
        self._engine, self._finder, self._notes = engine, finder, notes
        self._spec = spec or engine.spec
        self._voices = voices or Voices()
        self._windows = Windows(self._spec)
        self._people = People(PersonView.of(self._spec) if person else None)
        self._neutral = Neutral(neutral_s)
        self._occurrences = Occurrences(self._spec, hysteresis)
        self.stages = stages or Stages()

    def look(self, frames: Sequence[Frame]) -> Looked:
        """First half, without the engine: finds the faces. The frames of a stream must come in order.

        Threads may look side by side if the finder allows it.
        """
        with self.stages.measure("find", len(frames)):
            return Looked(tuple(frames), tuple(self._faces(frame) for frame in frames))

    def _faces(self, frame: Frame) -> tuple[FoundFace, ...]:
        return () if frame.unreadable else tuple(self._finder.find(frame))

    def answer(self, looked: Looked) -> list[FrameResult]:
        """Second half, with the engine: one result for each frame of the batch."""
        if self._voices.adds_blendshapes:
            with self.stages.measure("blendshapes", len(looked.frames)):
                looked = Looked(looked.frames, self._voices.with_blendshapes(looked.faces))
        waiting = iter(self._answers(looked))
        return [self._result(frame, faces, waiting) for frame, faces in zip(looked.frames, looked.faces, strict=True)]

    def forget(self, stream: int) -> None:
        """Drops all state of a stream that has ended."""
        self._finder.forget(stream)
        self._windows.forget(stream)
        self._people.forget(stream)
        self._neutral.forget(stream)
        self._occurrences.lost(stream)

    def _answers(self, looked: Looked) -> list["_Answer"]:
        """One answer per accepted face: encode in one batch, fill the windows in order, predict in one batch."""
        good = [found for faces in looked.faces for found in faces if not found.face.rejected]
        if not good:
            self._push(looked, ())
            return []
        with self.stages.measure("encode", len(looked.frames)):
            encoded = self._engine.encode(np.stack([found.crop for found in good]))
        with self.stages.measure("predict", len(looked.frames)):
            windows = self._push(looked, encoded.feature)
            predicted = self._engine.predict(encoded.o_a, np.stack([window for window, _ in windows]))
        return _unpacked(encoded, predicted, [frames for _, frames in windows])

    def _push(self, looked: Looked, new: Iterable[F32]) -> list[tuple[F32, int]]:
        features = iter(new)
        windows = []
        for frame, faces in zip(looked.frames, looked.faces, strict=True):
            for found in faces:
                key = frame.stream.number, found.face.face_id
                if not found.face.rejected:
                    windows.append(self._windows.push(key, frame.time_s, next(features), found.face.fresh))
                elif found.face.fresh:
                    self._windows.drop(key)  # the next accepted face is no longer marked fresh
        return windows

    def _result(self, frame: Frame, faces: Sequence[FoundFace], answers: Iterator["_Answer"]) -> FrameResult:
        events = self._occurrences.lost(frame.stream.number, frame.time_s)
        rows = []
        for found in faces:
            if found.face.rejected:
                rows.append(_unknown(self._voices.shown(found.face), self._spec.aus, self._voices.sided))
            else:
                row, brought = self._row(frame, found.face, next(answers))
                rows.append(row)
                events += brought
        self._windows.forget(frame.stream.number, frame.time_s)
        self._people.forget(frame.stream.number, frame.time_s)
        self._neutral.forget(frame.stream.number, frame.time_s)
        latency_ms = (time.perf_counter() - frame.captured_s) * 1e3
        spec = self._spec
        return FrameResult(frame, spec.aus, tuple(rows), tuple(events), latency_ms, self._notes, spec.experimental)

    def _row(self, frame: Frame, face: Face, answer: "_Answer") -> tuple[FaceAUs, list[Event]]:
        aus = self._spec.aus
        if frame.stream.stills:  # without a past
            p, apart, seen = self._voices.hear(answer.probability, answer.feature, face, frame)
            present, differ = self._occurrences.of_one(p), np.maximum(answer.disagreement, apart)
            strength = self._voices.intensity(p)
            shown = self._voices.shown(face)
            row = FaceAUs(
                shown,
                aus,
                p,
                present,
                differ,
                answer.in_order,
                answer.window_frames,
                intensity=strength,
                feature=answer.feature if self._keep_features else None,
                sided=self._voices.sided,
                sides=self._voices.sides(p, seen),
            )
            return row, []
        key = frame.stream.number, face.face_id
        relative = self._people.apply(key, frame.time_s, answer.probability)
        heard, apart, seen = self._voices.hear(relative, answer.feature, face, frame)
        differ = np.maximum(answer.disagreement, apart)
        probability, calibrated = self._neutral.apply(key, frame.time_s, heard)
        present, events = self._occurrences.update(frame.stream, face.face_id, frame.time_s, probability)
        row = FaceAUs(
            self._voices.shown(face),
            aus,
            probability,
            present,
            differ,
            answer.in_order,
            answer.window_frames,
            calibrated,
            self._voices.intensity(probability),
            answer.feature if self._keep_features else None,
            self._voices.sided,
            self._voices.sides(probability, seen),
        )
        return row, events


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """The engine's prediction for one face."""

    probability: F32  # (U,)
    disagreement: F32  # (U,)
    in_order: float
    window_frames: int
    feature: F32  # (C,)


def _unpacked(encoded: Encoded, predicted: Prediction, window_frames: Sequence[int]) -> list[_Answer]:
    disagreement = np.abs(sigmoid(encoded.o_a) - sigmoid(predicted.o_b))
    in_order = sigmoid(predicted.in_order)
    return [
        _Answer(predicted.probability[i], disagreement[i], float(in_order[i]), frames, encoded.feature[i])
        for i, frames in enumerate(window_frames)
    ]


def _unknown(face: Face, aus: tuple[int, ...], sided: tuple[int, ...]) -> FaceAUs:
    """The row of a rejected face."""
    nan = np.full(len(aus), np.nan, np.float32)
    return FaceAUs(face, aus, nan, np.zeros(len(aus), np.bool_), nan, float("nan"), 0, sided=sided)


def analyse(batches: Iterable[Sequence[Frame]], analyser: Analyser, size: int = 0) -> Iterator[FrameResult]:
    """One FrameResult per frame, in order. size: batches that are read and looked at while the engine works.

    With size > 0 a second thread finds faces, which costs no extra time on several cores.
    """
    looked = _looked(batches, analyser)
    with closing(ahead(looked, size, "look ahead") if size else looked) as ready:
        for batch in ready:
            yield from analyser.answer(batch)


def _looked(batches: Iterable[Sequence[Frame]], analyser: Analyser) -> Generator[Looked, None, None]:
    try:
        for frames in batches:
            yield analyser.look(frames)
    finally:
        if isinstance(batches, Generator):
            batches.close()
