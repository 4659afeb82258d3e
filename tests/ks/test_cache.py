"""ks.cache: crops are made once, survive kills and damage, and are read in flat memory."""

import csv
import json
import logging
import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import ks.cache
from ks.cache import VideoCrops, crop_videos
from ks.crop import transform
from ks.datasets.types import Video
from ks.errors import DataError, KSError, MissingError, ModelError
from ks.faces import DetectedFace

SHARED = Path(__file__).parents[3] / "shared" / "data"
MODEL = SHARED / "models" / "blaze_face_short_range.tflite"
CLIP = SHARED / "media" / "pyfeat_face_noface.mov"  # a face in pictures 0 to 71, then a drawn film
needs_media = pytest.mark.skipif(not (MODEL.is_file() and CLIP.is_file()), reason=f"no face model or clip in {SHARED}")
SIDE = 32


def video(source, pictures, frames=None, name=None):
    pictures = np.asarray(pictures, np.int32)
    frames = pictures if frames is None else np.asarray(frames, np.int32)
    return Video(name or source.name, "S1", source, frames, pictures, np.zeros((len(frames), 2), np.int8))


def folder_of_images(path, n=6, side=48, seed=0):
    """Lossless squares of noise."""
    path.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        cv2.imwrite(str(path / f"{i:04d}.png"), rng.integers(0, 256, (side, side, 3), np.uint8))
    return path


def make(videos, folder, *, side_px=SIDE, aligned=True, fps=25.0, workers=0, face_model=""):
    return crop_videos(
        videos, folder, side_px, aligned=aligned, face_model=face_model, fps=fps, workers=workers, progress=False
    )


def contents(folder):
    """Bytes of all files below a folder, by name; a format that would hide a difference in neither names nor data."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def times(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if p.is_dir()}


# ---- aligned pictures


def test_aligned_pictures_are_only_resized_and_row_i_is_frame_i(tmp_path):
    images = folder_of_images(tmp_path / "v")
    (crops,) = make([video(images, [0, 2, 3, 5], frames=[10, 12, 13, 15])], tmp_path / "cache")
    assert crops.found.tolist() == [True] * 4
    for row, picture in enumerate([0, 2, 3, 5]):
        image = cv2.cvtColor(cv2.imread(str(images / f"{picture:04d}.png")), cv2.COLOR_BGR2RGB)
        expected = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(crops.read(np.array([row]))[0], expected)


def test_aligned_pictures_of_the_right_size_keep_every_byte(tmp_path):
    images = folder_of_images(tmp_path / "v", side=SIDE)
    (crops,) = make([video(images, range(6))], tmp_path / "cache")
    expected = [cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB) for p in sorted(images.iterdir())]
    np.testing.assert_array_equal(crops.read(np.arange(6)), expected)


def test_pictures_that_are_not_square_are_named(tmp_path):
    images = tmp_path / "v"
    images.mkdir()
    cv2.imwrite(str(images / "7.png"), np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(DataError, match=r"7\.png is 40 x 30 px; aligned pictures are squares") as error:
        make([video(images, [0])], tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_pictures_of_mixed_size_are_named(tmp_path):
    images = folder_of_images(tmp_path / "v", n=2)
    cv2.imwrite(str(images / "0002.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DataError, match=r"0002\.png"):
        make([video(images, range(3))], tmp_path / "cache")


def test_aligned_pictures_need_no_face_model(tmp_path, monkeypatch):
    monkeypatch.setattr(ks.cache, "find_face_model", lambda path: pytest.fail("asked for a face model"))
    make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")


# ---- once, and anew when something changed


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
            patch.setattr(ks.cache, "CROP_VERSION", version)
            options = {"face_model": "a", **change}
            (after,) = make([video(images, range(6), frames)], tmp_path / "cache", aligned=aligned, **options)
        assert (after.path == before.path) is aligned


def faceless(monkeypatch):
    """Stands in for the face finder: sees nothing. The model's path counts as its checksum."""
    fake_finder(monkeypatch, lambda picture, near: [])


def fake_finder(monkeypatch, find):
    class Fake:
        def __init__(self, model):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def find(self, picture, near=None):
            return find(picture, near)

    monkeypatch.setattr(ks.cache, "FaceDetector", Fake)
    monkeypatch.setattr(ks.cache, "find_face_model", lambda path: Path(path or "model"))
    monkeypatch.setattr(ks.cache, "model_identity", str)


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


