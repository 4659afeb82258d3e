"""Facial action units (AUs) from video: watch them live, read them from recordings, train your own detector.

    from knowledge_spreader import watch

    with watch(0) as results:                      # a camera; or "talk.mp4", "rtsp://...", a folder, several
        for result in results:                     # one for each frame, as it arrives
            for face in result.faces:              # one for each face
                if face.success:
                    print(result.frame.time_s, face.face_id, face.probability_of(12))  # AU12, lip corner puller

`table("talk.mp4")` gives a whole recording as a pandas DataFrame, `train(TrainConfig(...))` trains, `open_model` reads
a `.ks` file, `open_engine` runs it on crops. Names are imported at first use, so watching does not need torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import knowledge_spreader.opencv  # noqa: F401  # before PyAV, or windows hang

if TYPE_CHECKING:
    from knowledge_spreader.config import TrainConfig
    from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
    from knowledge_spreader.engines.open import open_engine
    from knowledge_spreader.engines.train import train
    from knowledge_spreader.errors import KSError
    from knowledge_spreader.realtime.adapt.run import adapt_model
    from knowledge_spreader.realtime.options import Options
    from knowledge_spreader.realtime.types import Event, Face, FaceAUs, Frame, FrameResult, Stream
    from knowledge_spreader.realtime.watch import Watch, table, watch

# ONNX Runtime (seen with 1.32) sends events of its use to Microsoft, with a number that it keeps in the user's cache,
# unless this variable is set when it is first imported. Programs that we start inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Event",
    "Face",
    "FaceAUs",
    "Frame",
    "FrameResult",
    "KSError",
    "ModelFile",
    "Options",
    "Stream",
    "TrainConfig",
    "Watch",
    "adapt_model",
    "open_engine",
    "open_model",
    "table",
    "train",
    "watch",
]

_ROOMS = {
    "errors": ("KSError",),
    "config": ("TrainConfig",),
    "engines.open": ("open_engine",),
    "engines.train": ("train",),
    "engines.ks_file.model_file": ("ModelFile", "open_model"),
    "realtime.adapt.run": ("adapt_model",),
    "realtime.options": ("Options",),
    "realtime.types": ("Event", "Face", "FaceAUs", "Frame", "FrameResult", "Stream"),
    "realtime.watch": ("Watch", "table", "watch"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports a public name at its first use."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
