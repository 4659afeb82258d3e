"""clips.crop_cache_writer: an entry is whole or not there, whoever else is at work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import knowledge_spreader.clips.crop_cache_writer
from knowledge_spreader.errors import DataError
from tests.ks.clips.small_videos import contents, folder_of_images, make, video


def test_a_disk_that_fills_up_is_a_data_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_leftovers_of_killed_writers_go_and_drafts_of_living_ones_stay(tmp_path):
    cache = tmp_path / "cache"
    for name in ("dead", "alive"):
        (cache / f"{name}.tmp-1-0").mkdir(parents=True)
        (cache / f"{name}.tmp-1-0" / "crops.u8").write_bytes(b"123")
    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(cache / "alive.tmp-1-0" / "crops.u8")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline()
        make([], cache)
        assert [p.name for p in cache.iterdir() if p.is_dir()] == ["alive.tmp-1-0"]
        writer.kill()
    make([], cache)
    assert not [p for p in cache.iterdir() if p.is_dir()]


@pytest.mark.parametrize("left", [[], ["found.npy"], ["crops.u8", "found.npy"]])
def test_a_leftover_goes_whatever_its_writer_had_got_to_or_had_removed_again(tmp_path, left):
    draft = tmp_path / "key.tmp-1-0"
    draft.mkdir()
    for name in left:
        (draft / name).write_bytes(b"1")
    make([], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["no_face.csv"]


def test_a_draft_that_another_run_swept_away_before_it_held_a_file_is_begun_anew(tmp_path, monkeypatch):
    mkdir, swept = Path.mkdir, []

    def sweep_first(path, *args, **options):
        mkdir(path, *args, **options)
        if ".tmp-" in path.name and not swept:
            knowledge_spreader.clips.crop_cache_writer.remove_leftovers(path.parent)
            swept.append(path)
            assert not path.exists()

    images = folder_of_images(tmp_path / "v")
    monkeypatch.setattr(Path, "mkdir", sweep_first)
    (crops,) = make([video(images, range(6))], tmp_path / "cache")
    assert swept
    assert crops.read(np.array([5])).any()


def test_a_draft_that_another_run_swept_away_before_it_was_locked_is_begun_anew(tmp_path, monkeypatch):
    swept = []

    def sweep_first(file, how):
        if not swept:
            swept.append(Path(file.name).parent)
            shutil.rmtree(swept[0])

    monkeypatch.setattr(knowledge_spreader.clips.crop_cache_writer.fcntl, "flock", sweep_first)
    (crops,) = make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert swept
    assert crops.read(np.array([5])).any()


def test_an_entry_that_another_run_finished_meanwhile_is_kept(tmp_path, monkeypatch):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    (theirs,) = make([one], tmp_path / "theirs")
    sync = knowledge_spreader.clips.crop_cache_writer._sync

    def finished_meanwhile(path):
        if path.name == "crops.u8":
            shutil.copytree(theirs.path.parent, tmp_path / "ours" / theirs.path.parent.name)
        sync(path)

    monkeypatch.setattr(knowledge_spreader.clips.crop_cache_writer, "_sync", finished_meanwhile)
    make([one], tmp_path / "ours")
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")
