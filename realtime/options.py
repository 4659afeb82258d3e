"""Options: the settings of a run of the live pipeline, checked when they are made."""

from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import OPENVINO, RUNTIMES
from knowledge_spreader.realtime.measures import LANDMARKS
from knowledge_spreader.realtime.temporal.events import HYSTERESIS

POLICIES = ("auto", "live", "every-frame", "stills")
VOICES = ("all", "crops", "paper")  # crops: without landmarks; paper: nor what the crops have learned from the others


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are those of ks-live. Raises DataError on an invalid value."""

    model: str = ""  # a .ks file; "" = the bundled model
    device: str = "auto"  # engines/open.py: open_engine
    precision: str = "auto"
    threads: int = 0  # of a CPU engine; 0 = the backend's choice
    face_model: str = ""  # BlazeFace file; "" = the packaged one
    face_runtime: str = OPENVINO  # what runs it
    policy: str = "auto"  # auto: live for cameras and streams, every-frame for recordings, stills for photographs
    person: bool = True  # subtract the person baseline, if the model has one and its voices are not heard
    neutral_s: float = 0.0  # seconds at the start of a track that set the neutral baseline; 0 = no neutral baseline
    hysteresis: float = HYSTERESIS  # an AU begins at threshold + hysteresis and ends at threshold - hysteresis
    min_face_px: float | None = None  # narrower faces are rejected; None: 32 where landmarks are heard, else 48
    voices: str = "all"  # which voices of the model are heard: VOICES
    features: bool = False  # keep branch B's feature in each answer, to learn from it
    pose: bool = True  # find the face mesh, for head pose and gaze; landmarks and blendshapes need it anyway
    landmarks: str = "none"  # in the tables and JSON lines: none, 68 (of OpenFace) or 478 (of the face mesh)
    blendshapes: bool = False  # in the tables, JSON lines and LSL
    max_faces: int = 0  # per frame, largest first; 0 = all
    camera_size: str = ""  # like 1280x720; "" = the camera's choice
    camera_rate: float = 0.0  # frames per second; 0 = the camera's choice
    camera_backend: str = "auto"
    camera_format: str = ""  # pixel format by the backend's name: mjpeg, yuyv422; "" = the camera's choice
    rate: float = 0.0  # frames per second of images and raw video; 0 = 25, or what the raw video says
    rtsp_transport: str = "tcp"
    timeout_s: float = 4.0  # a stream without a frame for longer is reopened
    audio: bool = False  # keep audio packets, to copy them into a saved video

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise DataError(f"--policy must be one of {', '.join(POLICIES)}; got {self.policy!r}")
        if self.face_runtime not in RUNTIMES:
            raise DataError(f"--face-runtime must be one of {', '.join(RUNTIMES)}; got {self.face_runtime!r}")
        if self.voices not in VOICES:
            raise DataError(f"--voices must be one of {', '.join(VOICES)}; got {self.voices!r}")
        if self.landmarks not in LANDMARKS:
            raise DataError(f"--landmarks must be one of {', '.join(LANDMARKS)}; got {self.landmarks!r}")
        if self.neutral_s < 0:
            raise DataError(f"--neutral must be 0 s or more; got {self.neutral_s:g}")
        if self.policy == "stills" and self.neutral_s:
            raise DataError("--neutral needs a recording, and --policy stills takes photographs; leave one of them out")
        if not 0.1 <= self.timeout_s <= 60:
            raise DataError(f"--timeout must be 0.1 to 60 s; got {self.timeout_s:g}")
        if not 0 <= self.hysteresis < 0.5:
            raise DataError(f"--hysteresis must be at least 0 and below 0.5; got {self.hysteresis:g}")
        if (
            self.max_faces < 0
            or (self.min_face_px or 0) < 0
            or self.threads < 0
            or self.camera_rate < 0
            or self.rate < 0
        ):
            raise DataError("--max-faces, --min-face, --threads, --camera-rate and --rate must be 0 or more")

    @property
    def needs_mesh(self) -> bool:
        """Whether the face mesh has to be found."""
        return self.pose or self.landmarks != "none" or self.blendshapes

    @property
    def own_face_model(self) -> str | None:
        return str(Path(self.face_model)) if self.face_model else None
