"""A named pipe is a recording like any other; one that nobody writes to is given up."""

import os
import threading
import time
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from tests.realtime.clips import number, numbers, write_clip

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def test_a_video_can_come_through_a_named_pipe(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "a.mkv", 30, noise=True).read_bytes()
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    open_before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    (target,) = targets([str(pipe)])
    with Recording(target) as recording:
        frames = [number(frame.image) for frame in recording.frames()]
    writer.join()
    assert len(frames) == 30
    assert frames[-1] == numbers(30)[-1]
    if open_before is not None:
        assert len(os.listdir("/proc/self/fd")) <= open_before


def test_a_pipe_that_nobody_writes_to_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "silent")
    (target,) = targets([str(tmp_path / "silent")])
    start_s = time.perf_counter()
    with (
        pytest.raises(DataError, match=r"silent: nobody wrote to this pipe for 0.3 s; .*--timeout"),
        Recording(target, timeout_s=0.3),
    ):
        pass
    assert time.perf_counter() - start_s < 5
