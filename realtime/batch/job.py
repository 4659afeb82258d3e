"""What goes to a worker and what comes back: Job -> Done or Failed. Plain data, which travels between machines."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to analyse: a video, or a folder of images."""

    path: str  # absolute
    name: str  # as the user wrote it, or below what the user wrote: the column `stream`
    subject: str = ""
    session: str = ""
    bytes: int = 0  # its size, to begin with the largest
    mtime_ns: int = 0  # when it was last written
    content: str = ""  # its content_id if that is known; "" = the worker reads it


@dataclass(frozen=True, slots=True)
class About:
    """What a result file says of itself, as JSON in its metadata."""

    key: str  # keys.py: of content, weights and settings
    content: str  # keys.py: content_id
    path: str  # of the recording when it was analysed, with its size and time: if they are the same, so is it
    bytes: int
    mtime_ns: int
    name: str
    weights: str
    settings: dict[str, Any]
    frames: int
    faces: int  # different ids; of photographs, all faces
    fps: float | None  # frames per second of the recording; None of photographs
    seconds: float | None  # its length
    took_s: float
    damage: str  # one line: what of the recording could not be read; "" = nothing
    engine: str
    versions: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Raises TypeError on other fields."""
        return cls(**found)


@dataclass(frozen=True, slots=True)
class Done:
    """The file is there, whole and on disk."""

    job: Job
    file: str  # its name in FOLDER/faces
    about: About
    fresh: bool = True  # False: it was there already


@dataclass(frozen=True, slots=True)
class Failed:
    """No file was written."""

    job: Job
    reason: str  # one line
    attempts: int = 1
    stops: bool = False  # the folder cannot be written: no other recording would fare better
    trace: str = ""  # of an error that is our own
