"""A real ks-studio process, and Debian's Chromium on its page."""

import base64
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.arrays import F32
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.adapt.cache import watch_recordings
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
# no sandbox: a container's root may not make one; the rest keeps the browser from speaking to anybody but the studio
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
STUDIO = "import sys; from knowledge_spreader.realtime.cli.studio import main; sys.exit(main())"
SCREEN = {"width": 1280, "height": 800}
PATIENCE_MS = 20_000
CLOSED_S = 20

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no chromium here; on Debian: apt-get install chromium")


@contextmanager
def studio(project: Path, cache: Path, port: int = 0) -> Iterator[str]:
    """The address of a studio that runs until the block ends; then it must close in order. port 0: any free one."""
    errors = project.with_name(f"{project.name}.stderr")
    command = [sys.executable, "-c", STUDIO, str(project), "--cache", str(cache), "--no-browser", "--port", str(port)]
    with errors.open("w") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as run:
        try:
            assert run.stdout
            found = re.search(r"http://\S+", run.stdout.readline())
            assert found, errors.read_text()
            yield found[0]
        finally:
            run.send_signal(signal.SIGINT)
            try:
                code = run.wait(CLOSED_S)
            except subprocess.TimeoutExpired:
                run.kill()
                raise
    assert code in (0, 130), errors.read_text()
    assert "Traceback" not in errors.read_text(), errors.read_text()


@contextmanager
def page_of(browser: Any, address: str, coder: str = "") -> Iterator[Any]:
    """A page of a browser profile of its own. Fails at the end if the page threw or its console shows an error."""
    wrong: list[str] = []
    context = browser.new_context(base_url=address.partition("?")[0], viewport=SCREEN, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    if coder:
        context.add_init_script(f"localStorage.setItem('ks-studio.coder', {coder!r})")
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda asked: wrong.append(f"leaves this machine: {asked.url}") if _foreign(asked.url) else None)
    try:
        page.goto(address)
        page.get_by_role("navigation", name="Views").wait_for()
        yield page
    finally:
        context.close()
    assert not wrong, "\n".join(wrong)


def pixels(canvas: Any) -> F32:
    """(H, W, 3) what a canvas shows."""
    shown = canvas.evaluate("canvas => canvas.toDataURL('image/png')").partition(",")[2]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(shown), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture[..., ::-1], np.float32)


def _foreign(url: str) -> bool:
    return not re.match(r"(http|ws)://127\.0\.0\.1[:/]|blob:|data:", url)


def analysed(shared: Path) -> Path:
    """A cache in which the demo clip is analysed; once, whichever worker of the tests comes first."""
    with (shared / "analysed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch_recordings([OwnRecording(demo_clip(), "clip.mp4", "clip.mp4")], Options(), shared / "analysed")
    return shared / "analysed"


def shared(factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all workers."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
