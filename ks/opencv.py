"""OpenCV, imported when it is first used. Use `from knowledge_spreader.opencv import cv2`.

So a broken one is one line of a command that runs, and `--help` does not wait 0.1 s for it. Broken ones are common:
opencv-python, opencv-contrib-python (which mediapipe brings) and the headless ones all write the folder `cv2`, and
whichever is uninstalled takes files of the others with it.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from knowledge_spreader.errors import MissingError, one_line

if TYPE_CHECKING:
    import cv2
else:

    class _FirstUse:
        """Every name of OpenCV, looked up each time, so that it behaves like the module."""

        def __getattr__(self, name: str) -> Any:
            return getattr(_opencv(), name)

    cv2 = _FirstUse()

__all__ = ["cv2"]

_SOME = ("resize", "warpAffine", "imdecode", "FontFace", "pollKey")  # of what is used here; FontFace is new in OpenCV 5
_CURE = "python -m pip install --force-reinstall --no-deps 'opencv-python>=5,<6'"
_found: Any = None


def _opencv() -> Any:
    global _found
    if _found is None:
        _found = _checked()
    return _found


def _checked() -> Any:
    """Raises MissingError if OpenCV, or a part of it, is not there."""
    try:
        found = import_module("cv2")
    except (ImportError, OSError, AttributeError) as exc:  # AttributeError: half of another version
        lacks = re.search(r"lib(GL|gthread|glib|xcb)\b.*cannot open shared object", str(exc))
        cure = "apt-get install libgl1 libglib2.0-0" if lacks else _CURE
        raise MissingError(f"OpenCV cannot be loaded ({one_line(exc)}); run: {cure}") from exc
    if missing := [name for name in _SOME if not hasattr(found, name)]:
        what = getattr(found, "__version__", "a part")
        raise MissingError(f"OpenCV 5 is wanted; {what} is there, without cv2.{missing[0]}; run: {_CURE}")
    return found
