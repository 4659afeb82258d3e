"""cache.py: each recording is watched once, whole or not at all, and again if it or the model is another."""

import os
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt import cache as rooms
from knowledge_spreader.realtime.adapt.cache import Watched, watch_recordings
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.options import Options
from tests.engines.conftest import SPEC
from tests.realtime.adapt.clips import piece
from tests.realtime.clips import write_clip, write_sound

N = 12


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings with a face and one without."""
    folder = tmp_path_factory.mktemp("videos")
    piece(folder / "a.mp4", range(N))
    piece(folder / "b.mp4", range(60, 60 + N))
    write_clip(folder / "nobody.mp4", 10)
    return folder


@pytest.fixture(scope="module")
def full(videos: Path, tiny_file: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of all three."""
    folder = tmp_path_factory.mktemp("full") / "cache"
    seen(videos, tiny_file, folder)
    return folder


def seen(videos: Path, model: ModelFile, cache: Path) -> tuple[Watched, list[str]]:
    """What was watched, and of which recordings it was computed now."""
    computed: list[str] = []
    options = Options(model=str(model.path), threads=1)
    found = watch_recordings(find_recordings([videos]), options, cache, lambda path, frames: computed.append(path.name))
    return found, list(dict.fromkeys(computed))


def test_a_recording_without_a_face_has_frames_and_no_rows_and_the_others_all(
    videos: Path, tiny_file: ModelFile, full: Path
) -> None:
    found, computed = seen(videos, tiny_file, full)
    assert computed == []
    assert np.bincount(found.faces.recording, minlength=3).tolist() == [N, N, 0]
    assert [len(frames) for frames in found.frames] == [N, N, 10]
    assert found.times_s[0] == pytest.approx(np.arange(N) / 25)
    assert found.faces.has_points.all()
    assert [block.shape for _, block in found.faces.token_blocks()] == [(N, feature_width(SPEC))] * 2


def test_no_face_in_any_recording_is_no_crash(videos: Path, tiny_file: ModelFile, full: Path) -> None:
    found, _ = seen(videos / "nobody.mp4", tiny_file, full)
    assert len(found.faces) == 0
    assert found.faces.widest().tolist() == []


