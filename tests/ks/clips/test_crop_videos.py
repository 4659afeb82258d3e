"""clips.crop_videos: which face is cropped, how aligned pictures are resized, and what sources are refused."""

import csv
import json
from itertools import pairwise

import cv2
import numpy as np
import pytest

import knowledge_spreader.clips.crop_videos
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import transform
from knowledge_spreader.face.detector import DetectedFace, overlap
from tests.ks.clips.small_videos import SIDE, contents, fake_finder, folder_of_images, make, video
from tests.paths import SHARED

MODEL = SHARED / "models" / "blaze_face_short_range.tflite"
CLIP = SHARED / "media" / "pyfeat_face_noface.mov"  # a face in pictures 0 to 71, then a drawn film
needs_media = pytest.mark.skipif(not (MODEL.is_file() and CLIP.is_file()), reason=f"no face model or clip in {SHARED}")


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


def test_pictures_of_mixed_size_are_named(tmp_path):
    images = folder_of_images(tmp_path / "v", n=2)
    cv2.imwrite(str(images / "0002.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DataError, match=r"0002\.png"):
        make([video(images, range(3))], tmp_path / "cache")


def test_aligned_pictures_need_no_face_model(tmp_path, monkeypatch):
    monkeypatch.setattr(
        knowledge_spreader.clips.crop_videos, "find_face_model", lambda path: pytest.fail("asked for a face model")
    )
    make([video(folder_of_images(tmp_path / "v"), range(6))], tmp_path / "cache")


# ---- sources that are refused


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    images = folder_of_images(tmp_path / "v")
    read = knowledge_spreader.clips.crop_videos.read_pictures

    def growing(source, wanted):
        yield from read(source, wanted)
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
        lambda source, wanted: iter([(0, np.zeros((9, 9, 3), np.uint8))]),
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
