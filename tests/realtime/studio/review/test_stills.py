"""stills.py: every picture is the one that ks/frame_reader.py gives for its index, whatever the file."""

import random
import shutil
import struct
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.sources.video.packet_table import make_table
from knowledge_spreader.realtime.studio.review.stills import Stills
from tests.paths import SHARED
from tests.realtime.clips import write_clip
from tests.realtime.studio.review.pictures import CLIPS, N, told, write

VIDEOS = sorted(
    path.relative_to(SHARED)
    for room in ("faults", "media")
    for path in (SHARED / room).rglob("*")
    if path.suffix in (".mp4", ".avi", ".mkv", ".mov", ".mts", ".wmv", ".gif")
)


def mixed(n: int) -> list[int]:
    """Indices in the order of somebody who jumps, steps forward, and steps back."""
    jumps = [random.Random(0).randrange(n) for _ in range(20)]
    return [*jumps, *range(n // 2, min(n // 2 + 20, n)), *range(n - 1, max(n - 20, -1), -1), 0]


def assert_same(path: Path, stills: Stills) -> None:
    damaged: dict[int, DataError] = {}
    wanted = {index: told(picture) for index, picture in read_pictures(path, np.arange(400), damaged)}
    for index in mixed(max(wanted) + 1):
        if index in wanted:
            assert told(stills.picture(path, index)) == wanted[index], index
        else:
            with pytest.raises(DataError) as caught:
                stills.picture(path, index)
            assert str(caught.value) == str(damaged[index])


@pytest.mark.parametrize("name", CLIPS)
def test_a_still_is_the_picture_of_its_index(name: str, tmp_path: Path) -> None:
    clip = CLIPS[name]
    path = write(tmp_path / name, clip)
    table = make_table(path)
    assert (len(table.start) > 1) == clip.quick, (table.why_not, table.start)
    assert_same(path, Stills(kept_bytes=1))
    assert_same(path, Stills())


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS, ids=str)
def test_a_still_of_files_that_others_had_trouble_with_is_the_picture_of_its_index(name: Path) -> None:
    assert_same(SHARED / name, Stills(kept_bytes=1))


@pytest.mark.parametrize(("first", "n"), [(20, 50), (24, 12), (0, 30), (85, 5)])
def test_pictures_that_an_edit_list_hides_are_not_counted(tmp_path: Path, first: int, n: int) -> None:
    """A clip that was trimmed on a phone: ISO/IEC 14496-12, 8.6.6; here 12800 units a second, and B-frames' delay."""
    path = write(tmp_path / "a.mp4", CLIPS["b_frames.mp4"])
    whole = {told(picture): i for i, picture in read_pictures(path, np.arange(N))}
    data = path.read_bytes()
    at = data.index(b"elst") + 12
    path.write_bytes(data[:at] + struct.pack(">II", n * 40, 1024 + first * 512) + data[at + 8 :])
    table = make_table(path)
    stills = Stills(kept_bytes=1)
    assert not table.why_not
    shown = [whole[told(stills.picture(path, i))] for i in range(table.pictures)]
    assert shown == list(range(first, first + len(shown)))
    assert abs(len(shown) - n) <= 3
    assert_same(path, stills)
    assert not stills._open.popitem()[1]._video._found.why_not


def test_it_decodes_from_the_key_frame_and_not_from_the_beginning(tmp_path: Path, monkeypatch) -> None:
    from knowledge_spreader.realtime.sources.video import exact_video

    path = write(tmp_path / "b.mp4", CLIPS["b_frames.mp4"])
    wanted = dict(read_pictures(path, np.arange(N)))
    monkeypatch.setattr(exact_video, "read_pictures", None)
    stills = Stills()
    assert all((stills.picture(path, i) == wanted[i]).all() for i in mixed(N))


def test_a_damaged_picture_is_the_error_of_its_index_and_the_others_are_as_they_were(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "m.avi", CLIPS["mjpeg.avi"]).read_bytes())
    seventh = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"][6]  # each packet begins a JPEG
    data[seventh + 200 : seventh + 600] = b"\xff" * 400
    path = tmp_path / "damaged.avi"
    path.write_bytes(data)
    assert not make_table(path).why_not  # packets do not tell
    with pytest.raises(DataError, match=r"damaged\.avi: picture 6 is damaged"):
        Stills().picture(path, 6)
    assert_same(path, Stills())
    assert_same(path, Stills(kept_bytes=1))


