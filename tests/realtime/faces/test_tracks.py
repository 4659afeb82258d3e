"""tracks.py: numbers by geometry and time, on boxes made by hand."""

import numpy as np
import pytest

from knowledge_spreader.face.detector import DetectedFace
from knowledge_spreader.realtime.faces.tracks import KEPT_S, Track, Tracks, rivals


def face(x: float, y: float = 100.0, size: float = 40.0, score: float = 0.9) -> DetectedFace:
    points = np.array([(-0.25, -0.2), (0.25, -0.2), (0, 0.05), (0, 0.3), (-0.5, 0), (0.5, 0)]) * size + (x, y)
    half = size / 2
    return DetectedFace((x - half, y - half, x + half, y + half), points.astype(np.float32), score)


def begin(*faces: DetectedFace, time_s: float = 0.0) -> tuple[Tracks, list[Track]]:
    tracks = Tracks()
    started = tracks.take(faces, time_s)
    for track, one in zip(started, faces, strict=True):
        track.see(one, time_s)
    return tracks, started


def walk(track: Track, x: float, speed: float, start_s: float, end_s: float, step_s: float = 0.05) -> float:
    """Sees a face that moves at `speed` px/s; its last x."""
    for i in range(1, round((end_s - start_s) / step_s) + 1):
        track.see(face(x + speed * i * step_s), start_s + i * step_s)
    return x + speed * (end_s - start_s)


def lost(tracks: Tracks, *which: Track) -> None:
    for track in which:
        tracks.lose(track)


# ---- who it is


def test_numbers_count_from_0_in_the_order_given():
    tracks, started = begin(face(100), face(300))
    assert [track.face_id for track in started] == [0, 1]
    assert tracks.held == started


@pytest.mark.parametrize(
    ("x", "size", "after_s", "same"),
    [
        (100, 40, 1.0, True),
        (155, 40, 1.0, True),  # 1.4 widths away; within 0.5 + 1.0 * 1 s
        (165, 40, 1.0, False),  # 1.6 widths
        (120, 40, 0.05, True),  # 0.5 widths at once
        (125, 40, 0.05, False),
        (100, 50, 0.05, True),  # 1.25 times as large at once
        (100, 60, 0.05, False),
        (100, 60, 1.0, True),  # within 1.25 + 0.35 * 1 s
        (100, 70, 1.0, False),  # 1.75 times as large
        (100, 22, 1.0, False),
    ],
)
def test_a_lost_face_keeps_its_number_within_reach(x, size, after_s, same):
    tracks, (track,) = begin(face(100))
    lost(tracks, track)
    (other,) = tracks.take([face(x, size=size)], after_s)
    assert (other is track) == same
    assert other.face_id == (0 if same else 1)


def test_after_two_seconds_nobody_is_remembered():
    tracks, (track,) = begin(face(100))
    lost(tracks, track)
    tracks.forget_old(KEPT_S)
    assert tracks.lost == [track]
    tracks.forget_old(KEPT_S + 0.01)
    assert tracks.lost == []


def test_who_was_walking_is_expected_further_on():
    tracks, (track,) = begin(face(100))
    x = walk(track, 100, 120, 0, 1)  # three widths a second
    lost(tracks, track)
    assert track.places(1.3)[0] == pytest.approx((x + 36 - 20, 80, x + 36 + 20, 120), abs=2)
    assert tracks.take([face(x + 65)], 1.3) == [track]  # 1.6 widths on: 0.9 to where it was going, 0.7 of 0.8 of reach
    lost(tracks, track)
    assert tracks.take([face(x - 65)], 1.3) != [track]


def test_two_lost_faces_are_matched_where_they_fit_best_whatever_the_order():
    tracks, (a, b) = begin(face(100), face(140))
    lost(tracks, a, b)
    assert tracks.take([face(139), face(118)], 0.5) == [b, a]


def test_a_cut_ends_all_and_a_new_epoch_keeps_them_as_lost():
    tracks, (a, _) = begin(face(100), face(300))
    lost(tracks, a)
    tracks.renew_all(60.0)
    tracks.forget_old(60.0)
    assert (len(tracks.held), len(tracks.lost)) == (0, 2)
    assert tracks.take([face(300)], 60.0)[0].face_id == 1
    tracks.end_all()
    assert tracks.take([face(300)], 60.1)[0].face_id == 2


# ---- two on one face


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_tracks_on_one_face_the_one_whose_path_leads_there_keeps_it(order):
    _, (stands, walks) = begin(face(200), face(100))
    for i in range(1, 20):
        stands.see(face(200), i * 0.05)
    x = walk(walks, 100, 80, 0, 0.95)
    front = face(x + 4)
    seen = [(stands, front), (walks, face(x + 5))]
    assert rivals(seen[::order], 1.0) == [stands]


def test_neighbours_are_no_rivals():
    _, (a, b) = begin(face(100), face(130))
    assert rivals([(a, face(100)), (b, face(130))], 0.1) == []


# ---- afresh, or on


def test_a_track_starts_afresh_at_its_first_frame_after_a_gap_a_jump_and_a_reconnect():
    _, (track,) = begin(face(100))
    steps = [(0.1, 100), (0.2, 101), (0.8, 101), (0.9, 101), (1.0, 180), (1.1, 180)]
    assert [track.see(face(x), time_s)[1] for time_s, x in steps] == [False, False, True, False, True, False]
    track.renew(1.15)
    assert track.see(face(180), 1.2)[1]


def test_where_time_stands_still_or_steps_back_a_track_starts_afresh():
    _, (track,) = begin(face(100), time_s=5.0)
    assert [track.see(face(100), time_s)[1] for time_s in (5.0, 5.1, 4.0, 4.1)] == [True, False, True, False]


def test_points_pass_unchanged_when_afresh_and_damped_after():
    _, (track,) = begin(face(100))
    points, _ = track.see(face(102), 0.04)
    assert 100 < points[2, 0] < 102
    points, _ = track.see(face(102), 1.0)
    np.testing.assert_array_equal(points, face(102).points_px)


# ---- how sure the finder must be


def test_what_resembled_a_face_once_must_do_so_again():
    _, (track,) = begin(face(100))
    assert not track.is_seen_in(face(100, score=0.6), 0.04)
    assert track.is_seen_in(face(100, score=0.8), 0.04)


def test_a_well_known_face_may_be_seen_poorly_for_half_a_second():
    _, (track,) = begin(face(100))
    walk(track, 100, 0, 0, 1)
    assert track.is_seen_in(face(100, score=0.6), 1.5)
    assert not track.is_seen_in(face(100, score=0.6), 1.55)


def test_a_face_that_slides_behind_something_is_kept_as_it_was():
    """What is left of it looks like a smaller face beside it, with a poor score."""
    tracks, (track,) = begin(face(100))
    walk(track, 100, 0, 0, 1)
    assert not track.is_seen_in(face(115, size=24, score=0.6), 1.05)
    track.see(face(108, size=33, score=0.6), 1.05)
    lost(tracks, track)
    assert track.places(1.5) == [face(100).box_xyxy_px]
