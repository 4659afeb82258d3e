"""ks-bench batch: clips that differ, and a whole run of real ks-batch processes."""

import hashlib
import json
from pathlib import Path

import av
import pytest
from rich.console import Console

from knowledge_spreader.benchmarks.batch.clips import write_clips
from knowledge_spreader.benchmarks.batch.report import print_batch
from knowledge_spreader.benchmarks.batch.run import BatchBenchConfig
from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.demo import demo_clip


def pictures(path: Path) -> list[str]:
    """A hash of each."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray(format="rgb24")).hexdigest() for frame in container.decode(video=0)]


def test_clips_show_the_same_and_are_different_files(tmp_path: Path) -> None:
    seconds = write_clips(demo_clip(), tmp_path / "clips", 3, 20)
    made = sorted((tmp_path / "clips").iterdir())
    assert seconds == 0.8  # 20 frames at 25 a second
    assert len({path.read_bytes() for path in made}) == 3
    first, *others = [pictures(path) for path in made]
    assert len(first) == 20
    assert others == [first, first]


def test_a_recording_that_is_too_short_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 195 frames, and --frames asks for 1000; give a longer --recording"):
        write_clips(demo_clip(), tmp_path / "clips", 3, 1000)


def test_one_clip_is_no_benchmark() -> None:
    with pytest.raises(DataError, match="--clips and --frames must be 2 or more"):
        BatchBenchConfig(Path("m.ks"), Path("v.mp4"), clips=1)


@pytest.mark.slow
@pytest.mark.long
def test_all_ways_are_measured_and_say_the_same(tmp_path: Path) -> None:
    there = tmp_path / "batch.json"
    assert main(["batch", "--clips", "3", "--frames", "12", "--json", str(there), "--no-progress"]) == 0
    result = json.loads(there.read_text())
    assert [(row["workers"], row["threads"], row["ray"]) for row in result["rows"]] == [
        (1, 1, False),
        (1, 2, False),
        (2, 1, False),
    ]
    assert all(row["seconds"] > 0 and row["clips_per_minute"] > 0 for row in result["rows"])
    assert {"commit", "versions", "machine", "settings", "model", "finished_utc"} <= set(result)
    console = Console(width=100, record=True, quiet=True)
    print_batch(result, console)
