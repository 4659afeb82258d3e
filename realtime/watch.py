"""watch() and table(): run the pipeline of ks-live from Python."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.ahead import ahead
from knowledge_spreader.realtime.live_run import analyse_live
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.pipeline import analyse
from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.settle import settled
from knowledge_spreader.realtime.sources.source_spec import Target, targets
from knowledge_spreader.realtime.sources.stills import Photographs
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.stats.run_stats import Tally
from knowledge_spreader.realtime.types import Frame, FrameResult

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_BATCH = 4  # frames of a recording per batch on a CPU; larger batches are not faster
_BATCH_GPU = 32
_BATCH_BYTES = 1 << 26  # memory limit of the frames in a batch
_READ_AHEAD = 1  # batches of a recording
_AHEAD, _AHEAD_STILLS = 2, 1  # batches looked at while the engine works; a photograph of 100 megapixels is 300 MB


class Watch:
    """One run over one or more sources: a context manager, and an iterator of FrameResults in order.

    Recordings and photographs run one after another. Cameras and streams run at the same time, with the faces of all
    in one batch. Raises KSError if a model or a source cannot be used. report() gives the counts and latencies at any
    time.
    """

    def __init__(self, sources: Sequence[Target], options: Options, opened: Opened | None = None) -> None:
        """opened: with the same options, to be used by one run at a time; it stays open. None: opens its own."""
        self.live = _is_live(sources, options.policy)
        self._targets, self._options = _told_apart(settled(sources, options.policy)), options
        self._stop = threading.Event()
        self._opened = opened or Opened(options, len(self._targets) if self.live else 0)
        self._own = opened is None
        self.model, self.spec, self.choice = self._opened.model, self._opened.spec, self._opened.choice
        self._stages = Stages()
        self._analyser = self._opened.analyser(self._stages)
        self.tally = Tally(self.choice, self._opened.described(), self._stages)
        self.idle: Callable[[], None] = lambda: None  # called in a live run while no frame arrives
        self._results = self._run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[FrameResult]:
        return self

    def __next__(self) -> FrameResult:
        return next(self._results)

    @property
    def aus(self) -> tuple[int, ...]:
        """The AUs of the model, in the order of all (U,) arrays."""
        return self.model.spec.aus

    @property
    def sided(self) -> tuple[int, ...]:
        """Those of which the run tells the side."""
        return self._opened.voices.sided

    @property
    def targets(self) -> tuple[Target, ...]:
        """The sources of the run, in order."""
        return tuple(self._targets)

    @property
    def takes_photographs(self) -> bool:
        """Whether a source is photographs, each a recording of its own."""
        return any(target.stills for target in self._targets)

    @property
    def stages(self) -> Stages:
        """Time per stage; a caller can add its own stages, such as writing results."""
        return self._stages

    def stop(self) -> None:
        """Ends the run after the current batch. May be called from another thread or a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Closes the sources, and the engine and the face finder unless they were given. May be called twice."""
        self._stop.set()
        self._results.close()
        if self._own:
            self._opened.close()

    def report(self) -> dict[str, Any]:
        """Counts, latencies, stages and engine, as `ks-live --report` writes them."""
        return self.tally.report()

    def _run(self) -> Generator[FrameResult, None, None]:
        for result in self._live() if self.live else self._recorded():
            self.tally.add(result)
            yield result

    def _live(self) -> Iterator[FrameResult]:
        options = self._options
        with ExitStack() as stack:
            news = threading.Condition()
            captures: list[Capture] = []
            for number, target in enumerate(self._targets):
                capture = Capture(target, number, audio=options.audio, timeout_s=options.timeout_s, news=news)
                captures.append(stack.enter_context(capture))
                self.tally.opened(capture)
                stack.callback(self.tally.ended, number)
            self.tally.start()
            yield from analyse_live(
                captures,
                self._analyser,
                self._stop,
                lookers=self._opened.lookers,
                failed=self._left_out,
                idle=lambda: self.idle(),
            )
            for capture in captures:
                if loss := capture.loss:
                    self.tally.failed(capture.stream.name, loss)

    def _left_out(self, capture: Capture, exc: KSError) -> None:
        self.tally.failed(capture.stream.name, str(exc))
        log.warning("%s; continuing without it", exc)

    def _recorded(self) -> Iterator[FrameResult]:
        self.tally.start()
        for number, target in enumerate(self._targets):
            if self._stop.is_set():
                return
            try:
                yield from self._recording(target, number)
            except KSError as exc:
                self.tally.failed(target.name, str(exc))
                if len(self._targets) == 1:
                    raise
                log.warning("%s; continuing with the next source", exc)

    def _recording(self, target: Target, number: int) -> Iterator[FrameResult]:
        with self._reader(target, number) as recording:
            self.tally.opened(recording)
            try:
                batches = self._batches(recording)
                if not target.stills:
                    batches = ahead(batches, _READ_AHEAD, "read ahead")
                yield from analyse(batches, self._analyser, _AHEAD_STILLS if target.stills else _AHEAD)
                if recording.loss:
                    self.tally.failed(target.name, recording.loss)
            finally:
                self.tally.ended(number)
                self._analyser.forget(number)

    def _reader(self, target: Target, number: int) -> Recording | Photographs:
        if target.stills:
            return Photographs(target, number)
        return Recording(target, number, audio=self._options.audio, timeout_s=self._options.timeout_s)

    def _batches(self, recording: Recording | Photographs) -> Generator[list[Frame], None, None]:
        """Consecutive frames, limited by number and by memory."""
        batch: list[Frame] = []
        frames = iter(recording.frames())
        most = _BATCH_GPU if self.choice.backend in ("tensorrt", "torch-cuda") else _BATCH
        while not self._stop.is_set():
            with self._stages.measure("read"):
                frame = next(frames, None)
            if frame is None:
                break
            batch.append(frame)
            if len(batch) >= min(most, _BATCH_BYTES // frame.image.nbytes):
                yield batch
                batch = []
        if batch:
            yield batch


def _is_live(sources: Sequence[Target], policy: str) -> bool:
    """Raises DataError without a source, or if the policy does not fit the sources."""
    if not sources:
        raise DataError("no source given; give --camera 0 or --source FILE, URL or FOLDER")
    live = [target.live for target in sources]
    if policy == "auto" and any(live) != all(live):
        raise DataError(
            "cannot choose a policy: live sources and recordings are mixed; give --policy live to play the recordings "
            "in real time, or run them separately"
        )
    if policy == "every-frame" and len(sources) > 1 and any(live):
        raise DataError("--policy every-frame takes one camera or stream at a time; give one, or use --policy live")
    return policy == "live" or (policy == "auto" and all(live))


def _told_apart(sources: Sequence[Target]) -> list[Target]:
    """Makes names unique: the second source of a name is called "name #2"."""
    found: list[Target] = []
    for target in sources:
        same = 1 + sum(earlier.name == target.name for earlier in sources[: len(found)])
        found.append(replace(target, name=f"{target.name} #{same}") if same > 1 else target)
    return found


def watch(*sources: str | int | Path, model: str | Path = "", options: Options | None = None) -> Watch:
    """Results of cameras (numbers), streams, files or folders, frame by frame, as they arrive.

        with knowledge_spreader.realtime.watch("rtsp://camera/door", model="b1.ks") as results:
            for result in results:
                for row in result.faces: ...

    model: a .ks file; "" = options.model, else the bundled model. Raises KSError like Watch.
    """
    options = options or Options()
    if model:
        options = replace(options, model=str(model))
    return Watch(parse_targets(sources, options), options)


def parse_targets(sources: Sequence[str | int | Path], options: Options) -> list[Target]:
    """Integers are cameras; everything else is read like --source. Raises KSError on a source that is not valid."""
    return targets(
        [str(source) for source in sources if not isinstance(source, int)],
        [str(source) for source in sources if isinstance(source, int)],
        rate=options.rate,
        transport=options.rtsp_transport,
        size=options.camera_size,
        camera_rate=options.camera_rate,
        backend=options.camera_backend,
        input_format=options.camera_format,
    )


def table(source: str | Path, model: str | Path = "", options: Options | None = None) -> "pd.DataFrame":
    """All rows of a recording, or of a folder of photographs, as a pandas DataFrame, with the columns of --csv.

    Raises KSError like Watch.
    """
    from knowledge_spreader.realtime.sinks.data_frame import rows_to_frame
    from knowledge_spreader.realtime.sinks.rows import rows
    from knowledge_spreader.realtime.sinks.table.columns import Extras

    options = options or Options()
    with watch(source, model=model, options=options) as results:
        extras = Extras(options.landmarks, options.blendshapes, results.sided)
        return rows_to_frame((row for result in results for row in rows(result, extras)), results.aus, extras)
