"""Frames in, facial action units out: `watch` yields results as they arrive, `table` returns a DataFrame."""

from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.types import Event, Face, FaceAUs, Frame, FrameResult, Stream
from knowledge_spreader.realtime.watch import Watch, table, watch

__all__ = ["Event", "Face", "FaceAUs", "Frame", "FrameResult", "Options", "Stream", "Watch", "table", "watch"]
