"""The questions of docs/scale.md are asked of real results of ks-batch, in DuckDB and in pandas."""

from pathlib import Path

import pytest

from knowledge_spreader.realtime.cli.batch import main
from knowledge_spreader.realtime.demo import demo_clip
from tests.docs.pages import code_blocks
from tests.paths import ROOT
from tests.realtime.clips import piece

duckdb = pytest.importorskip("duckdb")
pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/scale.md"
STUDY = """\
video,subject,session
calm.mp4,anna,1
again.mp4,o'hara,1
smile.mp4,bo,2
broken.mp4,bo,3
gone.mp4,bo,4
"""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of three recordings, two of which are the same, and of two that fail."""
    piece(demo_clip(), tmp_path / "calm.mp4", range(6))
    (tmp_path / "again.mp4").write_bytes((tmp_path / "calm.mp4").read_bytes())
    piece(demo_clip(), tmp_path / "smile.mp4", range(100, 106))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "study.csv").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    assert main(["study.csv", "--out", "results", "--workers", "1", "--retries", "0", "--no-progress"]) == 2
    return tmp_path / "results"


def test_each_recording_that_is_done_has_its_mean_and_both_ways_agree(results: Path) -> None:
    (question,) = code_blocks(PAGE, "sql")
    rows = {(subject, session): mean for subject, session, mean in duckdb.sql(question).fetchall()}
    assert set(rows) == {("anna", "1"), ("o'hara", "1"), ("bo", "2")}
    assert rows["anna", "1"] == rows["o'hara", "1"]  # one result file, two recordings
    assert rows["bo", "2"] > rows["anna", "1"] + 0.3  # smiles
    names: dict[str, object] = {}
    (code,) = [code for code in code_blocks(PAGE, "python") if "mean_by_recording" in code]
    exec(code, names)
    means = names["mean_by_recording"](results, "AU12_p")  # type: ignore[operator]
    assert means.to_dict() == pytest.approx(
        {"calm.mp4": rows["anna", "1"], "again.mp4": rows["o'hara", "1"], "smile.mp4": rows["bo", "2"]}, abs=1e-6
    )
