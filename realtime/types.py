"""What flows through the live pipeline: Stream -> Frame -> Face -> FaceAUs -> FrameResult, and Event."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F32, F64, U8, Bools
from knowledge_spreader.errors import ModelError
from knowledge_spreader.face.detector import Box


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One source as it was opened. Its name never holds a password."""

    name: str  # address without secrets, path, or "camera 0"
    number: int = 0  # position among the sources of a run, from 0
    live: bool = False  # cannot wait: the newest frame wins
    path: Path | None = None  # of a recorded file or folder
    rate: Fraction | None = None  # average frames per second, where the source says
    duration_s: float | None = None  # of a recorded one, where it says
    audio: Any = None  # av.AudioStream whose packets travel in Frame.audio, a template for a copy; None: no sound asked


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture with its times."""

    image: U8  # (H, W, 3) RGB, upright
    stream: Stream
    index: int  # position among all frames that the source received, from 0; live, missing numbers were dropped
    pts: int  # the stream's own time, in units of time_base
    time_base: Fraction  # seconds
    captured_s: float  # time.perf_counter() when its packet came in
    epoch: int = 0  # raised by each reconnect and each restart of the stream's clock
    shift_s: float = 0.0  # added to the stream's own time so that it runs on through epochs; 0 in epoch 0
    audio: tuple[Any, ...] = ()  # av.Packets that came since the last frame handed out; empty unless asked for

    def __post_init__(self) -> None:
        assert self.image.dtype == np.uint8, self.image.dtype
        assert self.image.ndim == 3, self.image.shape
        assert self.image.shape[2] == 3, self.image.shape

    @property
    def pts_s(self) -> float:
        """The stream's own time."""
        return float(self.pts * self.time_base)

    @property
    def time_s(self) -> float:
        """pts_s, running on through reconnects: increases within a stream."""
        return self.pts_s + self.shift_s


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that was found and followed."""

    face_id: int  # from 0 within a stream; kept from frame to frame and through a second of loss
    box_xyxy_px: Box  # brows to chin, in pixels of the frame; may reach beyond it
    points_px: F64  # (6, 2) damped key points, order of face.alignment
    score: float  # the finder's, 0 to 1
    rejected: str = ""  # why no answer can be trusted: "small", "turned", "blurred", "edge"; "" = all well
    fresh: bool = False  # first of its track, or after a gap, a cut or a reconnect: what came before does not count


@dataclass(frozen=True, slots=True, eq=False)
class FaceAUs:
    """A face and its AUs. Where face.rejected says why not, there is no answer: probability is all nan."""

    face: Face
    aus: tuple[int, ...]  # U of them, the order of all (U,) arrays
    probability: F32  # (U,) of presence; relative to the person where the model learned it or --neutral asks
    occurrence: Bools  # (U,) with hysteresis; all False where there is no answer
    disagreement: F32  # (U,) |branch A's probability - branch B's|, 0 to 1; nan where there is no answer
    in_order: float  # probability that the window is in its true order, by the temporal teacher; nan likewise
    window_frames: int  # different frames in the window, up to N; fewer at the start of a track
    calibrated: bool = False  # to the person's neutral face

    @property
    def success(self) -> bool:
        """Whether there is an answer."""
        return not self.face.rejected

    @property
    def face_id(self) -> int:
        """Number of the face within its stream."""
        return self.face.face_id

    def probability_of(self, au: int) -> float:
        """Probability that this AU is present, 0 to 1; nan where there is no answer.

        Raises ModelError for an AU that the model was not trained on.
        """
        return float(self.probability[self._place(au)])

    def occurs(self, au: int) -> bool:
        """Whether this AU is present, with hysteresis; False where there is no answer. Raises like probability_of."""
        return bool(self.occurrence[self._place(au)])

    def _place(self, au: int) -> int:
        if au not in self.aus:
            raise ModelError(f"this model gives AUs {', '.join(map(str, self.aus))}; got {au}; name one of those")
        return self.aus.index(au)


@dataclass(frozen=True, slots=True)
class Event:
    """An AU came (end_s None) or went again."""

    stream: Stream
    face_id: int
    au: int
    onset_s: float  # Frame.time_s of the first frame that shows it
    end_s: float | None = None  # Frame.time_s of the first frame without it, or of the last frame before it was lost
    peak: float = 0.0  # highest probability so far


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that is known about a frame."""

    frame: Frame
    aus: tuple[int, ...]  # U of them, the order of all (U,) arrays
    faces: tuple[FaceAUs, ...]
    events: tuple[Event, ...] = ()  # onsets and offsets that this frame brought
    latency_ms: float = 0.0  # from the arrival of its packet to this result
    notes: tuple[str, ...] = field(default=())  # what a viewer must know, e.g. that the model is untrained
    experimental: tuple[int, ...] = ()  # those of `aus` that were not shown to work on real faces
