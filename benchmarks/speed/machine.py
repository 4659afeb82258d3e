"""The machine of a benchmark: its origin and load, and the GPU memory in use."""

import os
import shutil
import subprocess

from knowledge_spreader.benchmarks.provenance import Row, origin_of_results


def machine() -> Row:
    """{"commit", "versions", "machine", "cores"}: as origin_of_results, with the load and the usable cores."""
    origin = origin_of_results()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {**origin, "machine": {**origin["machine"], "load_1min": load}, "cores": origin["machine"]["cores"]}


def gpu_used_mb() -> float | None:
    """Memory in use on the first NVIDIA GPU by all processes, MB (10^6 bytes); None without nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return float(done.stdout.split()[0]) * 1.048576  # nvidia-smi counts in MiB
    except (ValueError, IndexError):
        return None
