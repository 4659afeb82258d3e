"""A live run of more than a minute under strace, begun when the tests begin, so that no worker stands still for it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowledge_spreader.realtime.demo import demo_clip
from tests.network_audit import opened, tracing
from tests.realtime.clips import slowed
from tests.shared import shared_folder

FPS = 3  # the 195 pictures of the clip last 65 s
PATIENCE_S = 180.0


def begin(factory: pytest.TempPathFactory) -> Path:
    """Starts it, unless another worker has; its folder. It ends by itself, and writes its exit code last."""
    folder = shared_folder(factory) / "long-run"
    try:
        folder.mkdir()
    except FileExistsError:
        return folder
    clip = slowed(demo_clip(), folder / "long.mp4", fps=FPS)
    live = [Path(sys.executable).with_name("ks-live"), "--source", clip, "--policy", "live", "--no-progress"]
    command, env = tracing([*live, "--csv", folder / "a.csv"], folder)
    (folder / "begun").touch()
    script = '{ "$@" > said 2>&1; echo $? > code; mv code done; } > /dev/null 2>&1 &'
    subprocess.run(["sh", "-c", script, "sh", *command], cwd=folder, env=env, check=True)
    return folder


def sockets_and_seconds(folder: Path) -> tuple[list[str], float]:
    """Waits for its end: the sockets that it opened, and how long it lasted. Fails if it did not end with 0."""
    done, given_up_s = folder / "done", time.monotonic() + PATIENCE_S
    while not done.exists():
        assert time.monotonic() < given_up_s, "the long run does not end"
        time.sleep(0.2)
    assert done.read_text().strip() == "0", (folder / "said").read_text()
    return opened(folder), done.stat().st_mtime - (folder / "begun").stat().st_mtime
