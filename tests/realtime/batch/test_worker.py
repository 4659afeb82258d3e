"""Worker: a recording becomes one file, equal to that of ks-live, or a line that says why not."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from knowledge_spreader.realtime.batch.faces_file import names_in, read_about
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.options import Options
from tests.realtime.batch.conftest import FRAMES
from tests.realtime.clips import write_clip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def worker(out: Path) -> Iterator[Worker]:
    made = Worker(Options(), out)
    yield made
    made.close()


def job(path: Path) -> Job:
    return Job(str(path), path.name)


def test_the_table_is_that_of_ks_live_to_the_bit(
    clips: Path, worker: Worker, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clips)  # the column `stream` is the name as given
    assert main(["--source", "a.mp4", "--parquet", str(tmp_path / "alone.parquet"), "--no-progress"]) == 0
    done = worker(job(clips / "a.mp4"))
    assert isinstance(done, Done)
    assert done.fresh
    ours, alone = pq.read_table(out / "faces" / done.file), pq.read_table(tmp_path / "alone.parquet")
    assert ours.schema.equals(alone.schema)
    assert ours.equals(alone)
    assert ours.num_rows == FRAMES


def test_the_file_says_what_it_is_of(clips: Path, worker: Worker, out: Path) -> None:
    done = worker(job(clips / "a.mp4"))
    assert isinstance(done, Done)
    about = read_about(out / "faces" / done.file)
    assert about == done.about
    assert about is not None
    said = (about.name, about.frames, about.faces, about.fps, about.seconds, about.damage)
    assert said == ("a.mp4", FRAMES, 1, 25.0, 0.48, "")  # 12 frames / 25 per second = 0.48 s
    assert (about.path, about.bytes) == (str(clips / "a.mp4"), (clips / "a.mp4").stat().st_size)
    assert done.file == f"a-{about.key[:12]}.parquet"


def test_what_is_there_is_not_computed_again_whatever_it_is_called_now(
    clips: Path, worker: Worker, out: Path, tmp_path: Path
) -> None:
    first = worker(job(clips / "b.mp4"))
    copy = tmp_path / "of-another-name.mp4"
    copy.write_bytes((clips / "b.mp4").read_bytes())
    before = sorted(names_in(out))
    again = worker(job(copy))
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (again.file, again.fresh) == (first.file, False)
    assert sorted(names_in(out)) == before


def test_what_is_no_video_or_is_gone_is_a_line_and_leaves_nothing(worker: Worker, out: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    before = sorted(path.name for path in out.rglob("*"))
    for path, why in ((tmp_path / "text.mp4", "cannot read this as a video"), (tmp_path / "gone.mp4", "No such file")):
        failed = worker(job(path))
        assert isinstance(failed, Failed)
        assert failed.reason.startswith(f"{path.name}: ")
        assert why in failed.reason
        assert "\n" not in failed.reason
        assert not failed.stops
    assert sorted(path.name for path in out.rglob("*")) == before


def test_of_a_truncated_video_the_frames_are_kept_and_the_damage_is_told(
    worker: Worker, out: Path, tmp_path: Path
) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 100, codec="mpeg4", noise=True)  # 4 s at 25 frames a second
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = worker(job(cut))
    assert isinstance(done, Done)
    assert "truncated" in done.about.damage
    assert 30 < done.about.frames < 70  # about half of 100
    assert pq.read_table(out / "faces" / done.file).num_rows == done.about.frames  # no face: a row per frame


def test_a_folder_that_cannot_be_written_stops_the_run(clips: Path, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "faces").write_text("a file where the folder should be")
    other = Worker(Options(), tmp_path)
    failed = other(job(clips / "a.mp4"))
    other.close()
    assert isinstance(failed, Failed)
    assert failed.stops
    assert str(tmp_path) in failed.reason