def test_damage_within_h264_moves_no_picture_to_another_index(tmp_path: Path) -> None:
    """What is made up for damage differs from run to run, so only pictures of other groups are compared."""
    data = bytearray(write(tmp_path / "b.mp4", CLIPS["b_frames.mp4"]).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(255 - b for b in data[middle : middle + 60])
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    whole = dict(read_pictures(tmp_path / "b.mp4", np.arange(N)))
    same = {i for i, picture in read_pictures(path, np.arange(N), {}) if (picture == whole[i]).all()}
    assert 60 <= len(same) < N
    stills = Stills()
    assert all((stills.picture(path, i) == whole[i]).all() for i in mixed(N) if i in same)


def test_times_that_are_not_those_of_the_packets_end_the_trust_in_them_for_good(tmp_path: Path) -> None:
    path = write(tmp_path / "b.mp4", CLIPS["b_frames.mp4"])
    times_s = np.arange(N) / 25
    stills = Stills(tmp_path / "tables")
    assert stills.check_times(path, times_s)
    assert not stills.check_times(path, times_s[1:])
    assert not Stills(tmp_path / "tables").check_times(path, times_s)
    assert Stills().check_times(path, times_s)
    assert_same(path, stills)


def test_the_table_is_made_once_and_anew_for_another_file_of_the_name(tmp_path: Path, monkeypatch) -> None:
    from knowledge_spreader.realtime.sources.video import exact_video

    made = []
    make = exact_video.make_table
    monkeypatch.setattr(exact_video, "make_table", lambda path: made.append(path) or make(path))
    path = write(tmp_path / "a.mp4", CLIPS["b_frames.mp4"])
    for _ in range(2):
        Stills(tmp_path / "tables").picture(path, 3)
    assert len(made) == 1
    write(path, CLIPS["open_gop.mp4"])
    stills = Stills(tmp_path / "tables")
    assert_same(path, stills)
    assert len(made) == 2
    tables = list((tmp_path / "tables").iterdir())
    assert len(tables) == 2
    for table in tables:
        table.write_bytes(b"no table")
    assert_same(path, Stills(tmp_path / "tables"))


@pytest.mark.parametrize("damage", ["cut", "a byte", "its head alone", "one array", "an array less"])
def test_a_damaged_table_is_made_again(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a.mp4", CLIPS["b_frames.mp4"])
    before = told(Stills(tmp_path / "tables").picture(path, 3))
    (table,) = (tmp_path / "tables").iterdir()
    whole = table.read_bytes()
    middle = whole.index(b"NUMPY") + 20
    if damage == "one array":
        with table.open("wb") as file:
            np.save(file, np.zeros(3))
    elif damage == "an array less":
        np.savez(table, pictures=np.array(3))
    else:
        table.write_bytes(
            {
                "cut": whole[: len(whole) // 2],
                "a byte": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
                "its head alone": b"PK\x03\x04",
            }[damage]
        )
    assert told(Stills(tmp_path / "tables").picture(path, 3)) == before
    assert table.read_bytes() == whole


@pytest.mark.skipif(not (SHARED / "faults" / "anim.webp").exists(), reason="the shared data is not here")
def test_a_file_of_which_nothing_can_be_decoded_says_so_each_time() -> None:
    stills = Stills()
    for index in (2, 2, 0, 3):
        with pytest.raises(DataError, match=r"anim\.webp: this video cannot be decoded"):
            stills.picture(SHARED / "faults" / "anim.webp", index)


def test_an_index_beyond_the_end_and_a_missing_file_are_errors_of_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", CLIPS["b_frames.mp4"])
    for index in (N, N + 1000):
        with pytest.raises(DataError, match=f"picture {index} is wanted, but only {N} can be decoded"):
            Stills().picture(path, index)
    with pytest.raises(DataError, match="picture -1 is wanted"):
        Stills().picture(path, -1)
    with pytest.raises(DataError, match=r"gone\.mp4: cannot be read"):
        Stills().picture(tmp_path / "gone.mp4", 0)
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"no\.mp4: this video cannot be decoded"):
        Stills().picture(tmp_path / "no.mp4", 0)


def test_a_folder_of_pictures_goes_by_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (5, 100, 20):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    assert [int(Stills().picture(folder, i)[0, 0, 0]) for i in range(3)] == [5, 20, 100]
    with pytest.raises(DataError, match="picture 3 is wanted, but the folder has 3"):
        Stills().picture(folder, 3)


def test_a_jpeg_is_the_picture_and_no_wider_than_asked() -> None:
    stills = Stills()
    picture = stills.picture(demo_clip(), 100)
    height, width = picture.shape[:2]
    whole = cv2.imdecode(np.frombuffer(stills.jpeg(demo_clip(), 100), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert whole.shape == picture.shape
    assert np.abs(whole.astype(int) - picture).mean() < 3
    small = cv2.imdecode(np.frombuffer(stills.jpeg(demo_clip(), 100, 100), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (round(height * 100 / width), 100, 3)


def test_many_at_once_all_get_theirs(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.mp4", CLIPS["b_frames.mp4"]) for i in range(1)]
    paths += [Path(shutil.copy(paths[0], tmp_path / f"copy{i}.mp4")) for i in range(4)]  # more than are kept open
    wanted = dict(read_pictures(paths[0], np.arange(N)))
    stills, wrong = Stills(kept_bytes=1), []

    def look(seed: int) -> None:
        pick = random.Random(seed)
        for _ in range(30):
            path, index = pick.choice(paths), pick.randrange(N)
            if not (stills.picture(path, index) == wanted[index]).all():
                wrong.append((path, index))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    stills.close()


def test_no_more_than_so_many_bytes_are_kept(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 60, size=(320, 240))
    stills = Stills(kept_bytes=10 * 320 * 240 * 3 // 2)
    for index in range(60):
        stills.picture(path, index)
    assert 5 <= len(stills._kept._stills) <= 10
