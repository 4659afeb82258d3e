"""Options: all that can be chosen about a run of the live pipeline, checked once."""

from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.faces.quality import MIN_FACE_PX
from knowledge_spreader.realtime.temporal.events import HYSTERESIS

POLICIES = ("auto", "live", "every-frame")


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are what ks-live does without further words. Raises DataError at birth on an impossible value."""

    model: str = ""  # a .ks file; "" = the bundled one
    device: str = "auto"  # engines/open.py: open_engine
    precision: str = "auto"
    threads: int = 0  # of a CPU engine; 0 = the backend's choice
    face_model: str = ""  # BlazeFace; "" = the user's cache, else a download
    policy: str = "auto"  # live for cameras and streams, every-frame for recordings
    person: bool = True  # answers relative to the person, where the model has learned it
    neutral_s: float = 0.0  # a face is taken to be neutral for so long at first; 0 = no calibration to the person
    hysteresis: float = HYSTERESIS  # an AU begins so much above its threshold, and ends so much below it
    min_face_px: float = MIN_FACE_PX  # smallest width of a face that is judged
    max_faces: int = 0  # of a frame, the largest; 0 = all
    camera_size: str = ""  # like 1280x720; "" = the camera's choice
    camera_rate: float = 0.0  # frames per second; 0 = the camera's choice
    camera_backend: str = "auto"
    camera_format: str = ""  # of its pictures, as the backend calls it: mjpeg, yuyv422; "" = the camera's choice
    image_rate: float = 25.0  # frames per second of a folder of images
    rtsp_transport: str = "tcp"
    timeout_s: float = 4.0  # a stream that is silent for longer is opened anew
    audio: bool = False  # carry audio packets along, for a copy of the video

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise DataError(f"the policy is one of {', '.join(POLICIES)}; got {self.policy!r}")
        if self.neutral_s < 0:
            raise DataError(f"--neutral is a time of 0 s or more; got {self.neutral_s:g}")
        if not 0.1 <= self.timeout_s <= 60:
            raise DataError(f"the time-out is 0.1 to 60 s; got {self.timeout_s:g}")
        if not 0 <= self.hysteresis < 0.5:
            raise DataError(f"--hysteresis is 0 to 0.5, in probability; got {self.hysteresis:g}")
        if self.max_faces < 0 or self.min_face_px < 0 or self.threads < 0 or self.camera_rate < 0:
            raise DataError("--max-faces, --min-face, --threads and --camera-rate are 0 or more")

    @property
    def own_face_model(self) -> str | None:
        return str(Path(self.face_model)) if self.face_model else None
