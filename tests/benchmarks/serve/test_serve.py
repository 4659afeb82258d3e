"""ks-bench serve: counters and figures by hand, the pictures that are sent, and a whole run against a real server."""

import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.serve.bad_clients import BINARY, frame_head
from knowledge_spreader.benchmarks.serve.counters import counters
from knowledge_spreader.benchmarks.serve.levels import level
from knowledge_spreader.benchmarks.serve.load import Client
from knowledge_spreader.benchmarks.serve.pictures import endless, messages
from knowledge_spreader.benchmarks.serve.report import print_serve
from knowledge_spreader.benchmarks.serve.run import ServeBenchConfig, bench_serve, figures
from knowledge_spreader.errors import DataError
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.client.pictures import is_key
from knowledge_spreader.realtime.demo import demo_clip

BEFORE = """\
# TYPE frames counter
frames_total 10.0
# TYPE dropped counter
dropped_total{cause="busy"} 2.0
dropped_total{cause="repeated"} 1.0
# TYPE batch histogram
batch_bucket{le="1.0"} 4.0
batch_bucket{le="2.0"} 6.0
batch_bucket{le="+Inf"} 6.0
batch_count 6.0
batch_sum 8.0
"""
AFTER = """\
# TYPE frames counter
frames_total 25.0
# TYPE dropped counter
dropped_total{cause="busy"} 7.0
dropped_total{cause="repeated"} 1.0
dropped_total{cause="slow reader"} 3.0
# TYPE batch histogram
batch_bucket{le="1.0"} 5.0
batch_bucket{le="2.0"} 10.0
batch_bucket{le="+Inf"} 11.0
batch_count 11.0
batch_sum 22.0
"""


def test_what_happened_is_the_difference_of_two_looks_at_the_metrics() -> None:
    came = counters(AFTER) - counters(BEFORE)
    assert came["frames_total"] == 15
    assert came["nothing"] == 0
    assert came.by("dropped_total", "cause") == {"busy": 5, "slow reader": 3}
    assert came.mean("batch") == pytest.approx((22 - 8) / (11 - 6))
    assert came.mean("nothing") is None
    assert came.histogram("batch") == {"1.0": 1, "2.0": 3, "+Inf": 1}


def test_figures_by_hand() -> None:
    """Of 20 pictures each, one stream got all its answers, the other half of them."""
    quick = Client(sent=20, late=1, latency_ms=[10.0] * 20, faces=20, seconds=2.0, engine="e")
    slow = Client(sent=20, latency_ms=[40.0] * 10, faces=5, seconds=2.0, engine="e")
    told = figures([quick, slow])
    assert (told["fps"], told["fps_slowest"]) == (7.5, 5.0)
    assert (told["answered_share"], told["with_face_share"], told["late"]) == (0.75, round(25 / 30, 4), 1)
    assert told["latency_ms"] == {"p50": 10.0, "p95": 40.0, "p99": 40.0, "max": 40.0}
    with pytest.raises(DataError, match="no answer came"):
        figures([Client(sent=3, seconds=1.0)])


def test_a_turn_goes_there_and_back_and_each_client_begins_where_it_wants() -> None:
    turn = messages(demo_clip(), 5, "jpeg")
    shown = [cv2.imdecode(np.frombuffer(message, np.uint8), cv2.IMREAD_COLOR) for message in turn]
    count = 195 // 5  # every fifth of the clip's 195 pictures, as it has 25 a second
    assert len(turn) == 2 * count - 2
    assert all((shown[i] == shown[-i]).all() for i in (1, 7))
    assert list(islice(endless([b"a", b"b", b"c"], 2), 4)) == [b"c", b"a", b"b", b"c"]


def test_a_turn_of_h264_begins_with_a_key_picture() -> None:
    turn = messages(demo_clip(), 5, "h264")
    assert is_key(turn[0])
    assert not is_key(turn[1])


@pytest.mark.parametrize(("length", "head"), [(5, 2), (200, 4), (70_000, 10)])
def test_a_frame_of_a_bare_client_states_its_length(length: int, head: int) -> None:
    """RFC 6455, 5.2: final, binary; masked, with a mask of zeros."""
    made = frame_head(BINARY, length)
    assert made[0] == 0x82
    assert made[1] & 128
    assert (len(made), made[-4:]) == (head + 4, b"\0\0\0\0")
    stated = int.from_bytes(made[2:head]) if head > 2 else made[1] & 127
    assert stated == length


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="threads and files are those of Linux")
def test_a_level_counts_open_files_and_threads() -> None:
    before = level(os.getpid())
    with Path("/dev/null").open():
        during = level(os.getpid())
    assert before.files is not None
    assert during.files == before.files + 1
    assert (before.threads or 0) >= 1


def refused(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["serve", "--no-progress", *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_what_cannot_be_measured_is_one_line_before_a_server_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KS_SERVE_TOKEN", raising=False)
    assert "--streams must be 1 or more; got 0,2" in refused(["--streams", "0,2"], capsys)
    assert "--fps must be 0.1 to 240; got 0" in refused(["--fps", "0"], capsys)
    assert "--seconds" in refused(["--seconds", "nan"], capsys)
    assert "KS_SERVE_TOKEN" in refused(["--address", "http://127.0.0.1:9"], capsys)
    monkeypatch.setenv("KS_SERVE_TOKEN", "0123456789abcdef")
    assert "leave --address out" in refused(["--address", "http://127.0.0.1:9", "--faults"], capsys)
    assert "does not answer" in refused(["--address", "http://127.0.0.1:9", "--seconds", "1"], capsys)
    assert "nowhere.mp4" in refused(["--clip", str(tmp_path / "nowhere.mp4")], capsys)
    assert "no_such.ks" in refused(["--model", str(tmp_path / "no_such.ks")], capsys)
    assert "there is no folder" in refused(["--json", str(tmp_path / "no" / "x.json")], capsys)


@pytest.mark.slow
@pytest.mark.long
def test_a_whole_run_against_a_real_server(capsys: pytest.CaptureFixture[str]) -> None:
    told = bench_serve(ServeBenchConfig(clip=demo_clip(), streams=(1, 2), fps=5, seconds=2))
    assert {"commit", "versions", "machine", "flags", "finished_utc"} <= set(told)
    assert {"starlette", "uvicorn", "websockets", "prometheus-client"} <= set(told["versions"])
    one, two = told["rows"]
    assert (one["streams"], two["streams"]) == (1, 2)
    for row in (one, two):
        assert 0 < row["fps_slowest"] <= row["fps"] <= 5.5
        assert row["latency_ms"]["p50"] >= row["server_ms_mean"] / 2 > 0
        assert row["with_face_share"] == 1
        assert sum(row["batches"].values()) > 0
    if one["rss_mb"] is not None:
        assert one["rss_mb"] > 100
        assert one["cores"] > 0
    print_serve(json.loads(json.dumps(told, allow_nan=False)), Console(width=100))
    assert "ks-serve, jpeg at 5 fps per stream" in capsys.readouterr().out
