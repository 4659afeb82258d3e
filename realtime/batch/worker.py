"""Worker: analyses recordings one after another, each to its own file. The same on one machine and on many."""

import json
import os
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.realtime.batch.faces_file import FACES, META, drafts_of, file_name, put, with_key
from knowledge_spreader.realtime.batch.job import About, Done, Failed, Job
from knowledge_spreader.realtime.batch.keys import content_id, key_of, settings_of, size_and_time
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sinks.parquet_sink import JOURNAL_SUFFIX, ParquetSink
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.watch import Watch, parse_targets

_PACKAGES = ("knowledge-spreader", "numpy", "av", "opencv-python", "openvino", "pyarrow")


class FolderError(DataError):
    """The folder of the results cannot be written: a full disk, a lost share, permissions."""


class Worker:
    """Called with a Job, answers Done or Failed; it raises no KSError. The constructor does: model, engine, settings.

    folder: of the results. shard: whose lock the driver holds, like "1-of-4".
    """

    def __init__(self, options: Options, folder: Path, shard: str = "1-of-1") -> None:
        self._options, self._folder, self._drafts = options, Path(folder), drafts_of(Path(folder), shard)
        self._settings = settings_of(options)
        self._opened = Opened(options)
        self._versions = {name: version(name) for name in _PACKAGES}

    def __call__(self, job: Job) -> Done | Failed:
        try:
            return self._done(job)
        except FolderError as exc:
            return Failed(job, str(exc), stops=True)
        except KSError as exc:
            return Failed(job, " ".join(str(exc).split()))
        except OSError as exc:
            return Failed(job, f"{job.name}: cannot be read ({one_line(exc)}); check the file")
        except Exception as exc:  # the other recordings go on; the driver has it written down
            reason = f"{job.name}: an error of ours ({type(exc).__name__}: {one_line(exc)}); please report it"
            return Failed(job, reason, trace=traceback.format_exc())

    def close(self) -> None:
        """Closes model and engine."""
        self._opened.close()

    def _done(self, job: Job) -> Done:
        start_s, path = time.perf_counter(), Path(job.path)
        before = size_and_time(path)
        content = job.content or content_id(path)
        key = key_of(content, self._opened.model.weights_id, self._settings)
        if found := with_key(self._folder, job.name, key):
            return Done(job, *found, fresh=False)
        with self._draft(key) as draft:
            with Watch([_target(job, self._options)], self._options, self._opened) as watch:
                sink = self._sink(draft, watch)
                seen = self._rows(watch, sink)
            if size_and_time(path) != before:
                raise DataError(f"{job.name}: it changed while it was read; run again when it is complete")
            about = About(
                key=key,
                content=content,
                path=job.path,
                bytes=before[0],
                mtime_ns=before[1],
                name=job.name,
                weights=self._opened.model.weights_id,
                settings=self._settings,
                **seen,
                took_s=round(time.perf_counter() - start_s, 3),
                engine=str(self._opened.choice),
                versions=self._versions,
            )
            sink.about[META] = json.dumps(about.as_json())
            file = file_name(job.name, key)
            with self._writing():
                sink.close()
                put(draft, self._folder / FACES / file)
        return Done(job, file, about)

    def _sink(self, draft: Path, watch: Watch) -> ParquetSink:
        extras = Extras(self._options.landmarks, self._options.blendshapes, watch.sided)
        with self._writing():
            return ParquetSink(draft, watch.aus, extras)

    def _rows(self, watch: Watch, sink: ParquetSink) -> dict[str, Any]:
        """Writes all rows, and says what was seen."""
        frames, first_s, last_s = 0, 0.0, 0.0
        for result in watch:
            with self._writing():
                sink.write(result)
            last_s = result.frame.time_s
            first_s = last_s if not frames else first_s
            frames += 1
        step_s = (last_s - first_s) / max(frames - 1, 1)  # the last frame lasts as long as the others
        timed = step_s > 0
        return {
            "frames": frames,
            "faces": watch.tally.faces(),
            "fps": round(1 / step_s, 3) if timed else None,
            "seconds": round(frames * step_s, 3) if timed else None,
            "damage": " ".join("; ".join(failure["error"] for failure in watch.tally.failures).split()),
        }

    @contextmanager
    def _draft(self, key: str) -> Iterator[Path]:
        """The unfinished file of this process; it and its journal are removed at the end, if they are still there."""
        draft = self._drafts / f"{socket.gethostname()}-{os.getpid()}-{key}.parquet"
        with self._writing():
            draft.parent.mkdir(parents=True, exist_ok=True)
            (self._folder / FACES).mkdir(exist_ok=True)
        try:
            yield draft
        finally:
            for left in (draft, draft.with_name(draft.name + JOURNAL_SUFFIX)):
                with suppress(OSError):
                    left.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What the system does not let us write is a FolderError."""
        try:
            yield
        except (DataError, OSError) as exc:
            if (system := _system_error(exc)) is None:
                raise
            raise FolderError(
                f"{self._folder} cannot be written ({one_line(system)}); look at it and at its free space, then run "
                "the same command again: it goes on where this one stopped"
            ) from exc


def _target(job: Job, options: Options) -> Target:
    found = parse_targets([job.path], options)
    if len(found) != 1:
        raise DataError(f"{job.name}: a folder of {len(found)} videos is no recording; give the videos")
    return replace(found[0], name=job.name)


def _system_error(exc: BaseException | None) -> OSError | None:
    """The system's error in a chain of causes."""
    while exc is not None and not isinstance(exc, OSError):
        exc = exc.__cause__
    return exc
