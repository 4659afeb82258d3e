"""Metrics: what /metrics says, in the form that Prometheus reads. Nothing is sent anywhere."""

import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from time import perf_counter

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from knowledge_spreader.realtime.serve.slot import FREE, Intake, Slot
from knowledge_spreader.realtime.types import FrameResult

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SLOW = "slow reader"  # cause of a dropped answer; the others are those of the intakes
_PREFIX = "ks_serve"  # of all names
_LATENCY_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_BATCH = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
_FPS_S = 5.0  # over which frames per second are counted


class Metrics:
    """Of one hub, apart from those of any other."""

    def __init__(self, streams: Sequence[Slot]) -> None:
        self._streams = streams
        self.kept = prometheus.CollectorRegistry()
        self.opened = self._counter("streams", "Streams that were opened.", ("format",))
        self.refused = self._counter("refused", "Requests that were refused.", ("status",))
        self.ended = self._counter("streams_ended", "Streams that ended, by the code of their close.", ("code",))
        self.photographs = self._counter("images", "Photographs, by the status of their answer.", ("status",))
        self.answers = self._counter("frames_answered", "Frames of streams that were analysed.")
        self.latency = self._histogram("latency_seconds", "From a frame's arrival to its answer.", _LATENCY_S)
        self.batch_frames = self._histogram("batch_frames", "Frames that were answered together.", _BATCH)
        self._lock = threading.Lock()
        self._received, self._dropped = 0, Counter[str]()  # of streams that have ended
        self._answered_s: deque[float] = deque()
        self.kept.register(_Intakes(self))  # which collects once
        prometheus.ProcessCollector("", lambda: "self", "/proc", self.kept)

    def answered(self, result: FrameResult) -> None:
        """By the hub, in its thread."""
        if result.frame.stream.stills:
            return
        self.answers.inc()
        self.latency.observe(result.latency_ms / 1e3)
        now_s = perf_counter()
        with self._lock:
            self._answered_s.append(now_s)
            self._forget(now_s)

    def free(self, slot: Slot) -> None:
        """Frees the slot of a stream that has ended, whose counts stay: at no time are they missing or there twice."""
        with self._lock:
            intake = slot.intake
            if intake is not None and not intake.stream.stills:
                self._received += intake.received
                self._dropped += intake.dropped
            slot.free()

    def drop(self, cause: str) -> None:
        """An answer that nobody took."""
        with self._lock:
            self._dropped[cause] += 1

    def text(self) -> bytes:
        return prometheus.generate_latest(self.kept)

    def collect(self) -> Iterator[Metric]:
        """What is counted where it happens."""
        with self._lock:
            self._forget(perf_counter())
            fps = len(self._answered_s) / _FPS_S
            received, dropped = self._received, Counter(self._dropped)
            flowing: list[Intake] = [slot.intake for slot in self._streams if slot.intake is not None]
            for intake in flowing:
                received += intake.received
                dropped += intake.dropped
        taken = sum(slot.state != FREE for slot in self._streams)
        yield GaugeMetricFamily("ks_serve_streams_open", "Streams that are open.", taken)
        yield GaugeMetricFamily("ks_serve_streams_most", "Streams that may be open.", len(self._streams))
        yield GaugeMetricFamily("ks_serve_frames_per_second", f"Analysed in the last {_FPS_S:.0f} s.", fps)
        yield CounterMetricFamily("ks_serve_frames_received", "Frames that came.", value=received)
        drops = CounterMetricFamily(
            "ks_serve_frames_dropped", "Frames without an answer at their client.", labels=["cause"]
        )
        for cause, count in sorted(dropped.items()):
            drops.add_metric([cause], count)
        yield drops

    def _forget(self, now_s: float) -> None:
        while self._answered_s and now_s - self._answered_s[0] > _FPS_S:
            self._answered_s.popleft()

    def _counter(self, name: str, what: str, labels: tuple[str, ...] = ()) -> prometheus.Counter:
        return prometheus.Counter(name, what, labels, _PREFIX, "", "", self.kept)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> prometheus.Histogram:
        return prometheus.Histogram(name, what, (), _PREFIX, "", "", self.kept, buckets=buckets)


class _Intakes(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.collect()
