"""A window for each stream with the annotated frames. `q`, Esc or closing it quits; the space bar pauses.

OpenCV's windows belong to one thread: create, write, poll and close in the same one (on macOS the main thread).
"""

import logging
import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.opencv import cv2, windows_hang
from knowledge_spreader.realtime.overlay.draw import Overlay, text_size_px
from knowledge_spreader.realtime.overlay.panel import INK
from knowledge_spreader.realtime.overlay.text import darken, line_px, put, width_px
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.types import FaceAUs, FrameResult

log = logging.getLogger(__name__)

_LARGEST_PX = (1280, 720)  # largest size at which frames are shown; fits on a laptop's screen
_KEYS = {ord("q"): "quit", ord("Q"): "quit", 27: "quit", ord(" "): "pause"}
_PROBE = "import cv2; cv2.namedWindow('knowledge-spreader', cv2.WINDOW_GUI_NORMAL); cv2.destroyAllWindows()"
_PROBE_TIMEOUT_S = 30.0


class WindowSink:
    """Shows results. Raises MissingError without a display, or if OpenCV was built without windows.

    n_frames, points: for the overlay.
    """

    def __init__(self, title: str, *, n_frames: int | None = None, points: str = "") -> None:
        _check_display()
        # Hides Qt's warnings about fonts and platforms; a user can set this variable to see them.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false;*.info=false")
        self.name = "--show"
        self.quit = False  # requested by key or by closing a window
        self.paused = False
        self._title, self._n_frames, self._points = title, n_frames, points
        self._windows: dict[int, _Window] = {}
        self._display: int | None = None  # file descriptor

    def write(self, result: FrameResult) -> None:
        """Shows a result; while paused, the image stays and the result is ignored. Never waits.

        Raises DataError if the display is gone.
        """
        if self._display_gone():
            raise DataError("the display is gone; the run goes on without the window")
        if not self.quit and not self.paused:
            number = result.frame.stream.number
            if number not in self._windows:
                self._windows[number] = _open_window(self._title, result, Overlay(self._n_frames, self._points))
            self._windows[number].show(result)
            self._display = self._display or _x_connection()
        self.poll()

    def poll(self) -> None:
        """Handles keys and clicks. Call it while no result arrives, so that the window stays alive."""
        if self.quit or not self._windows or self._display_gone():
            return
        wish = _KEYS.get(cv2.pollKey() & 0xFF)
        closed = any(cv2.getWindowProperty(window.key, cv2.WND_PROP_VISIBLE) < 1 for window in self._windows.values())
        if wish == "quit" or closed:
            self.quit = True
            self._destroy()
        elif wish == "pause":
            self.paused = not self.paused
            for window in self._windows.values():
                window.mark_paused(self.paused)

    def close(self) -> None:
        """Closes the windows."""
        self._destroy()

    def _display_gone(self) -> bool:
        """Whether the X server has ended. The next call of Qt would then end this process, without a word."""
        if self._display is None:
            return False
        state = select.poll()
        state.register(self._display, select.POLLHUP | select.POLLRDHUP | select.POLLERR)
        return bool(state.poll(0))

    def _destroy(self) -> None:
        if self._windows and not self._display_gone():
            self._windows.clear()
            cv2.destroyAllWindows()
            cv2.pollKey()  # Qt removes them when it next processes events


@dataclass(slots=True, eq=False)
class _Window:
    key: str  # OpenCV's window name
    overlay: Overlay
    picture: U8  # last image shown, without the pause mark

    def show(self, result: FrameResult) -> None:
        self.picture = self.overlay.draw(_shrunk(result))
        cv2.imshow(self.key, cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR))

    def mark_paused(self, paused: bool) -> None:
        shown = self.picture.copy()
        if paused:
            _draw_paused(shown)
        cv2.imshow(self.key, cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


def _open_window(title: str, result: FrameResult, overlay: Overlay) -> _Window:
    stream, picture = result.frame.stream, _shrunk(result).frame.image
    key = f"{title} {stream.number}"
    cv2.namedWindow(key, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    cv2.setWindowTitle(key, f"{title}: {' '.join(printable(stream.name).split())}")
    cv2.resizeWindow(key, picture.shape[1], picture.shape[0])
    return _Window(key, overlay, picture)


def _x_connection() -> int | None:
    """File descriptor of Qt's connection to the X server; None where there is none."""
    number = os.environ.get("DISPLAY", "").rpartition(":")[2].partition(".")[0]
    fds = map(int, os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") and number.isdigit() else ()
    for fd in fds:
        with suppress(OSError), socket.socket(fileno=os.dup(fd)) as found:
            peer = found.getpeername()
            if isinstance(peer, tuple):
                is_x = peer[1:2] == (6000 + int(number),)  # over the network, or ssh
            else:
                is_x = os.fsencode(peer).endswith(b".X11-unix/X" + number.encode())
            if is_x:
                return fd
    return None


def _draw_paused(image: U8) -> None:
    """Draws two bars and a label at the top right."""
    height, width = image.shape[:2]
    em = text_size_px(width, height)
    text = "paused, space resumes"
    left, bottom = width - width_px(text, em, True) - 3 * em, line_px(em) + em // 2
    darken(image, left, 0, width, bottom)
    for x in (left + em // 2, left + em):
        cv2.rectangle(image, (x, em // 3), (x + em // 4, bottom - em // 3), INK, cv2.FILLED)
    put(image, text, left + 2 * em, em // 4, em, INK, True)


def _shrunk(result: FrameResult) -> FrameResult:
    """The result scaled to the size at which it is shown, so that the overlay is drawn sharp, not scaled."""
    height, width = result.frame.image.shape[:2]
    scale = min(_LARGEST_PX[0] / width, _LARGEST_PX[1] / height)
    if scale >= 1:
        return result
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR  # linear is faster, and good enough down to half the size
    image = np.asarray(cv2.resize(result.frame.image, size, interpolation=how), np.uint8)
    faces = tuple(_scaled(face, scale) for face in result.faces)
    return replace(result, frame=replace(result.frame, image=image), faces=faces)


def _scaled(face: FaceAUs, scale: float) -> FaceAUs:
    left, top, right, bottom = face.face.box_xyxy_px
    mesh = face.face.landmarks
    scaled = replace(
        face.face,
        box_xyxy_px=(left * scale, top * scale, right * scale, bottom * scale),
        landmarks=mesh and replace(mesh, points_px=mesh.points_px * np.float32(scale)),
    )
    return replace(face, face=scaled)


def _check_display() -> None:
    """Raises MissingError if a window would fail: without a display, Qt ends the whole process."""
    advice = "run on a desktop, or use --save to write the annotated video"
    if not cv2.currentUIFramework():
        raise MissingError(
            "this OpenCV was built without windows; pip uninstall opencv-python-headless, then pip install "
            "--force-reinstall opencv-python; or use --save"
        )
    if not sys.platform.startswith("linux"):
        return
    if windows_hang():
        raise MissingError("PyAV was imported before OpenCV, so windows hang; import knowledge_spreader first")
    if not os.environ.get("DISPLAY"):
        wayland = " (Wayland is there, but OpenCV's windows need XWayland)" if os.environ.get("WAYLAND_DISPLAY") else ""
        raise MissingError(f"no display: DISPLAY is not set{wayland}; {advice}")
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise MissingError(f"no display: {os.environ['DISPLAY']} does not answer; {advice}") from exc
    if tried.returncode:
        log.debug("no window could be opened: %s", tried.stderr)
        raise MissingError(f"no display: no window can be opened on {os.environ['DISPLAY']}; {advice}")
