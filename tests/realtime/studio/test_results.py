"""results.py: what ks-live writes of a recording, by a real process of it."""

import time
from pathlib import Path

import pytest

from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.results import Results
from knowledge_spreader.realtime.studio.store.project import Project
from tests.realtime.clips import write_clip

LIMIT_S = 60


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        pytest.param("a" + "漢" * 80, "a" + "漢" * 49, id="not within a letter"),
        pytest.param("a" * 241, "a" * 150, id="ASCII", marks=pytest.mark.slow),
        pytest.param("b" * 150, "b" * 150, id="just fits", marks=pytest.mark.slow),
        pytest.param("c" * 147 + "... d", "c" * 147, id="no dot at its end", marks=pytest.mark.slow),
    ],
)
def test_the_results_of_a_recording_with_a_long_name_have_a_shorter_one(
    tmp_path: Path, tiny_file: ModelFile, stem: str, wanted: str
) -> None:
    path = write_clip(tmp_path / "clip.mp4", 3).rename(tmp_path / f"{stem}.mp4")
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        (rec,) = project.add(path)
        results = Results(project, Options(threads=1))
        written = results.start(rec, "tsv", tiny_file.path)
        until_s = time.monotonic() + LIMIT_S
        while results.state()["running"]:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        assert results.state() == {"file": f"{wanted}_events.tsv", "running": False, "error": ""}
        assert (project.place("exports") / written).is_file()
