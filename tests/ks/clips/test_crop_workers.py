"""clips.crop_workers: processes that crop end with an error, a kill or Ctrl-C, and keep what is finished."""

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import pytest

import knowledge_spreader.clips.crop_videos
import knowledge_spreader.clips.crop_workers
from knowledge_spreader.errors import DataError, KSError, MissingError, ModelError
from tests.ks.clips.small_videos import contents, finished, folder_of_images, make, video
from tests.paths import ROOT


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_one_video_ends_the_run_and_keeps_what_is_finished(tmp_path, workers):
    good = video(folder_of_images(tmp_path / "good", n=8), range(8))
    bad = video(folder_of_images(tmp_path / "bad", n=2), range(3))
    with pytest.raises(DataError, match=r"^bad: "):
        make([good, bad], tmp_path / "cache", workers=workers)
    left = [p for p in (tmp_path / "cache").iterdir() if p.is_dir()]
    assert all("tmp" not in p.name for p in left)
    if workers == 1:
        assert len(left) == 1
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("kind", [KSError, DataError, ModelError, MissingError])
def test_errors_cross_from_a_worker_unchanged(kind):
    back = pickle.loads(pickle.dumps(kind("a: b; c")))
    assert type(back) is kind
    assert str(back) == "a: b; c"


def test_a_worker_that_is_killed_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(knowledge_spreader.clips.crop_videos, "crop_video", kill_myself)
    videos = [video(folder_of_images(tmp_path / name), range(6)) for name in "ab"]
    with pytest.raises(KSError, match="fewer than 2 --workers"):
        make(videos, tmp_path / "cache", workers=2)
    assert not multiprocessing.active_children()


def kill_myself(entry, tick):
    os.kill(os.getpid(), signal.SIGKILL)


def test_speed_and_amount_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "knowledge_spreader.clips.crop_workers"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert "cropped 6 frames of 1 videos in" in caplog.text
    assert "frames/s" in caplog.text


def test_without_a_terminal_nothing_is_drawn(tmp_path, capfd):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    make([one], tmp_path / "c", progress=True)
    assert capfd.readouterr() == ("", "")


# ---- kills and Ctrl-C


RUN = """
import sys, threading
from pathlib import Path

sys.path[:0] = sys.argv[1:2]  # each worker reads this too

import knowledge_spreader.clips.crop_videos
from knowledge_spreader.clips.crop_videos import crop_video
from tests.ks.clips.small_videos import finished, make, video

def crop_thirty_at_most(entry, tick):
    def tick_or_stop():
        tick()
        if len(finished(entry.path.parent)) >= 30:
            threading.Event().wait()
    crop_video(entry, tick_or_stop)

if __name__ == "__main__":
    knowledge_spreader.clips.crop_videos.crop_video = crop_thirty_at_most
    root = Path(sys.argv[2])
    videos = [video(p, range(6)) for p in sorted((root / "in").iterdir())]
    make(videos, root / "cache", side_px=384, workers=int(sys.argv[3]))
"""


def start(tmp_path, workers):
    """Begins to crop 40 videos, stops for ever in the midst of the thirty-first, and returns when 3 are finished."""
    (tmp_path / "in").mkdir()
    for i in range(40):
        folder_of_images(tmp_path / "in" / f"v{i:02d}", seed=i)
    (tmp_path / "run.py").write_text(RUN)
    command = [sys.executable, tmp_path / "run.py", ROOT, tmp_path, str(workers)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    until(lambda: len(finished(tmp_path / "cache")) >= 3 or run.poll() is not None, "nothing was made")
    assert run.poll() is None, run.communicate()[1].decode()
    return run


def until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what


def session_is_empty(leader):
    """Whether all processes that a start_new_session leader began have ended."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended this moment
            state, _, _, session = stat.read_text().rpartition(") ")[2].split()[:4]
            if int(session) == leader and state != "Z":
                return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_after_sigkill_the_rest_is_made_and_all_is_as_if_nothing_had_happened(tmp_path, workers):
    cache = tmp_path / "cache"
    run = start(tmp_path, workers)
    run.kill()
    run.communicate()
    until(lambda: session_is_empty(run.pid), "workers outlived their parent")
    kept = {name: (cache / name / "crops.u8").stat().st_mtime_ns for name in finished(cache)}
    assert 3 <= len(kept) < 40
    videos = [video(p, range(6)) for p in sorted((tmp_path / "in").iterdir())]
    make(videos, cache, side_px=384)
    assert {name: (cache / name / "crops.u8").stat().st_mtime_ns for name in kept} == kept
    make(videos, tmp_path / "at once", side_px=384)
    assert contents(cache) == contents(tmp_path / "at once")


@pytest.fixture
def hears_ctrl_c():
    """A job in the background, as a test run may be, ignores it, and so do the processes that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_ends_all_processes_and_keeps_what_is_finished(tmp_path):
    run = start(tmp_path, 2)
    os.killpg(run.pid, signal.SIGINT)
    error = run.communicate(timeout=60)[1].decode()
    assert run.returncode == -signal.SIGINT, error
    assert error.count("Traceback") == 1, error  # the parent's; workers end in silence
    until(lambda: session_is_empty(run.pid), "workers outlived their parent")
    assert 3 <= len(finished(tmp_path / "cache")) < 40
    assert not list((tmp_path / "cache").glob("*.tmp-*"))


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_waits_for_a_moment_when_the_pool_holds_no_lock(tmp_path, monkeypatch):
    went_on = []

    def ctrl_c_inside(running, **options):
        signal.raise_signal(signal.SIGINT)
        went_on.append(True)
        return wait(running, **options)

    monkeypatch.setattr(knowledge_spreader.clips.crop_workers, "wait", ctrl_c_inside)
    with pytest.raises(KeyboardInterrupt):
        make([video(folder_of_images(tmp_path / name), range(6)) for name in "ab"], tmp_path / "cache", workers=2)
    assert went_on == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not multiprocessing.active_children()
    assert not list((tmp_path / "cache").glob("*.tmp-*"))


@pytest.mark.slow
def test_a_job_in_the_background_has_no_ctrl_c(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        crops = make([video(folder_of_images(tmp_path / name), range(6)) for name in "ab"], tmp_path / "c", workers=2)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert [len(c.found) for c in crops] == [6, 6]


def test_another_thread_than_the_main_one_can_crop(tmp_path):
    videos = [video(folder_of_images(tmp_path / name), range(6)) for name in "ab"]
    with ThreadPoolExecutor(1) as thread:
        assert len(thread.submit(make, videos, tmp_path / "cache", workers=2).result()) == 2
