"""Where a result comes from: machine, versions and commit; and what the GPU holds at the moment."""

import os
import shutil
import subprocess

from knowledge_spreader.benchmarks.provenance import Row, origin_of_results


def machine() -> Row:
    """commit, versions and machine as in every result, with the load and the cores that this process may use."""
    origin = origin_of_results()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {**origin, "machine": {**origin["machine"], "load_1min": load}, "cores": origin["machine"]["cores"]}


def gpu_used_mb() -> float | None:
    """Memory in use on the first NVIDIA GPU by everybody, MB (10^6 bytes); None where nvidia-smi is not there."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return float(done.stdout.split()[0]) * 1.048576  # it counts in MiB
    except (ValueError, IndexError):
        return None
