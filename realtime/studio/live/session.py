"""Session: a thread that runs the live pipeline on one source and keeps the newest result. It waits for nobody."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knowledge_spreader.errors import KSError, one_line
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sources.redact import redact
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.studio.live.recorder import Recorder
from knowledge_spreader.realtime.types import FrameResult
from knowledge_spreader.realtime.watch import Watch

log = logging.getLogger(__name__)

OPENING, RUNNING, STOPPED, FAILED = "opening", "running", "stopped", "failed"
_CLOSE_S = 8.0  # a stream that does not answer is given up after its time-out
_RATE_S = 2.0  # fps is of the results of so long


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A result, and the run's figures at that time."""

    result: FrameResult
    fps: float
    dropped: int  # frames, since the start


class Session:
    """Thread-safe. news: called in the session's thread when there is a new result or another status."""

    def __init__(self, target: Target, options: Options, news: Callable[[], None]) -> None:
        self.status, self.error = OPENING, ""
        self.about: dict[str, Any] = {}  # of the run, from RUNNING on
        self._target, self._options, self._news = target, options, news
        self._mutex = threading.Lock()
        self._newest: Shown | None = None
        self._last_s = 0.0  # time_s of the newest result, taken or not
        self._watch: Watch | None = None
        self._recorder: Recorder | None = None
        self._stopped = False
        self._came: deque[float] = deque(maxlen=240)
        self._thread = threading.Thread(target=self._run, name="live session", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return self.status in (STOPPED, FAILED)

    @property
    def time_s(self) -> float:
        """Of the newest result."""
        return self._last_s

    def take(self) -> Shown | None:
        """The newest result, if it was not taken yet."""
        with self._mutex:
            newest, self._newest = self._newest, None
        return newest

    def record(self, recorder: Recorder | None) -> None:
        """From the next result on. The caller closes the one before; the session the one that it has at its end."""
        with self._mutex:
            self._recorder = recorder

    def stop(self) -> None:
        """Asks the run to end; returns at once."""
        with self._mutex:
            self._stopped, watch = True, self._watch
        if watch is not None:
            watch.stop()

    def join(self) -> None:
        """Waits until the source is closed, but not for ever: a driver may hang."""
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            self.error = f"{self._target.name}: does not close; left open"
            self.status = STOPPED
            log.warning("%s", self.error)

    def _run(self) -> None:
        status, error = STOPPED, ""
        try:
            with Watch([self._target], self._options) as watch:
                with self._mutex:
                    self._watch = watch
                    if self._stopped:
                        watch.stop()
                watch.idle = lambda: self._opened(watch)
                for result in watch:
                    self._opened(watch)
                    self._keep(watch, result)
                error = "; ".join(failure["error"] for failure in watch.tally.failures)
        except KSError as exc:
            status, error = FAILED, str(exc)
        except Exception as exc:  # the edge of the thread: the page is told
            log.exception("%s: the live session broke", self._target.name)
            status, error = FAILED, f"{self._target.name}: the run broke ({one_line(exc)}); start again"
        finally:
            if self._recorder is not None:
                self._recorder.close()
            self.error, self.status = redact(error), status
            self._news()

    def _opened(self, watch: Watch) -> None:
        if self.status != OPENING:
            return
        spec = watch.spec
        self.about = {
            "source": self._target.name,
            "aus": list(spec.aus),
            "thresholds": list(spec.thresholds or (0.5,) * len(spec.aus)),
            "experimental": list(spec.experimental),
            "sided": list(watch.sided),
            "engine": f"{watch.choice.backend} {watch.choice.precision}",
            "weights": watch.model.weights_id,
        }
        self.status = RUNNING
        self._news()

    def _keep(self, watch: Watch, result: FrameResult) -> None:
        recorder, now = self._recorder, time.perf_counter()
        self._came.append(now)
        while now - self._came[0] > _RATE_S:
            self._came.popleft()
        fps = (len(self._came) - 1) / max(now - self._came[0], 1e-9) if len(self._came) > 1 else 0.0
        dropped = sum(watch.tally.frames()["dropped"].values())
        with self._mutex:
            self._newest = Shown(result, fps, dropped)
            self._last_s = result.frame.time_s
        self._news()
        if recorder is not None:
            recorder.write(result)
