"""Imports OpenVINO without its usage statistics. Use `from knowledge_spreader.quiet_openvino import openvino`.

A plain `import openvino` counts itself at google-analytics.com, with a number that it keeps in ~/intel, unless the user
has run `opt_in_out --opt_out`. It does so with the package openvino_telemetry. Without that package OpenVINO uses
its own stub, which sends nothing. So we hide the package while OpenVINO is imported.
"""

import sys
from functools import cache

from knowledge_spreader.errors import MissingError

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
    """
    return openvino.Core()


__all__ = ["core", "openvino"]
