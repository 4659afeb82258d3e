"""clips.crop_cache: crops are made once, anew when something changed or is damaged, and are read in flat memory."""

import os
import pickle
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import knowledge_spreader.clips.crop_cache
from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.errors import DataError
from tests.ks.clips.small_videos import SIDE, contents, faceless, folder_of_images, make, video

# ---- once, and anew when something changed


def times(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if p.is_dir()}


def test_crops_are_made_once(tmp_path):
    videos = [video(folder_of_images(tmp_path / name), range(6)) for name in "ab"]
    first = make(videos, tmp_path / "cache")
    before = times(tmp_path / "cache")
    second = make(videos[::-1], tmp_path / "cache")
    assert times(tmp_path / "cache") == before
    assert [c.path for c in first] == [c.path for c in second][::-1]


def test_the_same_pictures_under_two_names_share_one_entry(tmp_path):
    images = folder_of_images(tmp_path / "v")
    a, b = make([video(images, range(6), name="a"), video(images, range(6), name="b")], tmp_path / "cache")
    assert a.path == b.path


@pytest.mark.parametrize("change", ["side", "pictures", "source", "mtime", "aligned"])
def test_what_changes_the_crops_changes_the_entry(tmp_path, change, monkeypatch):
    images = folder_of_images(tmp_path / "v")
    one = video(images, range(6))
    (before,) = make([one], tmp_path / "cache")
    if change == "side":
        (after,) = make([one], tmp_path / "cache", side_px=40)
    elif change == "pictures":
        (after,) = make([video(images, range(5))], tmp_path / "cache")
    elif change == "source":
        (after,) = make([video(folder_of_images(tmp_path / "w"), range(6))], tmp_path / "cache")
    elif change == "mtime":
        os.utime(images / "0003.png", ns=(1, 1))
        (after,) = make([one], tmp_path / "cache")
    else:
        faceless(monkeypatch)
        (after,) = make([one], tmp_path / "cache", aligned=False)
    assert after.path != before.path
    assert before.path.exists()


@pytest.mark.parametrize("change", [{"fps": 30.0}, {"face_model": "b"}, {"frames": range(1, 13, 2)}, {"version": 2}])
def test_what_changes_finding_or_damping_changes_the_entry_unless_the_pictures_are_aligned(
    tmp_path, monkeypatch, change
):
    faceless(monkeypatch)
    images = folder_of_images(tmp_path / "v")
    frames, version = change.pop("frames", range(6)), change.pop("version", 1)
    for aligned in (True, False):
        (before,) = make([video(images, range(6))], tmp_path / "cache", aligned=aligned, face_model="a")
        with monkeypatch.context() as patch:
            patch.setattr(knowledge_spreader.clips.crop_cache, "CROP_VERSION", version)
            options = {"face_model": "a", **change}
            (after,) = make([video(images, range(6), frames)], tmp_path / "cache", aligned=aligned, **options)
        assert (after.path == before.path) is aligned


# ---- damage and trouble


