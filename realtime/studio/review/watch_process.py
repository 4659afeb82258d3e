"""The process that analyses recordings for watching.py: what it is told and what it tells are lines of JSON.

    told     {"path", "name", "person", "cache", "options"}    analyse this; {"stop": true}, or the end: give up now
    tells    {"frames_done", "frames"}                         frames: how many there may be; 0: not known
             {"ready": true} or {"failed": line}

It is a process of its own so that the studio answers at once while it works, and lives on if a decoder crashes.
"""

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import av

from knowledge_spreader.errors import KSError, one_line
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.realtime.adapt.cache import watch_recordings
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from knowledge_spreader.realtime.options import Options

_TELL_S = 0.25
_NICE = 10  # whoever looks at the studio comes first


class _StoppedError(Exception):
    """The studio asked for it, or is gone."""


def main() -> int:
    if hasattr(os, "nice"):
        os.nice(_NICE)
    tasks: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(tasks, stop), daemon=True).start()
    out = sys.stdout
    with redirect_stdout(sys.stderr):  # whatever a library prints is no line of ours
        while (task := tasks.get()) is not None:
            try:
                _watch(task, stop, lambda said: _tell(out, said))
                _tell(out, {"ready": True})
            except _StoppedError:
                return 0
            except KSError as exc:
                _tell(out, {"failed": str(exc)})
            except Exception as exc:  # of this recording; the next one may be better
                _tell(out, {"failed": f"{task['path']}: cannot be analysed ({one_line(exc)})"})
    return 0


def _listen(tasks: "queue.Queue[dict[str, Any] | None]", stop: threading.Event) -> None:
    for line in sys.stdin:
        said = json.loads(line)
        if "stop" in said:
            break
        tasks.put(said)
    stop.set()
    tasks.put(None)


def _tell(out: Any, said: dict[str, Any]) -> None:
    out.write(json.dumps(said) + "\n")
    out.flush()


def _watch(task: dict[str, Any], stop: threading.Event, tell: Callable[[dict[str, Any]], None]) -> None:
    recording = OwnRecording(Path(task["path"]), task["name"], task["person"])
    frames, told_s = _frames(recording.path), 0.0

    def seen(path: Path, done: int) -> None:
        nonlocal told_s
        if stop.is_set():
            raise _StoppedError
        if time.perf_counter() - told_s > _TELL_S:
            told_s = time.perf_counter()
            tell({"frames_done": done, "frames": frames})

    watch_recordings([recording], Options(**task["options"]), Path(task["cache"]), seen)


def _frames(path: Path) -> int:
    """As its header says; 0 if it does not."""
    try:
        if path.is_dir():
            return len(list_images(path))
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            length_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            length_s = length_s or (container.duration or 0) / av.time_base
            return stream.frames or round(length_s * float(stream.average_rate or 0))
    except (av.FFmpegError, OSError, IndexError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
