"""/metrics: what came in is what was answered, dropped, or is there still; in Prometheus' own words."""

from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.limits import Limits
from tests.realtime.serve.server import BEARER, WAIT_S, eventually, grey, metric, pictures, served, stream


def test_the_counts_of_streams_that_ended_and_that_are_open_add_up(opened: Opened) -> None:
    """Two streams of 30 frames at full speed, then one of 3 that is still open."""
    [(_, data)] = pictures(1)
    with served(opened, Limits(streams=2)) as port:
        for _ in range(2):
            with stream(port, format="jpeg") as client:
                client.next()
                for i in range(30):
                    client.send(i / 25, data)
                while client.next()["frame"] < 30:
                    pass
        eventually(lambda: metric(port, "ks_serve_streams_open") == 0)
        with stream(port, format="jpeg") as client:
            client.next()
            for i in range(3):
                client.answer(i / 25, grey())
            assert metric(port, "ks_serve_frames_received_total") == 63
            answered = metric(port, "ks_serve_frames_answered_total")
            busy = metric(port, "ks_serve_frames_dropped_total", cause="busy")
            assert answered + busy == 63
            assert metric(port, "ks_serve_latency_seconds_count") == answered
            assert metric(port, "ks_serve_batch_frames_sum") == answered
            assert metric(port, "ks_serve_streams_open") == 1
            assert metric(port, "ks_serve_streams_most") == 2
            assert metric(port, "ks_serve_streams_total", format="jpeg") == 3
            assert metric(port, "ks_serve_streams_ended_total", code="1000") == 2
            assert 0 < metric(port, "ks_serve_frames_per_second") <= answered / 5


def test_the_text_is_what_prometheus_reads_and_names_no_stream(opened: Opened) -> None:
    with served(opened, Limits(streams=2)) as port, stream(port, format="jpeg", name="the-door") as client:
        client.next()
        client.answer(0.0, grey())
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=BEARER), timeout=WAIT_S) as reply:
            assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text = reply.read().decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"ks_serve_frames_answered", "ks_serve_latency_seconds", "process_resident_memory_bytes"} <= families
    assert "the-door" not in text
