"""Where a result comes from: commit, package versions, processor, GPU and time."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

Row = dict[str, Any]


PACKAGES = ("knowledge-spreader", "torch", "torchvision", "numpy", "openvino", "mediapipe")


def origin_of_results() -> Row:
    """{"commit", "versions", "machine"}, so that a number can be traced."""
    versions = {name: found for name in PACKAGES if (found := _version(name))}
    return {
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **versions},
        "machine": {"cpu": _cpu(), "cores": _cores(), "gpu": _gpu(), "system": platform.system()},
    }


def stamped(row: Row) -> Row:
    """The row with the current time as "finished_utc"."""
    return {**row, "finished_utc": datetime.now(UTC).isoformat(timespec="seconds")}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checkout's commit, with '-dirty' if a tracked file was changed; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpu() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None
