"""Sends AUs to LabStreamingLayer: a stream of type FACS for each face, with a channel for each AU.

A sample holds the probabilities of a frame, nan if the face is rejected; then head_yaw_deg, head_pitch_deg,
head_roll_deg, gaze_angle_x and gaze_angle_y, nan without a face mesh; then the blendshapes, if asked for. Its time
stamp is the arrival time of the frame on LSL's clock. Channel labels are AU12 and so on. The stream's name is
"SOURCE face 0"; its source_id is the same in every run, so that an inlet finds its stream again. A stream closes when
its face is not seen for 30 s, and reopens if the same face_id returns.
"""

import platform
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from knowledge_spreader.arrays import Floats
from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.sinks.table.columns import NO_EXTRAS, Extras, blendshape_columns
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult, Stream
from knowledge_spreader.spec import au_label, au_meaning

STREAM_TYPE = "FACS"
_KEEP_S = 30.0
_GAZE_WORTH = "of both eyes; experimental"
_HEAD = (
    ("head_yaw_deg", "Head", "degrees", "nose to the person's left is positive; 0 looks into the camera"),
    ("head_pitch_deg", "Head", "degrees", "nose up is positive; 0 looks into the camera"),
    ("head_roll_deg", "Head", "degrees", "head leaning to the person's left is positive"),
    ("gaze_angle_x", "Gaze", "radians", f"to the picture's right is positive; {_GAZE_WORTH}"),
    ("gaze_angle_y", "Gaze", "radians", f"down is positive; {_GAZE_WORTH}"),
)


class LslSink:
    """Opens a stream for each face when it is first seen.

    camera_delay_s: measured delay between exposure and arrival of a frame; sent as synchronization/offset_mean, which
    readers subtract from the time stamps. experimental: AUs whose channels are described as experimental. Raises
    MissingError without pylsl or liblsl.
    """

    def __init__(
        self,
        aus: Sequence[int],
        camera_delay_s: float = 0.0,
        experimental: Sequence[int] = (),
        extras: Extras = NO_EXTRAS,
    ) -> None:
        self.name = "--lsl"
        self._aus, self._experimental, self._camera_delay_s = tuple(aus), tuple(experimental), camera_delay_s
        self._blendshapes = extras.blendshapes
        self._pylsl = _pylsl()
        self._lsl_minus_perf_s = _clock_difference_s(self._pylsl.local_clock)
        self._outlets: dict[tuple[int, int], tuple[Any, float]] = {}  # (stream, face) -> outlet, captured_s last pushed

    def write(self, result: FrameResult) -> None:
        captured_s = result.frame.captured_s
        for answer in result.faces:
            outlet = self._outlet(result.frame.stream, answer)
            sample = self._sample(answer, result.frame)
            try:
                outlet.push_sample(sample.tolist(), captured_s + self._lsl_minus_perf_s)
            except (RuntimeError, OSError, ValueError) as exc:
                raise DataError(f"LSL did not accept a sample ({one_line(exc)})") from exc
            self._outlets[result.frame.stream.number, answer.face.face_id] = (outlet, captured_s)
        gone = [key for key, (_, last_s) in self._outlets.items() if captured_s - last_s > _KEEP_S]
        for key in gone:
            del self._outlets[key]

    def close(self) -> None:
        self._outlets.clear()  # an outlet closes when it is no longer referenced

    def _sample(self, answer: FaceAUs, frame: Frame) -> Floats:
        mesh, measured = answer.face.landmarks, measures_of(answer, frame)
        unknown = np.full(len(NAMES), np.nan)
        aus = answer.probability if answer.success else np.full(len(self._aus), np.nan)
        head = unknown[: len(_HEAD)] if measured is None else [*measured.pose.angles_deg, *measured.gaze.angle_rad]
        values = unknown if mesh is None or mesh.blendshapes is None else mesh.blendshapes
        return np.concatenate([aus, head, values] if self._blendshapes else [aus, head])

    def _channels(self) -> list[tuple[str, str, str, str]]:
        """Label, type, unit, description."""
        found = [(au_label(au), "AU", "probability", au_meaning(au, self._experimental)) for au in self._aus]
        found += _HEAD
        if self._blendshapes:
            found += [(name, "Blendshape", "share", "of the face mesh's blendshapes") for name in blendshape_columns()]
        return found

    def _outlet(self, stream: Stream, answer: FaceAUs) -> Any:
        held = self._outlets.get((stream.number, answer.face.face_id))
        if held is not None:
            return held[0]
        try:
            return self._pylsl.StreamOutlet(self._info(stream, answer.face.face_id))
        except (RuntimeError, OSError) as exc:
            raise DataError(f"LSL could not open a stream ({one_line(exc)})") from exc

    def _info(self, stream: Stream, face_id: int) -> Any:
        lsl, name = self._pylsl, printable(stream.name)
        source_id = f"knowledge-spreader {platform.node()} {stream.number} {name} {face_id}"  # unique within the lab
        found = self._channels()
        info = lsl.StreamInfo(
            f"{name} face {face_id}", STREAM_TYPE, len(found), lsl.IRREGULAR_RATE, lsl.cf_float32, source_id
        )
        channels = info.desc().append_child("channels")
        for described in found:
            channel = channels.append_child("channel")
            for key, value in zip(("label", "type", "unit", "description"), described, strict=True):
                channel.append_child_value(key, value)
        synchronization = info.desc().append_child("synchronization")
        synchronization.append_child_value("offset_mean", f"{self._camera_delay_s:.6f}")
        synchronization.append_child_value("can_drop_samples", "true" if stream.live else "false")
        info.desc().append_child("acquisition").append_child_value("manufacturer", "knowledge-spreader")
        return info


def _pylsl() -> ModuleType:
    try:
        import pylsl
    except ImportError as exc:
        raise MissingError("--lsl needs pylsl; pip install 'knowledge-spreader[lsl]'") from exc
    except (RuntimeError, OSError) as exc:  # liblsl not found
        raise MissingError(
            "--lsl needs liblsl, which this pylsl does not contain; pip install -U pylsl, or "
            "conda install -c conda-forge liblsl, or set PYLSL_LIB to the library's path"
        ) from exc
    module: ModuleType = pylsl
    return module


def _clock_difference_s(local_clock: Callable[[], float]) -> float:
    """LSL's clock minus time.perf_counter(), in seconds: the fastest of 20 readings, each between two of ours."""
    readings = []
    for _ in range(20):
        before_s, lsl_s, after_s = time.perf_counter(), local_clock(), time.perf_counter()
        readings.append((after_s - before_s, lsl_s - (before_s + after_s) / 2))
    return min(readings)[1]
