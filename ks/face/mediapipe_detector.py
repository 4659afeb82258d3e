"""BlazeFace run by Google's MediaPipe instead of OpenVINO, for who asks for it: `--face-runtime mediapipe`.

The answers are those of blaze_face.py (tests/ks/face/test_against_mediapipe.py). The package `mediapipe` is an extra.
It sends metrics of its use to Google, and has no switch for that; so one line says so.
"""

import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.face.blaze_face import INPUT_PX, Detection

log = logging.getLogger(__name__)

REPORTS_HOME = (
    "--face-runtime mediapipe: MediaPipe's runtime sends usage metrics to Google (https://goo.gle/mediapipe-privacy); "
    "the default, openvino, finds the same faces and sends nothing"
)


class MediaPipeBlazeFace:
    """Has `detect` like BlazeFace. Raises MissingError without MediaPipe or the file, DataError on another file."""

    def __init__(self, path: Path, *, min_score: float) -> None:
        self._mp, vision, base_options = _import_mediapipe()
        try:
            weights = path.read_bytes()
        except OSError as exc:
            raise MissingError(f"{path}: cannot read the face model ({one_line(exc)}); check the path") from exc
        log.warning(REPORTS_HOME)
        try:
            with _notes_to_log():
                options = vision.FaceDetectorOptions(
                    base_options=base_options(model_asset_buffer=weights), min_detection_confidence=min_score
                )
                self._detector = vision.FaceDetector.create_from_options(options)
                self._try_out()
        except OSError as exc:
            raise _no_library(exc) from exc
        except (RuntimeError, ValueError) as exc:
            raise DataError(
                f"{path}: this is not a BlazeFace model ({one_line(exc)}); name another or leave the option out"
            ) from exc

    def _try_out(self) -> None:
        """Detects once on a black image: a wrong model fails here, and the runtime writes its last start-up notes."""
        try:
            self.detect(np.zeros((1, INPUT_PX, INPUT_PX, 3), np.uint8))
        except (RuntimeError, ValueError):
            with suppress(RuntimeError, ValueError):
                self._detector.close()
            raise

    def close(self) -> None:
        with _notes_to_log():
            self._detector.close()

    def detect(self, pictures: U8) -> list[list[Detection]]:
        """(B, 128, 128, 3) RGB -> the faces of each picture, best first."""
        return [self._faces(picture) for picture in pictures]

    def _faces(self, picture: U8) -> list[Detection]:
        # mp.Image misreads arrays that are not contiguous
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        found = []
        for detection in self._detector.detect(image).detections:
            box, points = detection.bounding_box, [(p.x, p.y) for p in detection.keypoints or ()]
            if len(points) != 6:
                raise ValueError(f"{len(points)} key points instead of 6")
            x, y = box.origin_x, box.origin_y
            corners = np.array([(x, y), (x + box.width, y + box.height)], np.float64)
            found.append(Detection(corners, np.array(points) * INPUT_PX, float(detection.categories[0].score)))
        return found


def _import_mediapipe() -> tuple[Any, Any, Any]:
    """Imported at first use: it takes a second, and hardly anybody asks for it."""
    try:
        import mediapipe
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core.base_options import BaseOptions
    except (ImportError, OSError) as exc:
        raise _no_library(exc) from exc
    return mediapipe, vision, BaseOptions


def _no_library(exc: Exception) -> MissingError:
    ours = "pip install 'knowledge-spreader[mediapipe]'"
    cure = "apt-get install libegl1 libgles2" if re.search("lib(EGL|GLES)", str(exc)) else ours
    return MissingError(f"MediaPipe cannot be loaded ({one_line(exc)}); leave --face-runtime out, or run: {cure}")


# MediaPipe's runtime writes notes to file descriptor 2 when it starts and stops. No option turns them off.
_NOTE = re.compile(rb"(INFO|WARNING|ERROR): |[IWE]\d{4} ")
_stderr_is_ours = threading.Lock()


@contextmanager
def _notes_to_log() -> Iterator[None]:
    """Redirects file descriptor 2 meanwhile: notes of the runtime go to the log (DEBUG), the rest to stderr."""
    with _stderr_is_ours, tempfile.TemporaryFile() as aside:
        try:
            stderr = os.dup(2)
        except OSError:  # a service without stderr
            yield
            return
        try:
            os.dup2(aside.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            aside.seek(0)
            for line in aside:
                if _NOTE.match(line):
                    log.debug("MediaPipe: %s", line.decode(errors="replace").rstrip())
                else:
                    os.write(stderr, line)
            os.close(stderr)