def test_a_disk_that_fills_up_is_a_data_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    images = folder_of_images(tmp_path / "v")
    read = ks.cache.read_pictures

    def growing(source, wanted):
        yield from read(source, wanted)
        (images / "0009.png").write_bytes(b"more")

    monkeypatch.setattr(ks.cache, "read_pictures", growing)
    with pytest.raises(DataError, match=r"v: .* changed while it was read"):
        make([video(images, range(6))], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_source_with_fewer_pictures_than_asked_for_is_named_with_the_numbers(tmp_path):
    with pytest.raises(DataError, match=r"^P1: .*v: picture 6 .* 6"):
        make([video(folder_of_images(tmp_path / "v"), range(9), name="P1")], tmp_path / "cache")


def test_a_reader_that_stops_early_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(ks.cache, "read_pictures", lambda source, wanted: iter([(0, np.zeros((9, 9, 3), np.uint8))]))
    with pytest.raises(DataError, match=r"v: .* gave 1 of the 6 pictures"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")


@pytest.mark.parametrize("source", ["nowhere.mp4", "text.mp4"])
def test_a_video_that_cannot_be_read_is_named(tmp_path, source):
    (tmp_path / "text.mp4").write_text("this is no video")
    with pytest.raises(DataError, match=source):
        make([video(tmp_path / source, range(3))], tmp_path / "cache")


def test_pictures_out_of_order_are_refused(tmp_path):
    with pytest.raises(DataError, match="increasing order"):
        make([video(folder_of_images(tmp_path / "v"), [2, 1], frames=[1, 2])], tmp_path / "cache")


def test_damping_without_a_frame_rate_is_refused(tmp_path):
    with pytest.raises(DataError, match="--fps"):
        make([], tmp_path, aligned=False, fps=0.0)


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--cache"):
        make([], tmp_path / "file" / "cache")


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


def test_a_draft_that_another_run_swept_away_before_it_was_locked_is_begun_anew(tmp_path, monkeypatch):
    swept = []

    def sweep_first(file, how):
        if not swept:
            swept.append(Path(file.name).parent)
            shutil.rmtree(swept[0])

    monkeypatch.setattr(ks.cache.fcntl, "flock", sweep_first)
    (crops,) = make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert swept
    assert crops.read(np.array([5])).any()


def test_an_entry_that_another_run_finished_meanwhile_is_kept(tmp_path, monkeypatch):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    (theirs,) = make([one], tmp_path / "theirs")
    sync = ks.cache._sync

    def finished_meanwhile(path):
        if path.name == "crops.u8":
            shutil.copytree(theirs.path.parent, tmp_path / "ours" / theirs.path.parent.name)
        sync(path)

    monkeypatch.setattr(ks.cache, "_sync", finished_meanwhile)
    make([one], tmp_path / "ours")
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")


def test_a_video_without_frames_has_no_crops(tmp_path):
    (crops,) = make([video(folder_of_images(tmp_path / "v"), [])], tmp_path / "cache")
    assert crops.read(np.array([], np.int32)).shape == (0, SIDE, SIDE, 3)


# ---- which face, and when the filter starts afresh


def face_at(x, y=50.0, size=20.0):
    points = np.array(
        [(-0.25, -0.2), (0.25, -0.2), (0, 0.05), (0, 0.3), (-0.5, 0), (0.5, 0)], np.float32
    ) * size + np.array([x, y], np.float32)
    half = size / 2
    return DetectedFace((x - half, y - half, x + half, y + half), points.astype(np.float32), 0.9)


def follow(tmp_path, monkeypatch, script, frames=None, fps=25.0):
    """Runs the crops of a video whose frame i shows the faces script[i]; returns found and damped points."""
    images = folder_of_images(tmp_path / "v", n=len(script), side=100)
    shown = {
        cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB).tobytes(): i for i, p in enumerate(sorted(images.iterdir()))
    }
    looks = []

    def find(picture, near):
        i = shown[picture.tobytes()]
        looks.append((i, near))
        faces = sorted(script[i], key=lambda f: f.box_xyxy_px[0] - f.box_xyxy_px[2])
        return faces if near is None else [f for f in faces if ks.cache.overlap(f.box_xyxy_px, near) > 0.2][:1]

    fake_finder(monkeypatch, find)
    (crops,) = make([video(images, range(len(script)), frames)], tmp_path / "cache", aligned=False, fps=fps)
    return crops, np.load(crops.path.with_name("points.npy")), looks


def test_the_largest_face_is_taken_first_and_kept_when_a_larger_one_comes(tmp_path, monkeypatch):
    script = [[face_at(30, size=20), face_at(70, size=12)]] + [[face_at(30, size=20), face_at(70, size=40)]] * 3
    crops, points, _ = follow(tmp_path, monkeypatch, script)
    assert crops.found.all()
    np.testing.assert_allclose(points[:, 2, 0], 30, atol=1e-5)


def test_a_lost_face_is_found_again_where_it_was_even_beside_a_larger_one(tmp_path, monkeypatch):
    script = [[face_at(30)], [], [face_at(31), face_at(70, size=40)]]
    crops, points, _ = follow(tmp_path, monkeypatch, script)
    assert crops.found.tolist() == [True, False, True]
    assert 30 < points[2, 2, 0] < 31.01  # damped on: 0.08 s is no gap


def test_a_face_elsewhere_starts_the_filter_afresh(tmp_path, monkeypatch):
    _, points, _ = follow(tmp_path, monkeypatch, [[face_at(30)], [face_at(80)]])
    np.testing.assert_array_equal(points[1], face_at(80).points_px)


@pytest.mark.parametrize(("frames", "fresh"), [([1, 2, 3], False), ([1, 2, 4], True)])
def test_a_gap_in_the_frame_numbers_starts_filter_and_search_afresh(tmp_path, monkeypatch, frames, fresh):
    _, points, looks = follow(tmp_path, monkeypatch, [[face_at(30)], [face_at(30)], [face_at(31)]], frames)
    assert (points[2] == face_at(31).points_px).all() == fresh
    assert (looks[2][1] is None) == fresh


@pytest.mark.parametrize(("lost", "fresh"), [(10, False), (14, True)])
def test_a_face_lost_for_more_than_half_a_second_starts_the_filter_afresh(tmp_path, monkeypatch, lost, fresh):
    script = [[face_at(30)], *[[]] * lost, [face_at(31)]]  # at 25 frames per second
    crops, points, _ = follow(tmp_path, monkeypatch, script)
    assert (points[-1] == face_at(31).points_px).all() == fresh
    assert np.isnan(points[1:-1]).all()
    assert crops.found.sum() == 2


def test_frames_without_a_face_are_zeros_and_are_listed_for_the_videos_asked_for(tmp_path, monkeypatch):
    script = [[face_at(50)], [], [face_at(50)], []]
    crops, _, _ = follow(tmp_path, monkeypatch, script, frames=[3, 4, 8, 9])
    assert crops.found.tolist() == [True, False, True, False]
    assert crops.read(np.array([0, 2])).any()
    assert not crops.read(np.array([1, 3])).any()
    with (tmp_path / "cache" / "no_face.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["video", "frame"], ["v", "4"], ["v", "9"]]
    make([video(folder_of_images(tmp_path / "w"), range(2))], tmp_path / "cache")
    assert (tmp_path / "cache" / "no_face.csv").read_text().split() == ["video,frame"]


# ---- real clips, processes, kills


@needs_media
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_real_clip_gives_the_same_bytes_each_time_in_any_process(tmp_path, workers):
    videos = [video(CLIP, range(60, 78), name="a"), video(CLIP, range(5, 30, 2), name="b")]
    options = {"aligned": False, "face_model": str(MODEL), "fps": 30.0}
    here = make(videos, tmp_path / "here", **options)
    make(videos, tmp_path / "there", **options, workers=workers)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert here[0].found.tolist() == [True] * 12 + [False] * 6  # picture 72 is the first of the drawn film
    meta = json.loads(here[0].path.with_name("meta.json").read_text())
    assert (meta["video"], meta["frames"], meta["found"], meta["crop_version"]) == ("a", 18, 12, 1)


@needs_media
@pytest.mark.slow
def test_on_a_real_clip_the_face_trembles_by_less_than_a_pixel_and_a_smile_does_not_shrink_it(tmp_path):
    """The clip: a face that hardly moves, neutral, then a broad smile from picture 20 on."""
    (crops,) = make([video(CLIP, range(72))], tmp_path, side_px=224, aligned=False, face_model=str(MODEL), fps=30.0)
    grey = crops.read(np.arange(72)).astype(np.float32).mean(-1)[:, 30:110, 50:174]  # brows to nose
    steps = [np.linalg.norm(cv2.phaseCorrelate(a.copy(), b.copy())[0]) for a, b in pairwise(grey)]
    assert np.median(steps) < 0.7
    assert np.percentile(steps, 90) < 1.0
    eye_distance = []
    for points in np.load(crops.path.with_name("points.npy")):
        matrix = transform(points, 224)
        eye_distance.append(np.linalg.norm(matrix[:, :2] @ (points[1] - points[0])))
    assert np.mean(eye_distance[25:60]) == pytest.approx(np.mean(eye_distance[:10]), rel=0.01)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_one_video_ends_the_run_and_keeps_what_is_finished(tmp_path, workers):
    good = video(folder_of_images(tmp_path / "good", n=8), range(8))
    bad = video(folder_of_images(tmp_path / "bad", n=2), range(3))
    with pytest.raises(DataError, match=r"^bad: "):
        make([good, bad], tmp_path / "cache", workers=workers)
    left = [p for p in (tmp_path / "cache").iterdir() if p.is_dir()]
    assert all("tmp" not in p.name for p in left)
    if workers == 1:
        assert len(left) == 1
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("kind", [KSError, DataError, ModelError, MissingError])
def test_errors_cross_from_a_worker_unchanged(kind):
    back = pickle.loads(pickle.dumps(kind("a: b; c")))
    assert type(back) is kind
    assert str(back) == "a: b; c"


RUN = """
import sys
if __name__ == "__main__":  # nothing above: each worker reads this file too
    sys.path.insert(0, sys.argv[1])
    from pathlib import Path
    from test_cache import make, video
    root = Path(sys.argv[2])
    videos = [video(p, range(6)) for p in sorted((root / "in").iterdir())]
    make(videos, root / "cache", side_px=384, workers=int(sys.argv[3]))
"""


def start(tmp_path, workers):
    (tmp_path / "in").mkdir()
    for i in range(40):
        folder_of_images(tmp_path / "in" / f"v{i:02d}", seed=i)
    (tmp_path / "run.py").write_text(RUN)
    command = [sys.executable, str(tmp_path / "run.py"), str(Path(__file__).parent), str(tmp_path), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)


def finished(cache):
    return {p.name for p in cache.glob("*") if p.is_dir() and "tmp" not in p.name}


def until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what


def session_is_empty(leader):
    """Whether all processes that a start_new_session leader began have ended."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended this moment
            state, _, _, session = stat.read_text().rpartition(") ")[2].split()[:4]
            if int(session) == leader and state != "Z":
                return False
    return True


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_after_sigkill_the_rest_is_made_and_all_is_as_if_nothing_had_happened(tmp_path, workers):
    cache = tmp_path / "cache"
    run = start(tmp_path, workers)
    until(lambda: len(finished(cache)) >= 3 or run.poll() is not None, "nothing was made")
    run.kill()
    run.communicate()
    until(lambda: session_is_empty(run.pid), "workers outlived their parent")
    kept = {name: (cache / name / "crops.u8").stat().st_mtime_ns for name in finished(cache)}
    assert 3 <= len(kept) < 40
    videos = [video(p, range(6)) for p in sorted((tmp_path / "in").iterdir())]
    make(videos, cache, side_px=384)
    assert {name: (cache / name / "crops.u8").stat().st_mtime_ns for name in kept} == kept
    make(videos, tmp_path / "at once", side_px=384)
    assert contents(cache) == contents(tmp_path / "at once")


def test_ctrl_c_ends_all_processes_and_keeps_what_is_finished(tmp_path):
    run = start(tmp_path, 2)
    until(lambda: len(finished(tmp_path / "cache")) >= 2 or run.poll() is not None, "nothing was made")
    os.killpg(run.pid, signal.SIGINT)
    error = run.communicate(timeout=60)[1].decode()
    assert run.returncode == -signal.SIGINT
    assert error.count("Traceback") == 1  # the parent's; workers end in silence
    until(lambda: session_is_empty(run.pid), "workers outlived their parent")
    assert len(finished(tmp_path / "cache")) >= 2
    assert not list((tmp_path / "cache").glob("*.tmp-*"))


def test_a_worker_that_is_killed_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(ks.cache, "_crop_video", kill_myself)
    videos = [video(folder_of_images(tmp_path / name), range(6)) for name in "ab"]
    with pytest.raises(KSError, match="fewer than 2 workers"):
        make(videos, tmp_path / "cache", workers=2)
    assert not multiprocessing.active_children()


def kill_myself(job, tick):
    os.kill(os.getpid(), signal.SIGKILL)


def test_speed_and_amount_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "ks.cache"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")
    assert "cropped 6 frames of 1 videos in" in caplog.text
    assert "frames/s" in caplog.text


def test_without_a_terminal_nothing_is_drawn(tmp_path, capfd):
    one = video(folder_of_images(tmp_path / "v"), range(6))
    crop_videos([one], tmp_path / "c", SIDE, aligned=True, face_model="", fps=25.0, workers=0, progress=True)
    assert capfd.readouterr() == ("", "")


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


@pytest.mark.parametrize("rows", [[-1], [300], [0, 1000]])
def test_rows_that_are_not_there_are_refused(numbered, rows):
    with pytest.raises(DataError, match="rows are 0 to 299"):
        numbered.read(np.array(rows))


def test_a_file_that_ends_early_or_is_gone_is_refused(tmp_path):
    path = tmp_path / "crops.u8"
    path.write_bytes(bytes(47))
    with pytest.raises(DataError, match="end early"):
        VideoCrops(path, 4, np.ones(1, bool)).read(np.array([0]))
    with pytest.raises(DataError, match="cannot be read"):
        VideoCrops(tmp_path / "gone", 4, np.ones(1, bool)).read(np.array([0]))


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
