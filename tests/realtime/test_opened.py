"""Opened: what is open serves many runs, and none of them leaves a trace in the next."""

from pathlib import Path

import pytest

from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.watch import Watch, parse_targets

FRAMES = 24


def told(to: Path, opened: Opened | None, frames: int) -> str:
    """The table of the first frames of the demo clip."""
    options = Options()
    with Watch(parse_targets([demo_clip()], options), options, opened) as watch:
        sink = CsvSink(to, watch.aus)
        for result in watch:
            sink.write(result)
            if result.frame.index == frames - 1:
                break
        sink.close()
    return to.read_text()


@pytest.mark.slow
def test_a_run_on_what_another_has_used_says_the_same_as_one_alone(tmp_path: Path) -> None:
    alone = told(tmp_path / "alone.csv", None, FRAMES)
    with Opened(Options()) as opened:
        told(tmp_path / "broken-off.csv", opened, FRAMES // 3)
        assert told(tmp_path / "second.csv", opened, FRAMES) == alone
        assert told(tmp_path / "third.csv", opened, FRAMES) == alone
    assert alone.count("\n") == FRAMES + 1
