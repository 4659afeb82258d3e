"""ks-bench studio: figures by hand, the live clip, memory of real processes, and a whole run on the bundled clip."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.studio.clip import write_long
from knowledge_spreader.benchmarks.studio.durations import percentiles, timed
from knowledge_spreader.benchmarks.studio.labels import write_log
from knowledge_spreader.benchmarks.studio.live import Came, Seen, figures, ratio
from knowledge_spreader.benchmarks.studio.memory import Memory, cpu_s, rss_mb, slope_mb_per_minute
from knowledge_spreader.benchmarks.studio.process import StudioProcess
from knowledge_spreader.benchmarks.studio.report import print_studio
from knowledge_spreader.benchmarks.studio.review import stills
from knowledge_spreader.benchmarks.studio.run import StudioBenchConfig, bench_studio
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import picture_rate, read_pictures
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Project
from tests.realtime.clips import piece

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory and CPU time are those of Linux")


def test_percentiles_are_between_values_and_nothing_has_none() -> None:
    assert percentiles([30.0, 10.0, 20.0]) == {"p50": 20.0, "p95": 29.0, "max": 30.0}
    assert percentiles([]) == {}


def test_a_call_is_timed_and_answers() -> None:
    ms, found = timed(lambda: 7)
    assert found == 7
    assert 0 <= ms < 1000


def play(every: int, n: int, dropped: int = 0, later_s: float = 0.05) -> tuple[Came, ...]:
    """Each `every`th frame at 30 frames/s; a result after 40 ms, at the page 10 ms later. dropped: of each step."""
    times = [i * every / 30 for i in range(n)]
    return tuple(Came(t, 100 + t, 40.0, 100 + t + later_s, i * dropped, 2000) for i, t in enumerate(times))


def test_figures_by_hand() -> None:
    """Every third frame: one of the two between is dropped by the pipeline, one has a result that was not shown."""
    row = figures([Seen((play(3, 40, dropped=1),), 0.5, "e")], 30.0, page=True)
    assert row["pictures"] == 30  # without the ten of the first second
    assert row["fps"] == pytest.approx(10)
    assert row["dropped_share"] == row["not_shown_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert row["to_result_ms"] == {"p50": 40.0, "p95": 40.0, "max": 40.0}
    assert row["to_page_ms"]["p95"] == pytest.approx(50)
    assert row["result_to_page_ms"]["max"] == pytest.approx(10)
    assert (row["kb_per_picture"], row["cores"]) == (2.0, 0.5)


def test_time_between_two_plays_does_not_count() -> None:
    once = figures([Seen((play(1, 60),), None, "e")], 30.0, page=False)
    twice = figures([Seen((play(1, 60), play(1, 60)), None, "e")], 30.0, page=False)
    assert once["fps"] == twice["fps"] == pytest.approx(30)
    assert twice["pictures"] == 2 * once["pictures"]
    assert once["cores"] is None
    assert "to_page_ms" not in once


def test_a_studios_ratio_is_of_pictures_shown_delay_and_cpu() -> None:
    page = figures([Seen((play(2, 60),), 0.6, "e")], 30.0, page=True)
    bare = figures([Seen((play(1, 60),), 0.5, "e")], 30.0, page=False)
    assert ratio(page, bare) == {"fps": 0.5, "p50": 1.25, "p95": 1.25, "cores": 1.2}
    assert ratio(page, {**bare, "cores": None})["cores"] is None


def test_too_little_to_measure_is_told() -> None:
    with pytest.raises(DataError, match="fewer than two"):
        figures([Seen((play(1, 20),), None, "e")], 30.0, page=True)


def test_the_slope_is_of_the_memory_after_the_first_quarter() -> None:
    rising = [(float(t), 500.0 if t < 15 else 300 + 0.1 * t) for t in range(61)]
    assert slope_mb_per_minute(rising) == pytest.approx(6)
    assert slope_mb_per_minute(rising[:2]) is None
    assert slope_mb_per_minute([]) is None


@LINUX
def test_memory_and_cpu_time_are_those_of_the_whole_tree() -> None:
    """A shell whose child holds 100 MB and has worked for 0.2 s."""
    work = "import time; x = b'1' * 10**8\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True); input()"
    command = ["/bin/sh", "-c", f'"$0" -c "{work}"; true', sys.executable]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "done\n"
        with Memory(parent.pid) as memory:
            memory.start()
        found, busy_s = rss_mb(parent.pid), cpu_s(parent.pid)
        parent.communicate("\n")
    assert found is not None
    assert busy_s is not None
    assert 100 < found < 200
    assert busy_s >= 0.15
    assert [mb for _, mb in memory.samples] == pytest.approx([found] * len(memory.samples), rel=0.05)
    assert len(memory.samples) >= 2
    assert rss_mb(parent.pid) is None


def test_the_live_clip_goes_back_and_forth_at_30_frames_a_second(tmp_path: Path) -> None:
    """Six pictures make a turn of ten; 0.9 s are three turns."""
    piece(demo_clip(), tmp_path / "six.mp4", range(70, 76))
    write_long(tmp_path / "six.mp4", tmp_path / "long.mp4", 0.9)
    assert picture_rate(tmp_path / "long.mp4") == 30
    with av.open(str(tmp_path / "long.mp4")) as made:
        frames = list(made.decode(video=0))
    assert [round(frame.time * 30) for frame in frames] == list(range(30))
    shown = dict(read_pictures(tmp_path / "long.mp4", np.arange(30)))
    assert shown[0].shape == (720, 1280, 3)
    apart = {i: float(np.abs(shown[i].astype(int) - shown[10].astype(int)).mean()) for i in (0, 20, 5)}
    assert apart[0] == apart[20] == 0
    assert apart[5] > 0.1
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["long.mp4", "six.mp4"]


def test_the_long_log_is_one_that_a_studio_reads(tmp_path: Path) -> None:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        (rec,) = project.add(demo_clip())
    assert write_log(tmp_path / "study", (1, 12, 43), 10) == 4
    log = LabelLog(tmp_path / "study" / "labels.jsonl")
    held = log.state("AB", rec.video)
    assert len(held) == 12
    assert [(one.frame, one.au, one.value) for one in held[9:]] == [(3, 1, 2), (3, 12, 0), (3, 43, 4)]
    assert len(log.undo("AB")) == 3  # a frame is one action


def test_stills_of_too_short_a_recording_are_refused_before_one_is_asked_for() -> None:
    with pytest.raises(DataError, match="20 frames or more; the recording has 10"):
        stills(StudioProcess.__new__(StudioProcess), "", frames=10, n=5)


@pytest.mark.long
def test_a_whole_run_on_a_piece_of_the_bundled_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It lasts 3.4 s, so the long session plays it again."""
    short = piece(demo_clip(), tmp_path / "short.mp4", range(85))
    told = bench_studio(
        StudioBenchConfig(
            model=bundled_model(),
            clip=demo_clip(),
            recording=short,
            live=short,
            cache=tmp_path / "cache",
            minutes=0.06,
            turns=1,
            turn_s=3.2,
            stills=20,
            said=10,
            in_log=1000,
        )
    )
    assert {"commit", "versions", "machine", "weights", "flags", "finished_utc"} <= set(told)
    assert {"starlette", "uvicorn", "websockets", "numpy"} <= set(told["versions"])
    check_live(told)
    assert told["timeline"]["frames"] == told["timeline"]["rows"] == 85
    assert told["timeline"]["bytes"] > 85 * 18 * 2
    assert told["timeline"]["analysed_s"] > 0
    assert all(told["stills"][kind]["p95"] > 0 for kind in ("random_ms", "next_ms", "previous_ms"))
    labels = told["labels"]
    assert (labels["in_log"], labels["labels_per_frame"], labels["frames_said"]) == (1008, 18, 10)
    assert 0 < labels["say_ms"]["p50"] <= labels["say_ms"]["max"]
    print_studio(json.loads(json.dumps(told, allow_nan=False)), Console(width=100))
    out = capsys.readouterr().out
    assert "live: picture to page" in out
    assert "18 labels of a frame said, 1008 in the log" in out


