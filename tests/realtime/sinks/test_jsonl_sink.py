"""JSON lines: valid always, on stdout too, also when the reader leaves."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.base import Sinks
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.types import Event, Stream
from tests.realtime.kill import ROOT, write_and_kill
from tests.realtime.sinks.results import CAMERA, FILE, answer, result


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def written(path, *results):
    sink = JsonlSink(str(path))
    for each in results:
        sink.write(each)
    sink.close()
    return [json.loads(line, parse_constant=refuse) for line in path.read_bytes().splitlines()]


def test_a_line_holds_all_that_is_known_about_a_frame(tmp_path):
    event = Event(FILE, 3, 12, onset_s=1.5, end_s=2.25, peak=0.875)
    face = answer(3, p=[0.1, 0.5, 0.75, 1.0], u=[0.0, 0.25, 0.5, 0.125])
    (line,) = written(
        tmp_path / "out.jsonl", result(0, face, pts=90, shift_s=10.0, epoch=2, events=[event], notes=["untrained"])
    )
    assert line == {
        "stream": "clip.mp4",
        "epoch": 2,
        "frame": 1,
        "pts_s": 3.6,  # 90 / 25
        "time_s": 13.6,
        "captured_unix_s": None,
        "picture": None,
        "unreadable": None,
        "latency_ms": 12.5,
        "faces": [
            {
                "face_id": 3,
                "box_xyxy_px": [10.0, 20.5, 110.25, 140.5],
                "score": 0.9375,
                "success": True,
                "reason": None,
                "aus": {
                    "AU1": {"p": 0.1, "c": False, "u": 0.0, "r": None},
                    "AU4": {"p": 0.5, "c": True, "u": 0.25, "r": None},
                    "AU12": {"p": 0.75, "c": True, "u": 0.5, "r": None},
                    "AU25": {"p": 1.0, "c": True, "u": 0.125, "r": None},
                },
                "order_p": 0.75,
                "window_frames": 5,
                "calibrated": False,
                "head": None,
                "gaze": None,
                "mesh_p": None,
            }
        ],
        "events": [{"face_id": 3, "au": "AU12", "onset_s": 1.5, "end_s": 2.25, "peak": 0.875}],
        "notes": ["untrained"],
        "experimental": [],
    }


def test_nan_is_null_and_never_a_word_that_json_does_not_know(tmp_path):
    lines = written(
        tmp_path / "out.jsonl",
        result(0, answer(p=[0.5, np.nan, 0.5, 0.5]), latency_ms=float("nan")),
        result(1, answer(rejected="turned")),
        result(2, (), events=[Event(FILE, 0, 1, 0.0, None, float("nan"))]),
    )
    assert lines[0]["faces"][0]["aus"]["AU4"]["p"] is None
    assert lines[0]["faces"][0]["aus"]["AU4"]["c"] is None
    assert lines[0]["latency_ms"] is None
    assert lines[1]["faces"][0]["aus"] is None
    assert lines[1]["faces"][0]["reason"] == "turned"
    assert lines[2]["faces"] == []
    assert lines[2]["events"][0]["peak"] is None


def test_a_live_frame_has_the_time_of_day_at_which_it_came(tmp_path):
    came_s = time.perf_counter() - 1000  # results.frame puts frame 0 at 1000 s
    now_s = time.time()
    (line,) = written(tmp_path / "out.jsonl", result(0, stream=CAMERA))
    assert line["captured_unix_s"] == pytest.approx(now_s - came_s, abs=1.0)


def test_a_line_is_on_disk_before_the_next_frame_and_holds_only_ascii(tmp_path):
    path = tmp_path / "out.jsonl"
    sink = JsonlSink(str(path))
    for n in range(3):
        sink.write(result(n, stream=Stream("caf\udce9 \u4eba\n.mp4")))
        lines = path.read_bytes().decode("ascii").splitlines()
        assert len(lines) == n + 1
    sink.close()
    assert json.loads(lines[0])["stream"] == "caf\\udce9 \u4eba\n.mp4"


def test_a_killed_run_leaves_every_line(tmp_path):
    count = write_and_kill("jsonl", tmp_path / "out.jsonl")
    frames = [json.loads(line)["frame"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(frames) >= count
    assert frames == list(range(1, len(frames) + 1))


TO_STDOUT = """
import itertools, sys, warnings
warnings.simplefilter("error")
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.base import Sinks
from tests.realtime.sinks.results import result
with Sinks([JsonlSink("-")]) as sinks:
    for n in itertools.count() if sys.argv[1] == "forever" else range(int(sys.argv[1])):
        sinks.write(result(n))
        if sinks.all_failed:
            break
sys.exit(3 if sinks.failed else 0)
"""


def test_stdout_gets_a_line_for_each_frame():
    done = subprocess.run(
        [sys.executable, "-c", TO_STDOUT, "5"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert [json.loads(line)["frame"] for line in done.stdout.splitlines()] == [1, 2, 3, 4, 5]
    assert done.stderr == ""


def test_a_reader_that_leaves_ends_the_sink_without_a_word():
    with subprocess.Popen(
        [sys.executable, "-c", TO_STDOUT, "forever"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert json.loads(process.stdout.readline())["frame"] == 1
        process.stdout.close()  # as head -1 does
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_stdout_stays_open_for_others(capfd):
    with Sinks([JsonlSink("-")]) as sinks:
        sinks.write(result(0))
    print("report")
    line, report = capfd.readouterr().out.splitlines()
    assert json.loads(line)["frame"] == 1
    assert report == "report"


def test_without_a_stdout_there_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(DataError, match="no standard output to write to"):
        JsonlSink("-")
