"""Imports OpenVINO without its usage statistics. Use `from knowledge_spreader.quiet_openvino import openvino`.

A plain `import openvino` counts itself at google-analytics.com, with a number that it keeps in ~/intel, unless the user
has run `opt_in_out --opt_out`. It does so with the package openvino_telemetry. Without that package OpenVINO uses
its own stub, which sends nothing. So we hide the package while OpenVINO is imported.
"""

import os
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from knowledge_spreader.errors import DataError, MissingError, one_line

_TELEMETRY = "openvino_telemetry"
_before = sys.modules.get(_TELEMETRY)
sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's way to say that an import must fail
try:
    import openvino
except ImportError as exc:
    raise MissingError(f"OpenVINO is not installed ({exc}); run: pip install 'openvino>=2025.2'") from exc
finally:
    if _before is None:
        del sys.modules[_TELEMETRY]
    else:
        sys.modules[_TELEMETRY] = _before


@cache
def core() -> "openvino.Core":
    """The one Core of this process, never destroyed.

    Each Core gives the thread an alternate signal stack, and takes it away when it goes. Python handles signals on that
    stack. If two Cores go in the order in which they came, the second puts back the stack of the first, which is freed:
    the next Ctrl-C would be a segmentation fault.

    KS_OPENVINO_CACHE names a folder for what OpenVINO has compiled, so that later processes need not compile it again.
    Raises DataError if it is no folder that can be written.
    """
    made = openvino.Core()
    if kept := os.environ.get("KS_OPENVINO_CACHE"):
        _check_cache(Path(kept))
        made.set_property({"CACHE_DIR": kept})
    return made


def _check_cache(folder: Path) -> None:
    """OpenVINO would fail in the middle of a model."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise DataError(
            f"KS_OPENVINO_CACHE={folder}: nothing can be written there ({one_line(exc)}); name another folder"
        ) from exc


__all__ = ["core", "openvino"]
