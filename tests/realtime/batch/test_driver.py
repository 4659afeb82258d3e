"""run_batch: what is left is done, once; the index says of each recording what became of it."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.batch import index, set_aside
from knowledge_spreader.realtime.batch.driver import Batch, Outcome, run_batch
from knowledge_spreader.realtime.batch.faces_file import names_in
from knowledge_spreader.realtime.batch.folder import Shard
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.keys import settings_of
from knowledge_spreader.realtime.batch.recordings import find
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from tests.realtime.batch.conftest import FRAMES


class Here:
    """A backend that runs a real worker in this process, and remembers what it was given."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.given = folder, list[str]()

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Done | Failed]:
        worker = Worker(Options(), self.folder)
        try:
            for job in jobs:
                self.given.append(Path(job.path).name)
                yield worker(job)
        finally:
            worker.close()


@pytest.fixture(scope="module")
def weights() -> str:
    with Opened(Options()) as opened:
        return opened.model.weights_id


@pytest.fixture
def videos(clips: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clips, tmp_path / "videos"))


def ran(given: Sequence[Path], out: Path, weights: str, shard: Shard | None = None) -> tuple[Outcome, list[str]]:
    """The outcome, and what was given to the worker."""
    out.mkdir(exist_ok=True)
    backend = Here(out)
    batch = Batch(out, shard or Shard(), weights, settings_of(Options()))
    return run_batch(find(list(map(str, given)), out), batch, backend), sorted(backend.given)


def rows(out: Path) -> dict[str, tuple[str, str | None]]:
    """Name -> status and file."""
    return {Path(row["path"]).name: (row["status"], row["file"]) for row in index.read(out)}


@pytest.mark.slow
def test_a_second_run_does_what_is_new_or_changed_or_failed_and_nothing_else(
    videos: Path, tmp_path: Path, weights: str
) -> None:
    out = tmp_path / "out"
    (videos / "broken.mp4").write_text("no video")
    assert ran([videos], out, weights) == (Outcome(4, 0, 3, 1, 0), ["a.mp4", "b.mp4", "broken.mp4", "c.mp4"])
    assert {name: status for name, (status, _) in rows(out).items()} == {
        **dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), "done"),
        "broken.mp4": "failed",
    }
    (line,) = (out / "failed.jsonl").read_text().splitlines()
    assert json.loads(line)["reason"].startswith(f"{videos}/broken.mp4: cannot read this as a video")
    shutil.copy(videos / "a.mp4", videos / "broken.mp4")  # mended; of equal content as a.mp4
    (videos / "b.mp4").write_bytes((videos / "b.mp4").read_bytes() + bytes(8))  # another recording now
    outcome, given = ran([videos], out, weights)
    assert (outcome, given) == (Outcome(4, 3, 1, 0, 0), ["b.mp4"])
    assert {status for status, _ in rows(out).values()} == {"done"}
    assert rows(out)["broken.mp4"] == rows(out)["a.mp4"]
    assert ran([videos], out, weights) == (Outcome(4, 4, 0, 0, 0), [])


@pytest.mark.slow
def test_equal_recordings_are_analysed_once_and_both_have_a_row(videos: Path, tmp_path: Path, weights: str) -> None:
    out = tmp_path / "out"
    shutil.copy(videos / "a.mp4", videos / "same.mp4")
    (tmp_path / "study.csv").write_text("video,subject,session\nvideos/a.mp4,Anna,1\nvideos/same.mp4,Ben,2\n")
    assert ran([tmp_path / "study.csv"], out, weights) == (Outcome(2, 0, 2, 0, 0), ["a.mp4"])
    table = pq.read_table(out / "index.parquet").to_pylist()
    assert [(row["subject"], row["session"], row["frames"], row["seconds"]) for row in table] == [
        ("Anna", "1", FRAMES, 0.48),  # 12 frames, 25 a second
        ("Ben", "2", FRAMES, 0.48),
    ]
    (file,) = {row["file"] for row in table}
    assert pq.read_table(out / file).num_rows == FRAMES
    # Another day, another list: whose they are is kept, and so are the rows.
    assert ran([videos], out, weights) == (Outcome(4, 2, 2, 0, 0), ["b.mp4", "c.mp4"])
    people = {Path(row["path"]).name: row["subject"] for row in index.read(out)}
    assert people == {"a.mp4": "Anna", "same.mp4": "Ben", "b.mp4": None, "c.mp4": None}
    assert ran([videos / "c.mp4"], out, weights) == (Outcome(1, 1, 0, 0, 0), [])
    assert len(index.read(out)) == 4


@pytest.mark.slow
def test_recordings_that_moved_or_are_gone_keep_their_results(videos: Path, tmp_path: Path, weights: str) -> None:
    out, moved = tmp_path / "out", tmp_path / "moved"
    ran([videos], out, weights)
    before = sorted(names_in(out))
    shutil.move(videos, moved)
    outcome, given = ran([moved], out, weights)  # a worker reads them, and finds that their content is known
    assert (outcome.now, given) == (3, ["a.mp4", "b.mp4", "c.mp4"])
    assert sorted(names_in(out)) == before
    assert ran([moved], out, weights) == (Outcome(3, 3, 0, 0, 0), [])
    (moved / "b.mp4").unlink()  # as some must be, for the people's sake
    assert ran([moved / name for name in ("a.mp4", "b.mp4", "never.mp4")], out, weights)[0] == Outcome(3, 2, 0, 1, 0)
    assert rows(out)["b.mp4"][0] == "done"
    assert rows(out)["never.mp4"] == ("failed", None)


@pytest.mark.slow
def test_shards_share_the_list_and_the_last_to_end_knows_all(videos: Path, tmp_path: Path, weights: str) -> None:
    out = tmp_path / "out"
    first, given = ran([videos], out, weights, Shard(1, 2))
    second, rest = ran([videos], out, weights, Shard(2, 2))
    assert (first.total, second.total) == (2, 1)
    assert sorted([*given, *rest]) == ["a.mp4", "b.mp4", "c.mp4"]
    assert {status for status, _ in rows(out).values()} == {"done"}
    assert len(rows(out)) == 3
    (out / "index.parquet").unlink()  # the files say all that is needed
    assert ran([videos], out, weights) == (Outcome(3, 3, 0, 0, 0), [])
    assert len(rows(out)) == 3


def test_a_run_that_stops_leaves_an_index_that_says_what_waits(videos: Path, tmp_path: Path, weights: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    batch = Batch(out, Shard(), weights, settings_of(Options()))

    def full(jobs: Sequence[Job]) -> Iterator[Done | Failed]:
        assert {status for status, _ in rows(out).values()} == {"waiting"}
        yield Failed(jobs[0], "out cannot be written (No space left on device)", stops=True)

    with pytest.raises(DataError, match="No space left on device"):
        run_batch(find([str(videos)], out), batch, full)
    assert {status for status, _ in rows(out).values()} == {"waiting"}
    assert not set_aside.read(out)


def test_a_torn_line_of_failures_costs_that_line_alone(tmp_path: Path) -> None:
    def failed(name: str) -> Failed:
        return Failed(Job(f"/{name}", name), f"{name}: why")

    set_aside.append(tmp_path, [failed("a"), failed("b")])
    whole = (tmp_path / "failed.jsonl").read_bytes()
    (tmp_path / "failed.jsonl").write_bytes(whole[:-9])  # b's line is torn
    set_aside.append(tmp_path, [failed("c")])
    assert set(set_aside.read(tmp_path)) == {"/a", "/c"}