def test_a_recording_that_changed_under_its_name_is_computed_anew(
    videos: Path, tiny_file: ModelFile, full: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(videos, tmp_path / "videos")
    cache = shutil.copytree(full, tmp_path / "cache")
    assert seen(own, tiny_file, cache)[1] == []
    piece(own / "a.mp4", range(100, 108))
    found, computed = seen(own, tiny_file, cache)
    assert computed == ["a.mp4"]
    assert len(found.frames[0]) == 8


def test_another_model_is_another_entry_and_own_heads_are_none(
    videos: Path, tiny_file: ModelFile, full: Path, tmp_path: Path
) -> None:
    from tests.engines.ks_file.test_own_heads import OWN

    graphs = {name: tiny_file.graph(name) for name in tiny_file.sha256}
    mine = write_model(tmp_path / "mine.ks", tiny_file.spec, graphs, tiny_file.torch_weights, {}, {}, own=OWN)
    assert seen(videos, mine, full)[1] == []
    quicker = write_model(
        tmp_path / "other.ks", tiny_file.spec, graphs, tiny_file.torch_weights, {"openvino": "fp32"}, {}
    )
    cache = shutil.copytree(full, tmp_path / "cache")
    assert seen(videos / "a.mp4", quicker, cache)[1] == ["a.mp4"]


@pytest.mark.parametrize("harm", ["rest cut", "rest spoilt", "tokens cut", "tokens missing", "nothing in it"])
def test_a_damaged_entry_is_computed_anew(
    videos: Path, tiny_file: ModelFile, full: Path, tmp_path: Path, harm: str
) -> None:
    cache = shutil.copytree(full, tmp_path / "cache")
    before, _ = seen(videos, tiny_file, cache)
    (entry,) = {path for path in cache.iterdir() if len((path / "tokens.f16").read_bytes())} - {
        path for path in cache.iterdir() if path.name != key_of(videos / "a.mp4", tiny_file)
    }
    rest, tokens = entry / "rest.npz", entry / "tokens.f16"
    data = rest.read_bytes()
    if harm == "rest cut":
        rest.write_bytes(data[: len(data) // 2])
    if harm == "rest spoilt":
        rest.write_bytes(bytes(255 - b if 100 < i < 400 else b for i, b in enumerate(data)))
    if harm == "tokens cut":
        os.truncate(tokens, tokens.stat().st_size // 2)
    if harm == "tokens missing":
        tokens.unlink()
    if harm == "nothing in it":
        rest.write_bytes(b"")
    after, computed = seen(videos, tiny_file, cache)
    assert computed == ["a.mp4"]
    assert (after.faces.crops == before.faces.crops).all()


def key_of(path: Path, model: ModelFile) -> str:
    return rooms._key(path, open_model(model.path), Options(model=str(model.path), threads=1))


def test_open_files_do_not_grow_with_recordings(videos: Path, tiny_file: ModelFile, full: Path) -> None:
    found, _ = seen(videos, tiny_file, full)
    opened = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    maps = Path("/proc/self/maps").read_text()
    assert not [name for name in [*opened, maps] if str(full) in name]
    assert len(found.faces.tokens) == 3


def test_what_a_killed_process_left_is_removed_after_an_hour_and_not_before(
    videos: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    entry = tmp_path / key_of(videos / "a.mp4", tiny_file)
    old, new = (entry.with_name(f".{entry.name}.{pid}") for pid in (1, 2))
    for folder in (old, new):
        folder.mkdir()
        (folder / "tokens.f16").write_bytes(b"half")
    for path in (old / "tokens.f16", old):
        os.utime(path, (0, 0))
    seen(videos / "a.mp4", tiny_file, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([new.name, entry.name])


def test_two_at_once_both_have_all(videos: Path, tiny_file: ModelFile, tmp_path: Path) -> None:
    found: list[int] = []

    def watch() -> None:
        found.append(len(seen(videos / "b.mp4", tiny_file, tmp_path)[0].faces))

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [N, N]


def test_who_comes_second_leaves_the_entry_that_others_may_be_reading(
    videos: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    seen(videos / "a.mp4", tiny_file, tmp_path)
    entry = tmp_path / key_of(videos / "a.mp4", tiny_file)
    first = (entry / "rest.npz").stat().st_ino
    rooms._put(shutil.copytree(entry, tmp_path / "second"), entry, tiny_file)
    assert (entry / "rest.npz").stat().st_ino == first
    (entry / "tokens.f16").write_bytes(b"half")
    rooms._put(tmp_path / "second", entry, tiny_file)
    assert (entry / "tokens.f16").stat().st_size > len(b"half")


def test_files_without_video_and_photographs_are_refused_before_anything_is_watched(
    videos: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    given, cache = shutil.copytree(videos, tmp_path / "videos"), tmp_path / "cache"
    write_sound(given / "z.mp4")
    with pytest.raises(DataError, match=r"z\.mp4: the file has no video track"):
        seen(given, tiny_file, cache)
    (given / "z.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"z\.mp4: this video cannot be decoded"):
        seen(given, tiny_file, cache)
    (given / "z.mp4").unlink()
    (given / "z").mkdir()
    for name, width in (("anna", 40), ("ben", 50), ("cleo", 60)):
        cv2.imwrite(str(given / f"z/{name}.png"), np.zeros((40, width, 3), np.uint8))
    with pytest.raises(DataError, match="these are photographs, each of its own moment"):
        seen(given, tiny_file, cache)
    assert not cache.exists()


def test_a_recording_that_breaks_off_is_refused_and_leaves_no_entry(
    videos: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    whole = piece(tmp_path / "whole.mkv", range(40)).read_bytes()
    broken = tmp_path / "videos/broken.mkv"
    broken.parent.mkdir()
    start, end = len(whole) // 3, len(whole) // 2
    broken.write_bytes(whole[:start] + np.random.default_rng(0).bytes(end - start) + whole[end:])
    with pytest.raises(DataError, match="mend the recording or leave it out"):
        seen(broken.parent, tiny_file, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_that_cannot_be_written_is_one_line(videos: Path, tiny_file: ModelFile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file/cache", Path("/proc/cache")):
        with pytest.raises(DataError, match=f"--cache {place}") as refused:
            seen(videos / "a.mp4", tiny_file, place)
        assert "\n" not in str(refused.value)


def test_frames_in_a_folder_are_called_by_the_number_in_their_name(
    tiny_file: ModelFile, videos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    video = cv2.VideoCapture(str(videos / "a.mp4"))
    for i in range(6):
        cv2.imwrite(str(folder / f"f_{10 + 5 * i:04d}.png"), video.read()[1])
    found, _ = seen(folder, tiny_file, tmp_path / "cache")
    assert found.frames[0].tolist() == [10, 15, 20, 25, 30, 35]
    assert found.faces.frame.tolist() == [0, 1, 2, 3, 4, 5]
