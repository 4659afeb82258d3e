"""ks-bench loader: measures how fast training reads clips from the crop cache, and the memory that takes.

It makes an empty cache of the wanted size (sparse files, which use no disk) and reads batches from it as the trainer
does. It prints batches/s, the shortest training step that need not wait for clips, and the memory of all processes.
"""

import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader

from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.clips.frame_index import index_frames
from knowledge_spreader.clips.loader import ClipReader
from knowledge_spreader.clips.schedule import Schedule
from knowledge_spreader.datasets.types import Video

VIDEO_FRAMES = 500
BATCH = 16


def empty_cache(folder: Path, frames: int, side_px: int) -> tuple[list[Video], list[VideoCrops]]:
    """Videos of 500 frames with 12 AUs each, and their crops, which are all zero."""
    rng = np.random.default_rng(0)
    videos, crops = [], []
    for i in range(-(-frames // VIDEO_FRAMES)):
        path = folder / f"{i}.u8"
        with path.open("wb") as file:
            file.truncate(VIDEO_FRAMES * side_px**2 * 3)
        numbers = np.arange(VIDEO_FRAMES, dtype=np.int32)
        labels = rng.integers(0, 2, (VIDEO_FRAMES, 12), dtype=np.int8)
        videos.append(Video(f"v{i}", f"s{i % 41}", path, numbers, numbers, labels))
        crops.append(VideoCrops(path, side_px, np.ones(VIDEO_FRAMES, bool)))
    return videos, crops


def memory_mb(processes: list[int]) -> float:
    """Proportional set size of all processes together, MiB: shared pages count once. Linux only."""
    total_kb = 0
    for pid in processes:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def children() -> list[int]:
    """Process ids of this process's worker processes."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def measure(frames: int, side_px: int, workers: int, steps: int) -> dict[str, object]:
    """Reads `steps` batches of 16 labelled and 16 unlabelled clips of 5 frames; the figures, for JSON."""
    with tempfile.TemporaryDirectory() as folder:
        videos, crops = empty_cache(Path(folder), frames, side_px)
        index = index_frames(videos, [c.found for c in crops], 5)
        every = np.arange(len(index))
        schedule = Schedule(0, every[::50], every[1::50], BATCH, BATCH, 1, 5, key_shift=True)
        reader = ClipReader(index, crops, schedule, token_width=128, dropout=0.5)
        loader = DataLoader(reader, batch_size=None, sampler=range(steps), num_workers=workers, prefetch_factor=4)
        memory, seen = [], 0
        started = time.perf_counter()
        for batch in loader:
            seen += len(batch.labelled.pictures) + len(batch.unlabelled.pictures)
            if batch.step == 0:
                started = time.perf_counter()  # all workers have started
            if batch.step % (steps // 5) == 0:
                memory.append(round(memory_mb([os.getpid(), *children()])))
        rate = (steps - 1) / (time.perf_counter() - started)
    return {
        "index_frames": len(index),
        "side_px": side_px,
        "workers": workers,
        "clips": seen,
        "batches_per_s": round(rate, 1),
        "step_without_waiting_ms": round(1000 / rate, 1),
        "memory_mb_over_time": memory,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
