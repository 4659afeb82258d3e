"""scene_cuts.py: real shots hold together under light, motion and dropped frames; splices fall apart."""

import time
from itertools import combinations

import cv2
import numpy as np
import pytest

from knowledge_spreader.arrays import U8
from knowledge_spreader.realtime.faces.scene_cuts import CutWatch
from tests.realtime.faces.moving_faces import background, clip, paste, picture

CLIPS = (
    "intel_asl_again.mkv",
    "intel_asl_no.mkv",
    "intel_head-pose-face-detection-female-and-male.gif",
    "intel_head-pose-face-detection-female.gif",
    "pyfeat_no_face.mp4",
    "pyfeat_single_face.mp4",
)


def cuts(pictures: list[U8]) -> list[int]:
    """Positions of the pictures that begin another scene."""
    watch = CutWatch()
    return [i for i, image in enumerate(pictures) if watch.is_cut(image)]


def shot_of(name: str) -> list[U8]:
    return [image for _, image in clip(name)]


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("step", [1, 6])
def test_a_shot_has_no_cut_also_when_frames_are_dropped(name, step):
    assert cuts(shot_of(name)[::step]) == []


def test_the_cut_of_a_real_clip_is_found_at_its_place_past_a_black_picture(tmp_path):
    pictures = shot_of("pyfeat_face_noface.mov")  # a face in pictures 0 to 71, then a drawn film that fades in
    assert len(cuts(pictures)) == 1
    assert 72 <= cuts(pictures)[0] <= 76


def test_splices_of_different_rooms_are_cuts():
    rooms = [shot_of(name)[0] for name in CLIPS[:1] + CLIPS[2:]]
    rooms += [picture(name) for name in ("skimage_astronaut.png", "coral_grace_hopper.bmp")]
    for a, b in combinations(rooms, 2):
        assert cuts([a, a, b, b]) == [2]


@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0), (1.8, 0), (2.5, 20), (1, 60), (0.5, 90)])
def test_a_change_of_exposure_is_no_cut(gain, offset):
    first = shot_of("pyfeat_single_face.mp4")[0]
    other = (first * float(gain) + offset).clip(0, 255).astype(np.uint8)
    assert cuts([first, other, first]) == []


def test_a_lamp_of_another_colour_is_no_cut():
    first = shot_of("pyfeat_single_face.mp4")[0]
    assert cuts([first, (first * [1.0, 0.85, 0.6]).astype(np.uint8)]) == []


def test_a_face_that_fills_the_picture_and_moves_by_a_sixth_of_it_is_no_cut():
    """At 10 pictures a second that is one and a half picture widths a second."""
    pictures = []
    for x in (220, 320, 420):
        image = background().copy()
        paste(image, "man", x, 180, 220)
        pictures.append(image)
    assert cuts(pictures) == []


@pytest.mark.parametrize("share", [0.05, 0.15, 0.3])
@pytest.mark.parametrize("name", ["intel_asl_again.mkv", "pyfeat_single_face.mp4"])
def test_a_camera_that_pans_is_no_cut(name, share):
    image = shot_of(name)[0]
    way = round(share * image.shape[1])
    assert cuts([image[:, :-way], image[:, way:]]) == []


def test_pictures_that_show_nothing_are_skipped():
    scene, other = background(seed=0), background(seed=1)
    black, grey = np.zeros_like(scene), np.full_like(scene, 128)
    assert cuts([scene, black, scene, grey, grey, scene]) == []
    assert cuts([scene, black, grey, other]) == [3]
    assert cuts([black, black, scene]) == []


def test_a_change_of_resolution_is_no_cut():
    scene = background()
    assert cuts([scene, np.asarray(cv2.resize(scene, (320, 180)), np.uint8)]) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 700, 3), (700, 2, 3)])
def test_any_shape_of_picture_will_do(shape):
    assert cuts([np.zeros(shape, np.uint8), np.random.default_rng(0).integers(0, 256, shape, np.uint8)]) == []


def test_a_look_at_a_720p_picture_takes_a_fraction_of_a_millisecond():
    image = np.asarray(cv2.resize(background(), (1280, 720)), np.uint8)
    watch, took_ms = CutWatch(), []
    for _ in range(50):
        start = time.perf_counter()
        watch.is_cut(image)
        took_ms.append((time.perf_counter() - start) * 1000)
    assert min(took_ms) < 0.3
