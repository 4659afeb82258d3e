"""face.alignment: geometry of the crop, and how the filter damps and follows."""

import math
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import TEMPLATE, PointFilter, crop, transform

FACE = TEMPLATE * 200 + 60  # key points of a face in a 320 x 320 image, upright


def apply(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def similarity(degrees, scale, shift):
    c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def smooth_image(side=320, seed=0):
    """Structure of about 30 px, so that resampling twice changes little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (side // 30, side // 30, 3), np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


@given(side=st.integers(32, 512), degrees=st.floats(-180, 180), scale=st.floats(0.05, 20), x=st.floats(-5e3, 5e3))
def test_a_template_shaped_face_lands_on_the_template_wherever_it_is(side, degrees, scale, x):
    face = apply(similarity(degrees, scale, (x, -x)), FACE)
    np.testing.assert_allclose(apply(transform(face, side), face), TEMPLATE * side, atol=1e-6 * side)


@given(degrees=st.floats(-180, 180), scale=st.floats(0.05, 20), noise=st.integers(0, 1000))
def test_turning_scaling_and_shifting_any_face_does_not_change_what_the_crop_shows(degrees, scale, noise):
    face = FACE + np.random.default_rng(noise).normal(0, 8, (6, 2))
    motion = similarity(degrees, scale, (31.0, -17.0))
    np.testing.assert_allclose(
        apply(transform(apply(motion, face), 224), apply(motion, FACE)), apply(transform(face, 224), FACE), atol=1e-6
    )


def test_the_matrix_is_a_rotation_with_one_scale_and_never_mirrors():
    matrix = transform(FACE + np.random.default_rng(0).normal(0, 8, (6, 2)), 224)[:, :2]
    np.testing.assert_allclose(matrix @ matrix.T, np.linalg.det(matrix) * np.eye(2), atol=1e-12)
    assert np.linalg.det(matrix) > 0


def test_twice_the_side_shows_the_same_at_twice_the_size():
    np.testing.assert_allclose(transform(FACE, 448), 2 * transform(FACE, 224), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(degrees=st.floats(-60, 60), scale=st.floats(0.6, 1.4), x=st.floats(-8, 8), y=st.floats(-8, 8))
def test_a_turned_scaled_and_shifted_image_gives_the_same_crop(degrees, scale, x, y):
    image = smooth_image()
    middle = np.array([160.0, 160.0])
    motion = similarity(degrees, scale, (0, 0))
    motion[:, 2] = middle - motion[:, :2] @ middle + (x, y)
    from_centres = motion.copy()
    from_centres[:, 2] += motion[:, :2] @ (0.5, 0.5) - 0.5
    moved = cv2.warpAffine(image, from_centres, (320, 320), flags=cv2.INTER_CUBIC)
    inner = apply(similarity(0, 0.35, middle * 0.65), FACE)  # a face small enough to stay inside
    a, b = crop(image, inner, 64).astype(int), crop(moved, apply(motion, inner), 64).astype(int)
    assert np.abs(a - b).mean() < 2.0  # of 255


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_a_picture_n_times_larger_gives_the_same_crop(n):
    """Also pins the half pixel between pixel corners and pixel centres, in the warp and in the reduction."""
    image = smooth_image()
    large = cv2.resize(image, None, fx=n, fy=n, interpolation=cv2.INTER_CUBIC)
    a, b = crop(image, FACE, 200).astype(int), crop(large, FACE * n, 200).astype(int)
    assert np.abs(a - b)[2:-2, 2:-2].mean() < 1.0


def test_a_strongly_shrunk_face_does_not_alias():
    """Stripes one pixel wide are grey from afar; point sampling would give stripes or a flat black or white."""
    stripes = np.zeros((2160, 3840, 3), np.uint8)
    stripes[:, ::2] = 255
    face = TEMPLATE * 1800 + (1000, 200)
    seen = crop(stripes, face, 224).astype(int)
    assert seen.std() < 8
    assert abs(seen.mean() - 127.5) < 3


def test_a_still_face_does_not_flicker_when_a_shrinking_crop_moves_by_a_pixel():
    image = cv2.resize(smooth_image(), (2000, 2000), interpolation=cv2.INTER_CUBIC)
    face = TEMPLATE * 1200 + 400
    a, b = crop(image, face, 112).astype(int), crop(image, face + 1.0, 112).astype(int)  # 0.09 px of the crop
    assert np.abs(a - b).max() <= 4


def test_what_lies_outside_the_image_is_black():
    image = np.full((100, 100, 3), 200, np.uint8)
    seen = crop(image, TEMPLATE * 100 - 50, 224)
    assert (seen[:110, :110] == 0).all()
    assert (seen[116:, 116:] == 200).all()
    assert (crop(image, TEMPLATE * 100 + 5000, 224) == 0).all()
    assert (crop(image, TEMPLATE * 1000 + 50000, 224) == 0).all()


def test_an_open_mouth_hardly_changes_size_or_place_of_the_face():
    open_mouth = TEMPLATE.copy()
    open_mouth[3, 1] += 0.3 / 3.25  # 0.3 eye distances
    before, after = transform(TEMPLATE, 224), transform(open_mouth, 224)
    assert after[0, 0] / before[0, 0] == pytest.approx(0.98, abs=0.003)
    assert np.abs(apply(after, TEMPLATE[:2]) - apply(before, TEMPLATE[:2])).max() < 1.0  # px


@pytest.mark.parametrize(
    "points",
    [np.zeros((6, 2)), np.full((6, 2), 77.0), np.full((6, 2), np.nan), np.full((6, 2), np.inf), FACE[:5], FACE[:, :1]],
)
def test_points_that_are_no_face_are_refused(points):
    with pytest.raises(DataError, match="face key points"):
        transform(points, 224)
    with pytest.raises(DataError, match="face key points"):
        crop(np.zeros((10, 10, 3), np.uint8), points, 224)


@pytest.mark.parametrize("image", [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((9, 9, 3))])
def test_a_picture_that_is_not_rgb_bytes_is_refused_with_its_shape(image):
    with pytest.raises(DataError, match=rf"got {image.dtype} \({image.shape[0]}"):
        crop(image, FACE, 224)


def test_the_inputs_stay_as_they_were():
    image, points = smooth_image(), FACE.copy()
    image.setflags(write=False)
    points.setflags(write=False)
    crop(image, points, 32)
    damped = PointFilter()
    damped.update(points, 0.0)[:] = 0.0
    np.testing.assert_array_equal(damped.update(points, 0.1), FACE)


def test_the_crop_needs_neither_mediapipe_nor_torch():
    code = """
import sys, knowledge_spreader.face.alignment
assert not {'mediapipe', 'torch'} & set(sys.modules), 'imported'
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- PointFilter


@given(seed=st.integers(0, 1000), fps=st.floats(5, 120))
def test_a_face_that_stands_still_comes_out_unchanged(seed, fps):
    face = FACE + np.random.default_rng(seed).normal(0, 8, (6, 2))
    damped = PointFilter()
    for i in range(20):
        np.testing.assert_array_equal(damped.update(face, i / fps), face)


@given(seed=st.integers(0, 1000), scale=st.floats(0.05, 20), shift=st.floats(-1e4, 1e4))
def test_resolution_and_place_do_not_matter(seed, scale, shift):
    walk = FACE + np.random.default_rng(seed).normal(0, 2, (30, 6, 2)).cumsum(0)
    a, b = PointFilter(), PointFilter()
    for i, face in enumerate(walk):
        one, other = a.update(face, i / 30), b.update(face * scale + shift, i / 30)
        np.testing.assert_allclose(one * scale + shift, other, rtol=1e-7, atol=1e-6 * scale)


@given(speed=st.floats(0.05, 20), fps=st.floats(8, 120), degrees=st.floats(0, 360))
def test_a_face_that_moves_steadily_is_followed_within_a_twentieth_of_its_size(speed, fps, degrees):
    size = math.sqrt(np.square(FACE - FACE.mean(0)).sum(1).mean())
    direction = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    damped = PointFilter()
    for i in range(round(3 * fps)):
        face = FACE + direction * speed * size * i / fps
        out = damped.update(face, i / fps)
    lag = np.linalg.norm(out - face, axis=1).max() / size
    assert lag < 1 / (2 * math.pi * PointFilter.HZ_PER_SPEED) + 1e-6  # 0.053


def test_noise_on_a_still_face_shrinks_to_less_than_a_third():
    """Noise of 0.6 % of the eye distance, as BlazeFace's; step of the crop's corners from frame to frame."""
    rng = np.random.default_rng(0)
    eye_distance = np.linalg.norm(FACE[1] - FACE[0])
    noisy = FACE + rng.normal(0, 0.006 * eye_distance / math.sqrt(2), (300, 6, 2))
    damped = PointFilter()
    out = [damped.update(face, i / 30) for i, face in enumerate(noisy)][30:]
    before, after = corner_steps(noisy[30:]), corner_steps(out)
    assert np.sqrt(np.square(after).mean()) < np.sqrt(np.square(before).mean()) / 3
    assert after.max() < 1.0  # px of a 224 px crop


def corner_steps(track, side=224):
    """How far the farthest corner of the crop moves from frame to frame, in pixels of the crop."""
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)], float)
    placed = []
    for points in track:
        matrix = transform(points, side)
        placed.append((corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
    scale = math.hypot(*transform(track[0], side)[:, 0])
    return np.linalg.norm(np.diff(placed, axis=0), axis=2).max(1) * scale


def test_only_the_past_counts():
    walk = FACE + np.random.default_rng(0).normal(0, 2, (20, 6, 2)).cumsum(0)
    a, b = PointFilter(), PointFilter()
    early = [a.update(face, i / 30) for i, face in enumerate(walk)][:10]
    for i, face in enumerate(walk[:10]):
        np.testing.assert_array_equal(b.update(face, i / 30), early[i])


@pytest.mark.parametrize("t_s", [1.51, 1e6, 1.0, 0.5, -3.0])
def test_after_a_gap_or_a_step_back_in_time_the_face_passes_unchanged(t_s):
    damped = PointFilter()
    damped.update(FACE, 0.9)
    damped.update(FACE + 3, 1.0)
    np.testing.assert_array_equal(damped.update(FACE + 50, t_s), FACE + 50)
    assert np.abs(damped.update(FACE, t_s + 0.03) - FACE).min() > 0  # and is damped from there on


def test_reset_forgets_the_track():
    damped = PointFilter()
    damped.update(FACE, 1.0)
    damped.reset()
    np.testing.assert_array_equal(damped.update(FACE + 5, 1.03), FACE + 5)


def test_the_filter_refuses_points_that_are_not_numbers_and_keeps_its_track():
    damped = PointFilter()
    damped.update(FACE, 0.0)
    with pytest.raises(DataError, match="finite"):
        damped.update(np.full((6, 2), np.nan), 0.03)
    assert np.abs(damped.update(FACE + 5, 0.06) - FACE).max() < 5
