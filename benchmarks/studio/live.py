"""A recording played live, through the studio to a page, and through the same pipeline without a studio.

    to_result_ms        from the arrival of the picture's packet ("captured") to its result, as the pipeline says
    to_page_ms          from there to the receipt of the whole message by the page: JPEG and results
    result_to_page_ms   their difference: what the studio and loopback add

The page is a WebSocket client that acknowledges each picture at once, and asks for the state each second as the page
in a browser does; what a browser needs to draw the picture comes on top. Both processes read the same clock: on Linux,
macOS and Windows, time.perf_counter() is the machine's. The first WARM_S of each play are not counted.
"""

import json
import statistics
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.studio.durations import percentiles
from knowledge_spreader.benchmarks.studio.memory import Memory
from knowledge_spreader.benchmarks.studio.process import StudioProcess
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.watch import watch

WARM_S = 1.0
_POLL_S = 1.0
_PATIENCE_S = 60.0  # until the first picture, and between two


@dataclass(frozen=True, slots=True)
class Came:
    """A picture that came."""

    time_s: float  # in the recording
    captured_s: float
    latency_ms: float  # to its result
    at_s: float  # when it came here
    dropped: int  # frames, since its play began
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came, play by play; a short recording is played again."""

    plays: tuple[tuple[Came, ...], ...]
    cores: float | None  # busy meanwhile, in the processes that were measured
    engine: str


def through_studio(studio: StudioProcess, rec_id: str, seconds: float, memory: Memory | None = None) -> Seen:
    """Plays it for so long, from the first picture on; memory watches meanwhile. Raises KSError if none comes."""
    plays: dict[int, list[Came]] = {}
    about: dict[str, Any] = {}
    first_s, busy_s = 0.0, None
    with _polled(studio), closing(_pictures(studio, f"recording:{rec_id}", about)) as pictures, memory or nullcontext():
        for play, came in pictures:
            if not plays:
                first_s, busy_s = came.at_s, studio.cpu_s()
                if memory is not None:
                    memory.start()
            plays.setdefault(play, []).append(came)
            if came.at_s - first_s >= seconds:
                break
        took_s, after_s = time.perf_counter() - first_s, studio.cpu_s()
    cores = None if busy_s is None or after_s is None else (after_s - busy_s) / took_s
    return Seen(tuple(map(tuple, plays.values())), cores, about.get("engine", ""))


@contextmanager
def _polled(studio: StudioProcess) -> Iterator[None]:
    """Meanwhile the state is asked for, as a page does. Nobody else may ask then."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(_POLL_S):
            with suppress(KSError):  # a studio that is gone is told by the pictures
                studio.get("/api/state")

    thread = threading.Thread(target=ask, name="page", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _pictures(studio: StudioProcess, source: str, about: dict[str, Any]) -> Generator[tuple[int, Came], None, None]:
    """Each picture with the number of its play. about: what the studio tells of the run."""
    play = pictures = 0
    runs = True
    with connect(
        studio.live_address,
        additional_headers={"Cookie": studio.cookie},
        origin=Origin(studio.origin),
        compression=None,
        max_size=None,
        proxy=None,
    ) as socket:
        try:
            _say(socket, start={"source": source, "voices": "all"})
            while True:
                message = socket.recv(timeout=_PATIENCE_S)
                at_s = time.perf_counter()
                if isinstance(message, str):
                    told = json.loads(message)
                    about.update(told)
                    if told.get("status") == "failed" or (told.get("status") == "stopped" and not pictures):
                        runs = False
                        raise DataError(told.get("error") or f"{source}: ended before a picture came")
                    if told.get("status") == "stopped":
                        play, pictures = play + 1, 0
                        _say(socket, start={"source": source, "voices": "all"})
                    continue
                header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "little")])
                _say(socket, ack=header["n"])
                pictures += 1
                time_s, captured_s, latency_ms = header["time_s"], header["captured_s"], header["latency_ms"]
                yield play, Came(time_s, captured_s, latency_ms, at_s, header["dropped"], len(message))
        except (TimeoutError, WebSocketException) as exc:
            raise KSError(f"the studio sent no picture for {_PATIENCE_S:.0f} s, or closed ({exc!r:.120})") from exc
        finally:
            with suppress(TimeoutError, WebSocketException, OSError):
                if runs:
                    _stop(socket)


