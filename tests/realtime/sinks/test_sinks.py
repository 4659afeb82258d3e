"""Many sinks at once: one that fails stops, the others' files are whole."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.sinks.base import Sinks
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.result_file import (
    ResultFile,
    drop_torn_line,
    same_file,
)
from tests.realtime.sinks.results import AUS, result

FULL = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")


class Fails:
    """Fails at its n-th frame, or when it is closed."""

    name = "--fails"

    def __init__(self, at=None, on_close=None, error=DataError):
        self.frames, self.closed, self._at, self._on_close, self._error = 0, 0, at, on_close, error

    def write(self, result):
        if self.frames == self._at:
            raise self._error("the cable is out")
        self.frames += 1

    def close(self):
        self.closed += 1
        if self._on_close:
            raise self._error(self._on_close)


def lines(path):
    return path.read_text().splitlines()


def test_a_sink_that_fails_is_closed_and_left_out_and_the_others_go_on(tmp_path, caplog):
    bad = Fails(at=1)
    with Sinks([CsvSink(tmp_path / "a.csv", AUS), bad, JsonlSink(str(tmp_path / "b.jsonl"))]) as sinks:
        for n in range(3):
            sinks.write(result(n))
        assert not sinks.all_failed
    assert (bad.frames, bad.closed) == (1, 1)
    assert sinks.failed == {"--fails": "the cable is out"}
    assert [record.getMessage() for record in caplog.records] == ["--fails stopped: the cable is out"]
    assert len(lines(tmp_path / "a.csv")) == 4
    assert len(lines(tmp_path / "b.jsonl")) == 3


@needs_full_disk
def test_a_full_disk_stops_one_sink_and_the_others_files_are_whole(tmp_path, caplog):
    (tmp_path / "full.csv").symlink_to(FULL)
    with Sinks([CsvSink(tmp_path / "full.csv", AUS), CsvSink(tmp_path / "good.csv", AUS)]) as sinks:
        for n in range(3):
            sinks.write(result(n))
    ((name, reason),) = sinks.failed.items()
    assert name == f"--csv {tmp_path / 'full.csv'}"
    assert "No space left on device" in reason
    assert "\n" not in reason
    assert len(lines(tmp_path / "good.csv")) == 4


def test_when_the_last_one_failed_it_is_known():
    sinks = Sinks([Fails(at=0), Fails(at=1)])
    sinks.write(result(0))
    assert not sinks.all_failed
    sinks.write(result(1))
    assert sinks.all_failed


def test_no_sinks_at_all_is_no_failure():
    with Sinks() as sinks:
        sinks.write(result(0))
        assert not sinks.all_failed


def test_a_sink_that_fails_to_close_keeps_no_other_from_closing(caplog):
    first, second, third = Fails(), Fails(on_close="disk full"), Fails()
    with Sinks([first, second, third]) as sinks:
        sinks.write(result(0))
    assert (first.closed, second.closed, third.closed) == (1, 1, 1)
    assert sinks.failed == {"--fails": "disk full"}


def test_a_bug_in_a_sink_is_not_hidden_and_all_are_closed():
    bad, good = Fails(at=0, error=ZeroDivisionError), Fails()
    with pytest.raises(ZeroDivisionError), Sinks([good, bad]) as sinks:
        sinks.write(result(0))
    assert (good.closed, bad.closed) == (1, 1)


# A limit on the size of files looks like a disk that fills up. In a process of its own: pytest writes files, too.
ON_A_SMALL_DISK = """
import resource, signal, sys
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.result_file import ResultFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
file = ResultFile(sys.argv[1])
file.write("a" * 899 + "\\n")
try:
    file.write("b" * 899 + "\\n")  # 100 of its bytes have room
except DataError as exc:
    print(exc)
file.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes there")
def test_a_write_that_fails_half_way_is_taken_back(tmp_path):
    path = tmp_path / "out.txt"
    said = subprocess.run([sys.executable, "-c", ON_A_SMALL_DISK, path], capture_output=True, text=True, check=True)
    assert "everything before this is complete" in said.stdout, said
    assert path.read_text() == "a" * 899 + "\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_place_where_nobody_may_write_is_refused():
    with pytest.raises(DataError, match=r"/proc/out\.csv cannot be written \(No such file or directory\)"):
        ResultFile("/proc/out.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="Permission denied"):
        ResultFile(tmp_path / "out.csv")
    tmp_path.chmod(0o700)


def test_checking_that_a_file_can_be_written_leaves_no_trace(tmp_path):
    old = tmp_path / "old.csv"
    old.write_text("yesterday")
    os.utime(old, (1, 1))
    ResultFile(old).close()
    ResultFile(tmp_path / "new.csv").close()
    assert old.read_text() == "yesterday"
    assert old.stat().st_mtime == 1
    assert list(tmp_path.iterdir()) == [old]


def test_a_write_after_the_end_does_not_begin_the_file_anew(tmp_path):
    file = ResultFile(tmp_path / "out.txt")
    file.write("all\n")
    file.close()
    with pytest.raises(AssertionError, match="after the end"):
        file.write("more\n")
    assert (tmp_path / "out.txt").read_text() == "all\n"


def test_a_link_to_a_file_that_is_not_there_yet_can_be_written(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    file = ResultFile(tmp_path / "link.csv")
    assert not (tmp_path / "target.csv").exists()
    file.write("now\n")
    file.close()
    assert (tmp_path / "target.csv").read_text() == "now\n"


def test_a_file_is_known_whatever_name_it_goes_by(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"video")
    (tmp_path / "link.csv").symlink_to(clip)
    (tmp_path / "hard.csv").hardlink_to(clip)
    for name in ("clip.mp4", "link.csv", "hard.csv", "../" + tmp_path.name + "/clip.mp4"):
        assert same_file(tmp_path / name, clip)
    assert not same_file(tmp_path / "out.csv", clip)


@pytest.mark.parametrize(("text", "left"), [("a\nb\nc", "a\nb\n"), ("a\nb\n", "a\nb\n"), ("abc", ""), ("", "")])
def test_a_torn_last_line_is_dropped(tmp_path, text, left):
    (tmp_path / "x").write_text(text)
    drop_torn_line(tmp_path / "x")
    assert (tmp_path / "x").read_text() == left


def test_a_long_torn_line_is_dropped(tmp_path):
    (tmp_path / "x").write_text("a\n" + "b" * 200_000)
    drop_torn_line(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "a\n"


def test_libraries_only_log(capsys, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    with Sinks([Fails(at=0)]) as sinks:
        sinks.write(result(0))
    assert capsys.readouterr() == ("", "")


def test_a_link_to_a_file_stays_a_link_when_the_file_is_replaced(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    replace_whole(tmp_path / "link", lambda unfinished: unfinished.write_text("new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
