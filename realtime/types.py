"""The data types of the live pipeline: Stream -> Frame -> Face -> FaceAUs -> FrameResult, and Event."""

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
    """An opened source. Its name never contains a password."""

    name: str  # address without secrets, path, or "camera 0"
    number: int = 0  # position among the sources of a run, from 0
    live: bool = False  # live policy: the newest frame wins, the others are dropped
    path: Path | None = None  # of a recorded file or folder
    rate: Fraction | None = None  # average frames per second; None: unknown
    duration_s: float | None = None  # of a recording; None: unknown or live
    audio: Any = None  # av.AudioStream, the template for copying the packets in Frame.audio; None: no audio
    stills: int = 0  # number of photographs, each a recording of its own (policy stills); 0: frames of one recording


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image with its time stamps."""

    image: U8  # (H, W, 3) RGB, upright
    stream: Stream
    index: int  # position among all frames of the source, from 0; in a live run, missing numbers are dropped frames
    pts: int  # presentation time stamp of the stream, in units of time_base
    time_base: Fraction  # seconds
    captured_s: float  # time.perf_counter() when its packet arrived
    epoch: int = 0  # increases with each reconnect and each restart of the stream's clock
    shift_s: float = 0.0  # added to pts_s so that time_s keeps increasing across epochs; 0 in epoch 0
    audio: tuple[Any, ...] = ()  # av.Packets received since the previous frame; empty unless asked for
    picture: str = ""  # file name of a photograph, or of an image of a folder
    unreadable: str = ""  # why the image cannot be used: "unreadable", "size"; it is black then. "" = it can

    def __post_init__(self) -> None:
        assert self.image.dtype == np.uint8, self.image.dtype
        assert self.image.ndim == 3, self.image.shape
        assert self.image.shape[2] == 3, self.image.shape

    @property
    def pts_s(self) -> float:
        """Presentation time in seconds, by the stream's clock."""
        return float(self.pts * self.time_base)

    @property
    def time_s(self) -> float:
        """pts_s made continuous across reconnects: it always increases within a stream."""
        return self.pts_s + self.shift_s


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The face mesh of one face and what follows from it."""

    points_px: F32  # (478, 3) x, y in pixels of the frame, z in the same unit, smaller is nearer; ks/face/face_mesh.py
    presence: float  # probability that there is a face, 0 to 1
    blendshapes: F32 | None = None  # (52,) 0 to 1, in the order of ks/face/blendshapes.py; None: not asked for


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A tracked face in one frame."""

    face_id: int  # from 0 within a stream or photograph; kept from frame to frame, and while lost for a second
    box_xyxy_px: Box  # brows to chin, in pixels of the frame; may extend beyond it
    points_px: F64  # (6, 2) smoothed key points, in the order of face.alignment
    score: float  # confidence of the face detector, 0 to 1
    rejected: str = ""  # why the AUs are not predicted: "small", "turned", "blurred", "edge"; "" = they are
    fresh: bool = False  # first frame of a track, or after a gap, a cut or a reconnect: the window starts empty
    landmarks: Landmarks | None = None  # None: not asked for


@dataclass(frozen=True, slots=True, eq=False)
class FaceAUs:
    """A face and its AUs. A rejected face (face.rejected gives the reason) has no prediction: its values are nan."""

    face: Face
    aus: tuple[int, ...]  # the U AUs, in the order of all (U,) arrays
    probability: F32  # (U,) of presence, after the person and neutral baselines where they apply; nan if rejected
    occurrence: Bools  # (U,) with hysteresis; all False if rejected
    disagreement: F32  # (U,) of the branches' probabilities, or of crop and landmarks, 0 to 1; nan if rejected
    in_order: float  # temporal teacher's probability that the window is in its true order; nan if rejected
    window_frames: int  # different frames in the window, up to N; fewer at the start of a track
    calibrated: bool = False  # whether the person's neutral baseline is subtracted
    intensity: F32 | None = None  # (U,) 0 to 5 (E); nan for AUs without; None: rejected, or the model tells none
    feature: F32 | None = None  # (C,) of branch B in this frame; None: not asked for, or rejected
    sided: tuple[int, ...] = ()  # the A of `aus` of which the model tells the side
    sides: F32 | None = None  # (A, 2) probability on the person's left, right; None: rejected, or no landmarks

    @property
    def success(self) -> bool:
        """Whether the AUs were predicted."""
        return not self.face.rejected

    @property
    def face_id(self) -> int:
        """Number of the face within its stream, from 0."""
        return self.face.face_id

    def probability_of(self, au: int) -> float:
        """Probability that this AU is present, 0 to 1; nan if the face is rejected.

        Raises ModelError for an AU that the model does not predict.
        """
        return float(self.probability[self._place(au)])

    def intensity_of(self, au: int) -> float:
        """Intensity of this AU, 0 (absent) to 5 (FACS E); nan if it is not known. Raises like probability_of."""
        place = self._place(au)
        return float("nan") if self.intensity is None else float(self.intensity[place])

    def side_of(self, au: int) -> tuple[float, float]:
        """Probability that this AU acts on the person's left, and on the right; the higher is probability_of(au).

        nan, nan if it is not known. Raises ModelError for an AU of which the model does not tell the side.
        """
        if au not in self.sided:
            told = ", ".join(map(str, self.sided)) or "no AU"
            raise ModelError(f"this run tells the side of {told}; got {au}; use probability_of for others")
        left, right = (np.nan, np.nan) if self.sides is None else self.sides[self.sided.index(au)].tolist()
        return left, right

    def occurs(self, au: int) -> bool:
        """Whether this AU is present, with hysteresis; False if the face is rejected. Raises like probability_of."""
        return bool(self.occurrence[self._place(au)])

    def _place(self, au: int) -> int:
        if au not in self.aus:
            raise ModelError(f"this model predicts AUs {', '.join(map(str, self.aus))}; got {au}; use one of those")
        return self.aus.index(au)


@dataclass(frozen=True, slots=True)
class Event:
    """The onset of an AU (end_s is None) or its offset."""

    stream: Stream
    face_id: int
    au: int
    onset_s: float  # Frame.time_s of the first frame with the AU
    end_s: float | None = None  # Frame.time_s of the first frame without it, or of the last before the face was lost
    peak: float = 0.0  # highest probability so far


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The results of one frame."""

    frame: Frame
    aus: tuple[int, ...]  # the U AUs, in the order of all (U,) arrays
    faces: tuple[FaceAUs, ...]
    events: tuple[Event, ...] = ()  # onsets and offsets at this frame
    latency_ms: float = 0.0  # from the arrival of the packet to this result
    notes: tuple[str, ...] = field(default=())  # warnings for whoever reads the results, e.g. the model is untrained
    experimental: tuple[int, ...] = ()  # those of `aus` that are not shown to work on real faces