def _stop(socket: ClientConnection) -> None:
    """Until the source is closed, so that the next one starts in peace."""
    _say(socket, stop=True)
    while True:
        message = socket.recv(timeout=20)
        if isinstance(message, str) and json.loads(message).get("status") in ("stopped", "failed"):
            return


def _say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def alone(path: Path, options: Options, seconds: float) -> Seen:
    """The same without a studio: watch() in this process, with the live policy."""
    plays: list[list[Came]] = []
    first_s = busy_s = 0.0
    now_s, engine = 0.0, ""
    while not first_s or now_s - first_s < seconds:
        came: list[Came] = []
        with watch(path, options=replace(options, policy="live")) as run:
            engine = f"{run.choice.backend} {run.choice.precision}"
            for result in run:
                now_s = time.perf_counter()
                if not first_s:
                    first_s, busy_s = now_s, time.process_time()
                frame, dropped = result.frame, sum(run.tally.frames()["dropped"].values())
                came.append(Came(frame.time_s, frame.captured_s, result.latency_ms, now_s, dropped))
                if now_s - first_s >= seconds:
                    break
            cores = (time.process_time() - busy_s) / max(time.perf_counter() - first_s, 1e-9)
        if not came:
            raise DataError(f"{path}: no frame can be decoded; give another recording")
        plays.append(came)
    return Seen(tuple(map(tuple, plays)), cores, engine)


def figures(seen: Sequence[Seen], rate: float, *, page: bool) -> Row:
    """Of several runs together. rate: of the recording, frames/s. Raises DataError if too little came."""
    plays = [_warm(play) for one in seen for play in one.plays]
    plays = [play for play in plays if len(play) > 1]
    if not plays:
        raise DataError(f"fewer than two pictures came after the first {WARM_S:g} s; measure for longer")
    rows = [came for play in plays for came in play]
    seconds = sum(play[-1].at_s - play[0].at_s for play in plays)
    frames = sum(round((play[-1].time_s - play[0].time_s) * rate) for play in plays)
    steps = len(rows) - len(plays)
    dropped = sum(play[-1].dropped - play[0].dropped for play in plays)
    cores = [one.cores for one in seen if one.cores is not None]
    found: Row = {
        "pictures": len(rows),
        "fps": round(steps / seconds, 2),
        "dropped_share": round(dropped / max(frames, 1), 4),
        "to_result_ms": percentiles([came.latency_ms for came in rows]),
        "cores": round(statistics.mean(cores), 3) if cores else None,
    }
    if page:
        to_page = [1e3 * (came.at_s - came.captured_s) for came in rows]
        added = [ms - came.latency_ms for ms, came in zip(to_page, rows, strict=True)]
        found |= {
            "not_shown_share": round(max(frames - dropped - steps, 0) / max(frames, 1), 4),  # a newer one won
            "to_page_ms": percentiles(to_page),
            "result_to_page_ms": percentiles(added),
            "kb_per_picture": round(statistics.mean(came.bytes for came in rows) / 1e3, 1),
        }
    return found


def _warm(play: Sequence[Came]) -> Sequence[Came]:
    return [came for came in play if came.time_s >= play[0].time_s + WARM_S]


def ratio(studio: Row, without: Row) -> Row:
    """The studio's figures by those without one, of one turn."""
    found = {
        "fps": studio["fps"] / without["fps"],
        "p50": studio["to_page_ms"]["p50"] / without["to_result_ms"]["p50"],
        "p95": studio["to_page_ms"]["p95"] / without["to_result_ms"]["p95"],
        "cores": studio["cores"] / without["cores"] if studio["cores"] and without["cores"] else None,
    }
    return {name: None if value is None else round(value, 3) for name, value in found.items()}
