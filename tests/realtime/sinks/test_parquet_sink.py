"""Parquet: typed, exact, whole after a kill."""

import builtins
import itertools
import subprocess
import sys
from fractions import Fraction

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.realtime.sinks.finish import finish
from knowledge_spreader.realtime.sinks.parquet_sink import ParquetSink, finish_parquet
from knowledge_spreader.realtime.sinks.rows import rows
from knowledge_spreader.realtime.sinks.table.columns import columns
from knowledge_spreader.realtime.types import Stream
from tests.realtime.kill import ROOT, write_and_kill
from tests.realtime.sinks.results import AUS, answer, result


def written(path, results):
    sink = ParquetSink(path, AUS)
    for each in results:
        sink.write(each)
    sink.close()
    sink.close()
    return pq.read_table(path)


def test_rows_come_back_as_they_were_with_types(tmp_path):
    results = [
        result(0, answer(0), answer(1, rejected="blurred"), pts=1, time_base=Fraction(1, 90000)),
        result(1, (), stream=Stream('a, "b"\nc')),
        result(2, answer(0, calibrated=True), epoch=3),
    ]
    table = written(tmp_path / "out.parquet", results)
    names = [column.name for column in columns(AUS)]
    assert table.column_names == names
    # boxes and scores of results.py are exact in float32 too
    assert table.to_pylist() == [dict(zip(names, row, strict=True)) for each in results for row in rows(each)]
    types = {name: str(table.schema.field(name).type) for name in ("frame", "timestamp", "success", "AU12_c", "AU12_p")}
    assert types == {"frame": "int64", "timestamp": "double", "success": "bool", "AU12_c": "bool", "AU12_p": "float"}
    assert pa.types.is_dictionary(table.schema.field("stream").type)
    assert str(table.to_pandas()["reason"].dtype) == "category"


def test_the_journal_is_gone_when_the_run_ended_well(tmp_path):
    written(tmp_path / "out.parquet", [result(0)])
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_a_killed_run_leaves_a_journal_that_becomes_the_file(tmp_path):
    count = write_and_kill("parquet", tmp_path / "out.parquet")
    journal = tmp_path / "out.parquet.part.csv"
    assert [path.name for path in tmp_path.iterdir()] == [journal.name]
    with journal.open("a") as file:
        file.write("99999,0,4")  # what a kill inside a write would leave
    assert finish(journal) == tmp_path / "out.parquet"
    frames = pq.read_table(tmp_path / "out.parquet")["frame"].to_pylist()
    assert len(frames) >= count
    assert frames == list(range(1, len(frames) + 1))
    assert not journal.exists()


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.parquet"
    written(path, [result(0), result(1)])
    before = path.read_bytes()
    sink = ParquetSink(path, AUS)
    sink.write(result(0))
    assert path.read_bytes() == before
    sink.close()
    assert pq.read_table(path).num_rows == 1


def test_a_run_without_a_frame_writes_nothing(tmp_path):
    ParquetSink(tmp_path / "out.parquet", AUS).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is of Linux")
def test_a_full_disk_is_said_and_leaves_no_half_file(tmp_path):
    (tmp_path / "out.parquet.part.csv").symlink_to("/dev/full")
    sink = ParquetSink(tmp_path / "out.parquet", AUS)
    with pytest.raises(DataError, match="No space left on device"):
        sink.write(result(0))
    sink.close()
    assert not (tmp_path / "out.parquet").exists()


ON_A_SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.parquet_sink import finish_parquet
import pyarrow.parquet, pyarrow.csv
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    finish_parquet(Path(sys.argv[1]))
except DataError as exc:
    print(exc)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes there")
def test_where_parquet_has_no_room_the_journal_stays(tmp_path):
    sink = ParquetSink(tmp_path / "out.parquet", AUS)
    for n in range(200):
        sink.write(result(n))
    sink._journal.close()
    journal = tmp_path / "out.parquet.part.csv"
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_DISK, str(journal)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "the rows are safe in" in done.stdout, done
    assert [path.name for path in tmp_path.iterdir()] == [journal.name]
    assert pq.read_table(finish_parquet(journal)).num_rows == 200


def test_what_is_no_journal_is_refused(tmp_path):
    with pytest.raises(MissingError, match="no file"):
        finish(tmp_path / "out.parquet.part.csv")
    for name, text, message in [
        ("a.parquet.part.csv", "some,table\n1,2\n", "was not written by this version"),
        ("b.parquet.part.csv", "", "was not written by this version"),
        ("c.txt", "x", "cannot be finished"),
    ]:
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=message):
            finish(tmp_path / name)
        assert (tmp_path / name).read_text() == text


def test_a_journal_with_a_damaged_row_is_refused_and_stays(tmp_path):
    sink = ParquetSink(tmp_path / "out.parquet", AUS)
    sink.write(result(0))
    sink._journal.write("not,a,row\n")
    with pytest.raises(DataError, match="cannot be converted to Parquet"):
        sink.close()
    assert (tmp_path / "out.parquet.part.csv").exists()
    assert not (tmp_path / "out.parquet").exists()


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(MissingError, match=r"pip install 'knowledge-spreader\[table\]'"):
        ParquetSink(tmp_path / "out.parquet", AUS)


@pytest.mark.slow
def test_an_hour_goes_into_several_row_groups(tmp_path):
    path = tmp_path / "out.parquet"
    sink = ParquetSink(path, AUS)
    some = [result(n) for n in range(50)]
    for each in itertools.islice(itertools.cycle(some), 108_000):  # an hour at 30 fps
        sink.write(each)
    sink.close()
    found = pq.ParquetFile(path)
    assert found.metadata.num_rows == 108_000
    assert found.num_row_groups > 1
