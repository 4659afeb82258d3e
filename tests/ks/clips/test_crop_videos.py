"""clips.crop_videos: which face is cropped, how aligned pictures are resized, and what sources are refused."""

import csv
import json
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

import knowledge_spreader.clips.crop_videos
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import transform
from knowledge_spreader.face.detector import DetectedFace, overlap
from knowledge_spreader.face.detector_weights import find_face_model
from tests.ks.clips.small_videos import SIDE, contents, fake_finder, folder_of_images, make, video
from tests.paths import SHARED

MODEL = find_face_model(None)
CLIP = SHARED / "media" / "pyfeat_face_noface.mov"  # a face in pictures 0 to 71, then a drawn film
needs_media = pytest.mark.skipif(not CLIP.is_file(), reason=f"no clip in {SHARED}")


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
    with pytest.raises(DataError, match=r"7\.png is 40 x 30 px; aligned pictures must be squares") as error:
        make([video(images, [0])], tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_a_picture_of_another_size_is_left_out_and_named(tmp_path, caplog):
    images = folder_of_images(tmp_path / "v", n=5)
    cv2.imwrite(str(images / "0002.png"), np.zeros((64, 64, 3), np.uint8))
    (crops,) = make([video(images, range(5))], tmp_path / "cache")
    assert crops.found.tolist() == [True, True, False, True, True]
    assert "0002.png is 64 x 64 px" in caplog.text


# ---- pictures that cannot be read


def damage(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("aligned", [True, False])
def test_a_damaged_image_is_left_out_counted_and_named(tmp_path, monkeypatch, caplog, aligned):
    fake_finder(monkeypatch, lambda picture, near: [face_at(24)])
    images = [folder_of_images(tmp_path / name, n=8) for name in "abc"]
    for path in (images[0] / "0003.png", images[0] / "0004.png", images[2] / "0000.png"):
        damage(path)
    videos = [video(path, range(8), frames=range(10, 18)) for path in images]
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        crops = make(videos, tmp_path / "cache", aligned=aligned)
        assert crops[0].found.tolist() == [True] * 3 + [False] * 2 + [True] * 3
        assert crops[1].found.all()
        assert crops[2].found.tolist() == [False] + [True] * 7
        said = [record.message for record in caplog.records if "cannot be read" in record.message]
        assert len(said) == 1
        assert said[0].startswith("3 pictures of 2 recordings cannot be read and are left out, the first in a: ")
        assert "0003.png" in said[0]
    with (tmp_path / "cache" / "unreadable.csv").open(newline="") as file:
        assert [row[:2] for row in csv.reader(file)] == [["video", "frame"], ["a", "13"], ["a", "14"], ["c", "10"]]
    assert (tmp_path / "cache" / "no_face.csv").read_text().split() == ["video,frame"]
    make(videos[1:2], tmp_path / "cache", aligned=aligned)
    assert not (tmp_path / "cache" / "unreadable.csv").exists()  # it tells of the last run


@pytest.mark.parametrize(("lost", "refused"), [(3, False), (4, True), (8, True)])
def test_a_recording_of_which_half_cannot_be_read_is_refused(tmp_path, lost, refused):
    images = folder_of_images(tmp_path / "v", n=8)
    for i in range(lost):
        damage(images / f"{i:04d}.png")
    if refused:
        with pytest.raises(DataError, match=rf"^v: {lost} of 8 pictures cannot be read, the first: .*0000\.png"):
            make([video(images, range(8))], tmp_path / "cache")
        assert not list((tmp_path / "cache").glob("*/crops.u8"))
    else:
        assert make([video(images, range(8))], tmp_path / "cache")[0].found.sum() == 8 - lost


def test_a_damaged_frame_of_a_video_costs_its_own_picture(tmp_path):
    path = tmp_path / "v.avi"  # Motion JPEG: each packet is a picture of its own
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 48, "yuvj420p"
        for i in range(10):
            picture = np.full((48, 48, 3), 20 * i, np.uint8)
            packets = stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
            if i == 4:
                packets = [broken(packet, stream) for packet in packets]
            container.mux(packets)
    (crops,) = make([video(path, range(10))], tmp_path / "cache")
    assert crops.found.tolist() == [True] * 4 + [False] + [True] * 5
    grey = crops.read(np.arange(10)).mean((1, 2, 3))
    np.testing.assert_allclose(grey, [20 * i if i != 4 else 0 for i in range(10)], atol=3)  # none has moved


def broken(packet, stream):
    other = av.Packet(b"\xff" * packet.size)
    other.stream, other.pts, other.dts, other.time_base = stream, packet.pts, packet.dts, packet.time_base
    return other


def test_aligned_pictures_need_no_face_model(tmp_path, monkeypatch):
    monkeypatch.setattr(
        knowledge_spreader.clips.crop_videos, "find_face_model", lambda *_: pytest.fail("asked for a face model")
    )
    make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")


# ---- sources that are refused


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    images = folder_of_images(tmp_path / "v")
    read = knowledge_spreader.clips.crop_videos.read_pictures

    def growing(source, wanted, damaged):
        yield from read(source, wanted, damaged)
        (images / "0009.png").write_bytes(b"more")

    monkeypatch.setattr(knowledge_spreader.clips.crop_videos, "read_pictures", growing)
    with pytest.raises(DataError, match=r"v: .* changed while it was read"):
        make([video(images, range(6))], tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_source_with_fewer_pictures_than_asked_for_is_named_with_the_numbers(tmp_path):
    with pytest.raises(DataError, match=r"^P1: .*v: picture 6 .* 6"):
        make([video(folder_of_images(tmp_path / "v"), range(9), name="P1")], tmp_path / "cache")


def test_a_reader_that_stops_early_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        knowledge_spreader.clips.crop_videos,
        "read_pictures",
        lambda source, wanted, damaged: iter([(0, np.zeros((9, 9, 3), np.uint8))]),
    )
    with pytest.raises(DataError, match=r"v: .* gave 1 of 6 pictures"):
        make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")


@pytest.mark.parametrize("source", ["nowhere.mp4", "text.mp4"])
def test_a_video_that_cannot_be_read_is_named(tmp_path, source):
    (tmp_path / "text.mp4").write_text("this is no video")
    with pytest.raises(DataError, match=source):
        make([video(tmp_path / source, range(3))], tmp_path / "cache")


def test_damping_without_a_frame_rate_is_refused(tmp_path):
    with pytest.raises(DataError, match="--fps"):
        make([], tmp_path, aligned=False, fps=0.0)


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
        return faces if near is None else [f for f in faces if overlap(f.box_xyxy_px, near) > 0.2][:1]

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


# ---- a real clip


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