@pytest.mark.parametrize("damage", ["short", "long", "no meta", "broken meta", "no found", "broken found", "no crops"])
def test_damaged_crops_are_made_anew_with_a_warning(tmp_path, caplog, damage):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    (crops,) = make([one], tmp_path / "cache")
    whole = contents(tmp_path / "cache")
    kind, name = damage.split() if " " in damage else (damage, "crops")
    path = crops.path.with_name({"meta": "meta.json", "found": "found.npy", "crops": "crops.u8"}[name])
    data = path.read_bytes()
    if kind == "no":
        path.unlink()
    else:
        path.write_bytes({"short": data[:-1], "long": data + b"x", "broken": data[: len(data) // 2]}[kind])
    (again,) = make([one], tmp_path / "cache")
    assert "are damaged" in caplog.text
    assert contents(tmp_path / "cache") == whole
    np.testing.assert_array_equal(
        again.read(np.arange(6)), np.frombuffer(whole_crops(whole), np.uint8).reshape(6, SIDE, SIDE, 3)
    )


def whole_crops(files):
    (data,) = (data for name, data in files.items() if name.endswith("crops.u8"))
    return data


def test_too_little_disk_is_said_before_the_work_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 1_000))
    with pytest.raises(DataError, match=r"6 frames need 0\.0 GB, 0\.0 GB are free; .*--cache"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_what_is_there_already_needs_no_disk(tmp_path, monkeypatch):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    make([one], tmp_path / "cache")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    make([one], tmp_path / "cache")


def test_pictures_out_of_order_are_refused(tmp_path):
    with pytest.raises(DataError, match="increasing order"):
        make([video(folder_of_images(tmp_path / "v"), [2, 1], frames=[1, 2])], tmp_path / "cache")


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--cache"):
        make([], tmp_path / "file" / "cache")


# ---- reading


@pytest.fixture
def numbered(tmp_path):
    """300 crops of 4 x 4 px, each filled with its row modulo 256."""
    path = tmp_path / "crops.u8"
    path.write_bytes(b"".join(bytes([i % 256]) * 48 for i in range(300)))
    return VideoCrops(path, 4, np.ones(300, bool))


@pytest.mark.parametrize("rows", [[0], [299], [5, 6, 7], [7, 6, 5], [0, 0, 0, 1, 2], [298, 299, 0, 1, 150]])
def test_rows_come_in_the_order_asked_for(numbered, rows):
    for dtype in (np.int32, np.int64):
        read = numbered.read(np.array(rows, dtype))
        assert read.shape == (len(rows), 4, 4, 3)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read[:, 0, 0, 0], np.array(rows) % 256)
        np.testing.assert_array_equal(read.min((1, 2, 3)), read.max((1, 2, 3)))


def test_rows_can_be_read_into_a_part_of_an_array(numbered):
    batch = np.zeros((3, 2, 4, 4, 3), np.uint8)
    numbered.read_into(np.array([7, 9]), batch[1])
    assert batch[:, :, 0, 0, 0].tolist() == [[0, 0], [7, 9], [0, 0]]


@pytest.mark.parametrize("rows", [[-1], [300], [0, 1000]])
def test_rows_that_are_not_there_are_refused(numbered, rows):
    with pytest.raises(DataError, match="rows must be 0 to 299"):
        numbered.read(np.array(rows))


def test_a_file_that_ends_early_or_is_gone_is_refused(tmp_path):
    path = tmp_path / "crops.u8"
    path.write_bytes(bytes(47))
    with pytest.raises(DataError, match="end early"):
        VideoCrops(path, 4, np.ones(1, bool)).read(np.array([0]))
    with pytest.raises(DataError, match="cannot be read"):
        VideoCrops(tmp_path / "gone", 4, np.ones(1, bool)).read(np.array([0]))


def test_a_video_without_frames_has_no_crops(tmp_path):
    (crops,) = make([video(folder_of_images(tmp_path / "v"), [])], tmp_path / "cache")
    assert crops.read(np.array([], np.int32)).shape == (0, SIDE, SIDE, 3)


def test_a_bounded_number_of_files_stays_open(tmp_path):
    many = []
    for i in range(200):
        path = tmp_path / f"{i}.u8"
        path.write_bytes(bytes([i]) * 48)
        many.append(VideoCrops(path, 4, np.ones(1, bool)))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(2):
        for i, crops in enumerate(many):
            assert crops.read(np.array([0]))[0, 0, 0, 0] == i
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 64


@pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork:DeprecationWarning")  # the point of the test
def test_processes_that_fork_with_files_open_do_not_disturb_each_other(numbered):
    numbered.read(np.array([17]))
    children = []
    for seed in range(4):
        pid = os.fork()
        if not pid:
            rows = np.random.default_rng(seed).integers(0, 300, 2000)
            right = all(
                (numbered.read(rows[i : i + 5])[:, 0, 0, 0] == rows[i : i + 5] % 256).all() for i in range(0, 2000, 5)
            )
            os._exit(0 if right else 1)
        children.append(pid)
    rows = np.random.default_rng(9).integers(0, 300, 2000)
    for i in range(0, 2000, 5):
        np.testing.assert_array_equal(numbered.read(rows[i : i + 5])[:, 0, 0, 0], rows[i : i + 5] % 256)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4


def test_crops_survive_pickling_for_worker_processes(numbered):
    copy = pickle.loads(pickle.dumps(replace(numbered)))
    np.testing.assert_array_equal(copy.read(np.array([3])), numbered.read(np.array([3])))


def test_reading_five_thousand_clips_of_a_big_file_keeps_memory_flat(tmp_path):
    """1.1 GB of crops, sparse on disk; 5,000 clips of 5 frames are 0.7 GB."""
    n = 40_000
    path = tmp_path / "crops.u8"
    with path.open("wb") as file:
        file.truncate(n * 96 * 96 * 3)
    crops = VideoCrops(path, 96, np.ones(n, bool))
    starts = np.random.default_rng(0).integers(0, n - 5, 5000)
    crops.read(np.arange(5))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start_row in starts:
        crops.read(np.arange(start_row, start_row + 5))
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 50
