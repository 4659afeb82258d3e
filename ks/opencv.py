"""OpenCV. Use `from knowledge_spreader.opencv import cv2`: a broken one is then one line, at its first use.

Broken ones are common: opencv-python, opencv-contrib-python (which mediapipe brings) and the headless ones all write
the folder `cv2`, and whichever is uninstalled takes files of the others with it.

ks/__init__.py imports this first, because OpenCV must come before PyAV: both wheels for Linux hold a libxcb-shm of the
same name, and with PyAV's, OpenCV's windows hang.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from knowledge_spreader.errors import MissingError, one_line

__all__ = ["cv2", "windows_hang"]

_SOME = ("resize", "warpAffine", "imdecode", "FontFace", "pollKey")  # of what is used here; FontFace is new in OpenCV 5
_CURE = "python -m pip install --force-reinstall --no-deps 'opencv-python>=5,<6'"


class _Broken:
    """Stands for an OpenCV that cannot be used: every name of it raises MissingError."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(name) if name.startswith("__") else MissingError(self._why)


def _opencv() -> Any:
    try:
        found = import_module("cv2")
    except (ImportError, OSError, AttributeError) as exc:  # AttributeError: half of another version
        lacks = re.search(r"lib(GL|gthread|glib|xcb)\b.*cannot open shared object", str(exc))
        cure = "apt-get install libgl1 libglib2.0-0" if lacks else _CURE
        return _Broken(f"OpenCV cannot be loaded ({one_line(exc)}); run: {cure}")
    if missing := [name for name in _SOME if not hasattr(found, name)]:
        what = getattr(found, "__version__", "a part")
        return _Broken(f"OpenCV 5 is wanted; {what} is there, without cv2.{missing[0]}; run: {_CURE}")
    return found


def windows_hang() -> bool:
    """Whether PyAV's libxcb-shm is the one that is loaded, because somebody imported PyAV before all of this."""
    try:
        return "/av.libs/libxcb-shm" in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False


if TYPE_CHECKING:
    import cv2
else:
    cv2 = _opencv()
