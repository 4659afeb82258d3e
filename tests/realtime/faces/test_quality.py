"""quality.py and head_pose.py: ordinary faces pass, the others are named; on real faces."""

import cv2
import numpy as np
import pytest

from knowledge_spreader.face.alignment import TEMPLATE, crop
from knowledge_spreader.face.detector import FaceDetector, box_width
from knowledge_spreader.realtime.faces.head_pose import face_box, outside_share, turn_deg
from knowledge_spreader.realtime.faces.quality import MIN_DETAIL, MIN_FACE_PX, detail, reject
from tests.realtime.faces.moving_faces import MODEL, clip, needs_media, picture

GOOD = ("skimage_astronaut.png", "coral_grace_hopper.bmp", "pyfeat_single_face.jpg", "pyfeat_multi_face.jpg")
FRONTAL = TEMPLATE * 100 + 50.0  # a crop of 100 px, whose left upper corner lies at (50, 50)


@pytest.fixture(scope="module")
def detector():
    with FaceDetector(MODEL) as detector:
        yield detector


def judged(detector, image, side_px=224):
    """What the gate says of each face of a picture."""
    return [
        reject(
            box_width(face.box_xyxy_px),
            face.points_px.astype(float),
            crop(image, face.points_px, side_px),
            image,
            min_face_px=MIN_FACE_PX,
        )
        for face in detector.find(image)
    ]


def crops_of(detector, image):
    return [crop(image, face.points_px, 224) for face in detector.find(image)]


# ---- who passes


@needs_media
@pytest.mark.parametrize("side_px", [224, 96, 32])
@pytest.mark.parametrize("name", GOOD)
def test_ordinary_faces_pass_in_crops_of_any_size(detector, name, side_px):
    reasons = judged(detector, picture(name), side_px)
    assert reasons
    assert not any(reasons)


@needs_media
@pytest.mark.parametrize("word", ["again", "milk", "no", "thanks", "yes"])
def test_a_face_of_70_px_across_the_room_passes(detector, word):
    for _, image in clip(f"intel_asl_{word}.mkv")[::16]:
        assert judged(detector, image)[0] == ""


@needs_media
def test_a_dark_picture_of_a_sharp_face_passes(detector):
    image = (picture("skimage_astronaut.png") * 0.2).astype(np.uint8)
    assert judged(detector, image) == [""]


@needs_media
def test_a_head_turned_by_45_degrees_is_named_and_one_turned_by_25_passes(detector):
    pictures = [image for _, image in clip("intel_head-pose-face-detection-female.gif")]
    reasons = [judged(detector, image)[0] for image in pictures]
    assert reasons[:6] == ["turned"] * 6
    assert reasons[10:] == [""] * 13


@needs_media
def test_a_face_too_small_for_the_crop_is_named(detector):
    image = picture("skimage_astronaut.png")
    for scale, reason in ((0.55, ""), (0.4, "small")):  # its face is 102 px wide
        small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        assert judged(detector, small) == [reason]


@needs_media
@pytest.mark.parametrize(("part", "reason"), [(slice(0, 175), ""), (slice(0, 150), "edge"), (slice(95, 512), "edge")])
def test_a_face_that_reaches_over_the_edge_is_named(detector, part, reason):
    """The face lies in rows 71 to 173."""
    image = picture("skimage_astronaut.png")
    (face,) = detector.find(image)
    points = face.points_px - (0, part.start)
    cut = np.ascontiguousarray(image[part])
    assert reject(102, points, crop(cut, points, 224), cut, min_face_px=48) == reason


# ---- blur


@needs_media
@pytest.mark.parametrize("name", GOOD)
def test_blur_is_seen_in_every_direction(detector, name):
    for face in crops_of(detector, picture(name)):
        assert detail(face) > MIN_DETAIL * 1.2
        assert detail(np.asarray(cv2.GaussianBlur(face, (0, 0), 5), np.uint8)) < MIN_DETAIL
        for kernel in (np.eye(25), np.fliplr(np.eye(25)), np.ones((1, 25)), np.ones((25, 1))):
            moved = np.asarray(cv2.filter2D(face, -1, kernel / kernel.sum()), np.uint8)
            assert detail(moved) < detail(face) / 1.4


@needs_media
def test_detail_does_not_depend_on_light(detector):
    (face,) = crops_of(detector, picture("skimage_astronaut.png"))
    for gain in (0.3, 0.6):
        assert detail((face * gain).astype(np.uint8)) == pytest.approx(detail(face), rel=0.1)


def test_a_flat_crop_has_no_detail_and_no_crop_is_too_small():
    assert detail(np.full((224, 224, 3), 90, np.uint8)) == 0.0
    for side in (8, 16, 24, 33):
        assert np.isfinite(detail(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)))


# ---- at the limit


def test_a_rejected_face_must_be_better_than_the_limit_by_a_tenth():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)

    def reason(face_px, before):
        return reject(face_px, FRONTAL, noise, noise, min_face_px=50, before=before)

    assert [reason(px, "") for px in (49.9, 50.1)] == ["small", ""]
    assert [reason(px, "small") for px in (54.9, 55.1)] == ["small", ""]
    assert reason(51, "turned") == ""


# ---- what six points tell


def test_a_frontal_face_looks_straight_ahead_and_lies_inside():
    yaw, pitch = turn_deg(FRONTAL)
    assert yaw == pytest.approx(0, abs=1e-6)
    assert abs(pitch) < 5
    assert outside_share(FRONTAL, 150, 150) == 0
    left, top, right, bottom = face_box(FRONTAL)  # 0.66 of the crop's side around (0.49, 0.45) of it
    assert (left, top, right, bottom) == pytest.approx((50 + 16, 50 + 12, 50 + 82, 50 + 78))


@pytest.mark.parametrize("angle", [-120, -30, 45])
def test_roll_size_and_place_change_neither_yaw_nor_pitch(angle):
    turned = FRONTAL.copy()
    turned[2] += (6, 3)
    matrix = cv2.getRotationMatrix2D((0.0, 0.0), angle, 2.5)
    other = turned @ matrix[:, :2].T + (300, 400)
    assert turn_deg(other) == pytest.approx(turn_deg(turned), abs=1e-6)


def test_a_nose_towards_the_left_ear_is_a_turn_to_the_left():
    """The left ear has the larger x. By hand: the nose stands 0.88 head widths before the line between the ears."""
    turned = FRONTAL.copy()
    turned[2, 0] += 0.88 * (turned[5, 0] - turned[4, 0]) * np.tan(np.radians(30))
    assert turn_deg(turned)[0] == pytest.approx(30, abs=0.01)
    lowered = FRONTAL.copy()
    lowered[2, 1] += 0.2 * 100 / 3.25
    assert turn_deg(lowered)[1] < turn_deg(FRONTAL)[1] - 5


@pytest.mark.parametrize(("width", "share"), [(150, 0.0), (100, 0.5), (60, 1.0)])
def test_the_share_outside_by_hand(width, share):
    """The face reaches from 0.20 to 0.80 of the crop's side: x from 70 to 130, its middle at 100."""
    assert outside_share(FRONTAL, width, 150) == pytest.approx(share, abs=0.04)
