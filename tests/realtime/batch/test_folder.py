"""A folder of results is held by the shards of one run, and has one model and one set of settings."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.batch.faces_file import drafts_of
from knowledge_spreader.realtime.batch.folder import Held, Shard, check_settings, running
from tests.paths import ROOT

HOLDS = (
    "import sys\nfrom pathlib import Path\nfrom knowledge_spreader.realtime.batch.folder import Held, Shard\n"
    "with Held(Path(sys.argv[1]), Shard.parse(sys.argv[2])): print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def another(folder: Path, shard: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a shard until it is killed."""
    command = [sys.executable, "-c", HOLDS, str(folder), shard]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_shard_is_i_of_n() -> None:
    assert (Shard.parse("3/16"), str(Shard(3, 16))) == (Shard(3, 16), "3-of-16")
    for text in ("0/4", "5/4", "4", "a/b", "-1/2", "1/2/3"):
        with pytest.raises(DataError, match="--shard must be I/N with I from 1 to N, like 3/16; got"):
            Shard.parse(text)


def test_another_process_may_hold_another_shard_of_the_same_n_and_no_other(tmp_path: Path) -> None:
    with another(tmp_path, "1/2") as process:
        assert running(tmp_path) == [(1, 2)]
        with Held(tmp_path, Shard(2, 2)):
            assert running(tmp_path) == [(1, 2), (2, 2)]
        with pytest.raises(DataError, match=f"another ks-batch works in it .*, process {process.pid}.; wait for its"):
            Held(tmp_path, Shard(1, 2))
        with pytest.raises(DataError, match="another ks-batch works in it as shard 1/2; wait for its end, or give all"):
            Held(tmp_path, Shard(1, 3))
        process.kill()
        process.wait()
        with Held(tmp_path, Shard(1, 3)):  # a lock ends with its process
            assert running(tmp_path) == [(1, 3)]


def test_what_a_killed_run_left_unfinished_is_removed_but_not_what_another_shard_works_on(tmp_path: Path) -> None:
    for shard in ("1-of-2", "2-of-2", "1-of-3"):
        drafts_of(tmp_path, shard).mkdir(parents=True)
        (drafts_of(tmp_path, shard) / "half.parquet").touch()
    with Held(tmp_path, Shard(1, 2)):
        left = sorted(path.parent.name for path in tmp_path.rglob("half.parquet"))
    assert left == ["2-of-2"]


def test_other_settings_or_another_model_want_another_folder(tmp_path: Path) -> None:
    check_settings(tmp_path, "w1", {"landmarks": "none", "rate": 0.0})
    check_settings(tmp_path, "w1", {"landmarks": "none", "rate": 0.0})
    with pytest.raises(DataError, match="holds results of the model w1, and this run's is w2; give that model, or"):
        check_settings(tmp_path, "w2", {"landmarks": "none", "rate": 0.0})
    with pytest.raises(DataError, match="holds results with landmarks = none, and this run's is 68; give the same"):
        check_settings(tmp_path, "w1", {"landmarks": "68", "rate": 0.0})


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/out: cannot be written \(Not a directory\); name another folder"):
        Held(tmp_path / "file" / "out", Shard())
