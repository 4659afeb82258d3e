"""Makes FrameResults for the tests of sinks and events."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from knowledge_spreader.realtime.types import Face, FaceAUs, Frame, FrameResult, Landmarks, Stream
from tests.ks.face.posed_heads import about, mesh_of

AUS = (1, 4, 12, 25)
AUS_18 = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 45)
FILE = Stream("clip.mp4")
CAMERA = Stream("camera 0", live=True)
_IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(index=0, *, stream=FILE, pts=None, time_base=Fraction(1, 25), image=_IMAGE, **kwargs):
    return Frame(image, stream, index, index if pts is None else pts, time_base, captured_s=1000 + index / 25, **kwargs)


def answer(face_id=0, *, aus=AUS, rejected="", p=None, u=None, seed=0, calibrated=False):
    """A face with its AUs; all nan if the face is rejected."""
    rng = np.random.default_rng([seed, face_id])
    nan = np.full(len(aus), np.nan, np.float32)
    p = nan if rejected else rng.random(len(aus), np.float32) if p is None else np.asarray(p, np.float32)
    u = nan if rejected else rng.random(len(aus), np.float32) if u is None else np.asarray(u, np.float32)
    face = Face(face_id, (10.0, 20.5, 110.25, 140.5), np.zeros((6, 2)), 0.9375, rejected)
    with np.errstate(invalid="ignore"):
        return FaceAUs(face, tuple(aus), p, p >= 0.5, u, float("nan") if rejected else 0.75, 5, calibrated)


def meshed(face, *, presence=0.875, blendshapes=True):
    """The face with a mesh: a head that is turned, its person's gaze and blendshapes that count up."""
    turn = about("y", -20) @ about("x", -10)  # to the person's left, and up
    points = mesh_of(turn, (30.0, -20.0, 600.0))
    values = np.arange(52, dtype=np.float32) / 64 if blendshapes else None
    return replace(face, face=replace(face.face, landmarks=Landmarks(points, presence, values)))


def result(index=0, *faces, aus=AUS, events=(), latency_ms=12.5, notes=(), **kwargs):
    """A FrameResult with these faces, by default one with random AUs; result(i, ()) has none."""
    faces = (answer(aus=aus, seed=index),) if not faces else () if faces == ((),) else faces
    return FrameResult(frame(index, **kwargs), tuple(aus), faces, tuple(events), latency_ms, tuple(notes))


WRITES_UNTIL_KILLED = """
import itertools, sys
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.parquet_sink import ParquetSink
from knowledge_spreader.realtime.types import Event
from tests.realtime.sinks.results import AUS, FILE, result
make = {"csv": lambda p: CsvSink(p, AUS), "jsonl": JsonlSink, "parquet": lambda p: ParquetSink(p, AUS),
        "events": lambda p: EventsSink(p, AUS)}
sink = make[sys.argv[1]](sys.argv[2])
for n in itertools.count():
    ended = [Event(FILE, 0, 12, (n - 2) / 25, n / 25, 0.9), Event(FILE, 0, 12, n / 25)] if n and n % 2 == 0 else ()
    sink.write(result(n, events=ended))
    print(n, flush=True)
"""