def check_live(told: Row) -> None:
    live, memory = told["live"], told["memory"]
    assert (live["recording"], live["fps_of_recording"]) == ("short.mp4", 25)
    assert 0 < live["studio"]["fps"] < 30
    assert live["studio"]["to_page_ms"]["p50"] > live["studio"]["to_result_ms"]["p50"] > 0
    assert live["studio"]["result_to_page_ms"]["p50"] > 0
    assert set(live["ratio"]) == {"fps", "p50", "p95", "cores"}
    assert live["engine"].startswith("openvino")
    if memory["start_mb"] is not None:
        assert 0 < memory["start_mb"] < memory["end_mb"] == memory["samples_mb"][-1]


def refused(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["studio", "--no-progress", *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_what_cannot_be_measured_is_one_line_before_a_studio_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    assert "--minutes must be 0.05 or more; got 0.01" in refused(["--minutes", "0.01"], capsys)
    assert "--minutes" in refused(["--minutes", "nan"], capsys)
    assert "text.mp4" in refused(["--live", str(tmp_path / "text.mp4")], capsys)
    assert "nowhere.mp4" in refused(["--recording", str(tmp_path / "nowhere.mp4")], capsys)
    assert "no_such.ks" in refused(["--model", str(tmp_path / "no_such.ks")], capsys)
    assert "there is no folder" in refused(["--json", str(tmp_path / "no" / "x.json")], capsys)
