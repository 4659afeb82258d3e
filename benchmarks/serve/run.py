"""bench_serve(): a real ks-serve, and 1, 2, 4 ... streams of the bundled clip at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import Progress

from knowledge_spreader.benchmarks.provenance import Row, stamped
from knowledge_spreader.benchmarks.serve.faults import FAULTS, fault_row
from knowledge_spreader.benchmarks.serve.load import Client, Play, load
from knowledge_spreader.benchmarks.serve.pictures import messages
from knowledge_spreader.benchmarks.serve.process import ServeProcess, Server
from knowledge_spreader.benchmarks.speed.machine import machine
from knowledge_spreader.benchmarks.speed.timing import percentile
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError

_PACKAGES = ("av", "starlette", "uvicorn", "websockets", "prometheus-client")


@dataclass(frozen=True, slots=True)
class ServeBenchConfig:
    """The settings of ks-bench serve."""

    clip: Path
    model: str = ""
    streams: tuple[int, ...] = (1, 2, 4, 8, 16)
    fps: float = 15.0
    seconds: float = 20.0
    format: str = "jpeg"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    deadline_ms: float = 5.0
    address: str = ""  # of a server that runs; "" = one is started
    token: str = ""
    faults: bool = False
    connects: int = 1000
    progress: bool = False

    def __post_init__(self) -> None:
        if not self.streams or min(self.streams) < 1:
            raise DataError(f"--streams must be 1 or more; got {','.join(map(str, self.streams)) or 'none'}")
        if not 0.1 <= self.fps <= 240:
            raise DataError(f"--fps must be 0.1 to 240; got {self.fps:g}")
        if not self.seconds >= 1:
            raise DataError(f"--seconds must be 1 or more; got {self.seconds:g}")
        if self.address and self.faults:
            raise DataError("--faults needs a server of its own, which it may kill; leave --address out")


def bench_serve(config: ServeBenchConfig) -> Row:
    """Measures, and returns the content of the JSON file. Raises KSError if the server does not work."""
    here = machine()
    play = Play(messages(config.clip, config.fps, config.format), config.format, config.fps, config.seconds)
    faults = FAULTS if config.faults else {}
    with (
        Progress(console=stderr_console(), disable=not config.progress, transient=True) as bar,
        _server(config) as server,
    ):
        task = bar.add_task("serve", total=len(config.streams) + len(faults))
        begin_mb = server.rss_mb()
        rows = []
        for streams in config.streams:
            rows.append(_row(server, streams, play))
            bar.advance(task)
    found = {}
    for name, fault in faults.items():
        with _server(config, "--landmarks", "478", "--blendshapes") as server:  # large answers fill a socket soon
            assert isinstance(server, ServeProcess)
            found[name] = fault_row(fault, server, play.turn[0], config.connects)
        bar.advance(task)
    about = {**here, "versions": {**here["versions"], **{name: version(name) for name in _PACKAGES}}}
    flags = {
        name: value.name if isinstance(value, Path) else value
        for name, value in asdict(config).items()
        if name not in ("progress", "token")
    }
    size = sum(map(len, play.turn)) / len(play.turn) / 1e3
    told: Row = {"flags": flags, "kb_per_picture": round(size, 1), "start_rss_mb": begin_mb, "rows": rows}
    return stamped({**about, **told, **({"faults": found} if found else {})})


@contextmanager
def _server(config: ServeBenchConfig, *more: str) -> Iterator[Server]:
    if config.address:
        yield Server(config.address, config.token)
        return
    words = ["--device", config.device, "--precision", config.precision, "--threads", str(config.threads)]
    words += ["--deadline-ms", str(config.deadline_ms), "--max-streams", str(max(*config.streams, 4))]
    words += ["--model", config.model] if config.model else []
    with ServeProcess([*words, *more]) as server:
        yield server


def _row(server: Server, streams: int, play: Play) -> Row:
    before, busy_s = server.counters(), server.cpu_s()
    clients = load(server, streams, play)
    came, after_s = server.counters() - before, server.cpu_s()
    seconds = play.seconds + 2.0
    mean = came.mean("ks_serve_batch_frames")
    return {
        "streams": streams,
        **figures(clients),
        "server_ms_mean": _rounded(came.mean("ks_serve_latency_seconds"), 1e3, 1),
        "dropped": {cause: round(count) for cause, count in came.by("ks_serve_frames_dropped_total", "cause").items()},
        "batch_mean": _rounded(mean, 1, 2),
        "batches": came.histogram("ks_serve_batch_frames"),
        "cores": None if busy_s is None or after_s is None else round((after_s - busy_s) / seconds, 2),
        "rss_mb": server.rss_mb(),
    }


def figures(clients: list[Client]) -> Row:
    """Of all clients together. fps: per stream; the slowest stream is told, too."""
    rates = [len(client.latency_ms) / client.seconds for client in clients]
    ordered = sorted(ms for client in clients for ms in client.latency_ms)
    if not ordered:
        raise DataError("no answer came; is the server overloaded, or the clip without pictures?")
    sent = sum(client.sent for client in clients)
    return {
        "engine": clients[0].engine,
        "fps": round(sum(rates) / len(rates), 2),
        "fps_slowest": round(min(rates), 2),
        "answered_share": round(len(ordered) / sent, 4),
        "with_face_share": round(sum(client.faces for client in clients) / len(ordered), 4),
        "late": sum(client.late for client in clients),
        "latency_ms": {
            **{f"p{round(100 * share)}": round(percentile(ordered, share), 1) for share in (0.5, 0.95, 0.99)},
            "max": round(ordered[-1], 1),
        },
    }


def _rounded(value: Any, times: float, digits: int) -> float | None:
    return None if value is None else round(times * value, digits)
