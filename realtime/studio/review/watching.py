"""Watcher: analyses recordings in the background, one after another, and gives what was found.

    new -> waiting -> watching -> ready
                      watching -> failed, with a line that says why
    stop(): waiting or watching -> new

The work is done by a process (watch_process.py); a thread here feeds it and listens. What was analysed lies in the
cache of ks-adapt, so a recording that was analysed once is ready when the studio starts.
"""

import json
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.adapt.cache import Watched, is_watched, watch_recordings
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.project import Rec

NEW, WAITING, WATCHING, READY, FAILED = "new", "waiting", "watching", "ready", "failed"

_HELD = 3  # recordings in memory
_PATIENCE_S = 1.5  # until a process that was asked to stop is ended
_COMMAND = (sys.executable, "-m", "knowledge_spreader.realtime.studio.review.watch_process")


@dataclass(frozen=True, slots=True)
class _State:
    state: str
    frames_done: int = 0
    frames: int = 0  # how many there may be; 0: not known
    error: str = ""


class Watcher:
    """Thread-safe. close() ends the work. ready: called, in its thread, with a recording that has become ready."""

    def __init__(self, cache: Path, options: Options, ready: Callable[[Rec], None] = lambda rec: None) -> None:
        self._cache, self._options, self._ready = cache, options, ready
        self._news = threading.Condition()  # guards all below
        self._states: dict[str, _State] = {}
        self._waiting: deque[Rec] = deque()
        self._now: Rec | None = None
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._opened: ModelFile | None = None
        self._held: OrderedDict[Rec, Watched] = OrderedDict()
        self._loading = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)
        self._thread.start()

    def ask(self, rec: Rec) -> None:
        """Analyse it, when its turn comes. One that is ready or in the queue stays as it is."""
        with self._news:
            if self.state(rec)["state"] in (NEW, FAILED) and not self._closed:
                self._states[rec.id] = _State(WAITING)
                self._waiting.append(rec)
                self._news.notify_all()

    def stop(self, rec_id: str) -> None:
        """Give up a recording that waits or is being analysed; the others go on."""
        with self._news:
            left = [rec for rec in self._waiting if rec.id != rec_id]
            if len(left) < len(self._waiting):
                self._waiting = deque(left)
                self._states[rec_id] = _State(NEW)
            if self._now is not None and self._now.id == rec_id:
                self._states[rec_id] = _State(NEW)
                self._now = None
                process, self._process = self._process, None
                _end(process, wait=False)

    def state(self, rec: Rec) -> dict[str, Any]:
        """state, frames_done, frames (0: not known) and error, one line."""
        with self._news:
            if rec.id not in self._states:
                try:
                    there = is_watched(rec.path, self._model(), self._options, self._cache)
                except KSError as exc:  # it may be readable later
                    return asdict(_State(FAILED, error=str(exc)))
                self._states[rec.id] = _State(READY if there else NEW)
            return asdict(self._states[rec.id])

    def watched(self, rec: Rec) -> Watched:
        """All that was found, from the cache. Raises DataError if it is not ready."""
        with self._loading:
            if rec in self._held:
                self._held.move_to_end(rec)
                return self._held[rec]
            if self.state(rec)["state"] != READY:
                raise DataError(f"{rec.name} is not analysed yet; analyse it first")
            found = self._read(rec)
            self._held[rec] = found
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
            return found

    def close(self) -> None:
        with self._news:
            self._closed = True
            self._waiting.clear()
            self._now = None
            process, self._process = self._process, None
            self._news.notify_all()
        _end(process, wait=True)
        self._thread.join()

    def _model(self) -> ModelFile:
        self._opened = self._opened or open_model(self._options.model or bundled_model())
        return self._opened

    def _read(self, rec: Rec) -> Watched:
        def seen(path: Path, frames: int) -> None:
            raise DataError(f"{rec.name}: what was found in it is damaged or gone; analyse it again")

        try:
            return watch_recordings([rec.own()], self._options, self._cache, seen)
        except KSError as exc:
            with self._news:
                self._states[rec.id] = _State(FAILED, error=str(exc))
            raise

    # the thread

    def _work(self) -> None:
        while True:
            with self._news:
                while not (self._waiting or self._closed):
                    idle, self._process = self._process, None
                    if idle is not None:  # it would hold a few hundred megabytes
                        _end(idle, wait=False)
                        _let_go(idle)
                    self._news.wait()
                if self._closed:
                    return
                rec = self._now = self._waiting.popleft()
                self._states[rec.id] = _State(WATCHING)
                process = self._process = self._process or _begin()
            self._told(process, rec)

    def _told(self, process: "subprocess.Popen[str]", rec: Rec) -> None:
        """Gives a recording to the process and takes down what it says, until it is done or given up."""
        assert process.stdin is not None
        assert process.stdout is not None
        own, options = rec.own(), asdict(self._options)
        task = {"path": str(own.path), "name": own.name, "person": own.person, "cache": str(self._cache)}
        with suppress(OSError):  # it is gone: the end of its output says so
            process.stdin.write(json.dumps({**task, "options": options}) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if self._take(process, rec, json.loads(line)):
                if self.state(rec)["state"] == READY:
                    self._ready(rec)
                return
        process.wait()
        _let_go(process)
        with self._news:
            if self._process is process:  # nobody stopped it
                self._process = self._now = None
                self._states[rec.id] = _State(
                    FAILED, error=f"{rec.name}: the analysis broke off (exit code {process.returncode}); try again"
                )

    def _take(self, process: "subprocess.Popen[str]", rec: Rec, said: dict[str, Any]) -> bool:
        """Whether the recording is done."""
        with self._news:
            if self._process is not process:
                return False  # given up: nothing that it says counts
            before = self._states[rec.id]
            if "ready" in said:
                self._states[rec.id] = replace(before, state=READY)
            elif "failed" in said:
                self._states[rec.id] = replace(before, state=FAILED, error=said["failed"])
            else:
                self._states[rec.id] = replace(before, **said)
                return False
            self._now = None
            return True


def _begin() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for the studio, which ends it
    )


def _end(process: "subprocess.Popen[str] | None", *, wait: bool) -> None:
    """Asks it to stop, and ends it if it does not. wait: until it is gone; else that is seen to in the background."""
    if process is None:
        return
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        process.stdin.write('{"stop": true}\n')
        process.stdin.close()
    if not wait:
        threading.Thread(target=_outlast, args=(process,), daemon=True).start()
        return
    _outlast(process)


def _let_go(process: "subprocess.Popen[str]") -> None:
    """Closes its pipes; by whoever reads them."""
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(OSError):  # what it was told last did not arrive
            pipe.close()


def _outlast(process: "subprocess.Popen[str]") -> None:
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
