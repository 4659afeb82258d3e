"""Local cameras: their ffmpeg names on each operating system, and a second reader that uses OpenCV."""

import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.sources.reader import Intake, Picture
from knowledge_spreader.realtime.sources.source_spec import Target

_MICROSECOND = Fraction(1, 1_000_000)


def backend_of(target: Target, platform: str = sys.platform) -> str:
    """v4l2 on Linux, avfoundation on macOS; OpenCV on Windows, where dshow needs the camera's full device name."""
    if target.backend != "auto":
        return target.backend
    return {"linux": "v4l2", "darwin": "avfoundation"}.get(platform, "opencv")


def camera_input(target: Target) -> tuple[str, str, dict[str, str]]:
    """(address, format, options) for av.open."""
    backend = backend_of(target)
    address = target.address
    if backend == "v4l2" and address.isdecimal():
        address = f"/dev/video{address}"
    if backend == "dshow" and not address.startswith("video="):
        address = f"video={address}"
    options = {"video_size": target.size, "framerate": f"{target.camera_rate:g}" if target.camera_rate else ""}
    options["input_format" if backend == "v4l2" else "pixel_format"] = target.input_format
    return address, backend, {key: value for key, value in options.items() if value}


def no_camera(target: Target, why: str) -> MissingError:
    return MissingError(f"{target.name} cannot be opened ({why}); {_cameras_here()}")


def _cameras_here(folder: Path = Path("/dev")) -> str:
    found = sorted(folder.glob("video*"))
    if found:
        return (
            f"found {', '.join(map(str, found))}; check the number, --camera-size and --camera-rate, and that no other "
            "program uses it"
        )
    return "no camera found on this system; connect one, and check that this user may open it"


class OpenCVCamera:
    """A camera read by OpenCV: works on every system, without the camera's own time stamps (this machine's clock)."""

    audio: Any = None
    duration_s: float | None = None
    finite = False

    def __init__(self, target: Target, intake: Intake) -> None:
        self._target, self._intake = target, intake
        which = int(target.address) if target.address.isdecimal() else target.address
        self._camera = cv2.VideoCapture(which)
        if not self._camera.isOpened():
            raise no_camera(target, "OpenCV cannot open it")
        if target.input_format:
            self._camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*f"{target.input_format:4.4}".upper()))
        if target.size:
            width, height = map(int, target.size.split("x"))
            self._camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        if target.camera_rate:
            self._camera.set(cv2.CAP_PROP_FPS, target.camera_rate)
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate).limit_denominator(1001) if 0 < rate <= 1000 else None

    def pictures(self) -> Iterator[Picture]:
        start_s = time.perf_counter()
        while True:
            there, bgr = self._camera.read()
            now = time.perf_counter()
            if not there:
                raise DataError(f"{self._target.name}: the camera sends no more frames")
            picture = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            yield Picture(picture, self._intake.next_index(), round((now - start_s) * 1e6), _MICROSECOND, now)

    def close(self) -> None:
        self._camera.release()
