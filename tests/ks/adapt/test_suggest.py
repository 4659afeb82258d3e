"""suggest.py: within the budget, apart and not apart told from each other, every recording, nothing twice."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.adapt.apart import audited
from knowledge_spreader.adapt.suggest import suggest
from tests.ks.adapt.made_up import every, made_up, names


def suggested(faces, budget, labelled=None, seed=0):
    labelled = np.zeros(len(faces), bool) if labelled is None else labelled
    return suggest(faces, names(faces), faces.crops, labelled, budget, seed)


def whys(chosen):
    return dict(Counter(one.why for one in chosen))


def test_a_fifth_apart_one_of_each_recording_and_half_of_the_rest_unsure() -> None:
    faces, _ = made_up(10, 500)
    chosen = suggested(faces, 50)
    assert whys(chosen) == {"apart": 10, "spread": 10, "unsure": 15, "random": 15}
    assert {int(faces.recording[one.row]) for one in chosen if one.why == "spread"} == set(range(10))


def test_those_apart_lie_in_the_seconds_kept_apart_and_no_other_does() -> None:
    faces, _ = made_up(10, 500)
    apart = audited(names(faces), faces)
    chosen = suggested(faces, 50)
    assert all(apart[one.row] == (one.why == "apart") for one in chosen)


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 40, 10_000])
def test_the_budget_is_kept_and_frames_are_half_a_second_apart(budget: int) -> None:
    faces, _ = made_up(4, 500)
    chosen = suggested(faces, budget)
    assert len(chosen) == budget or budget == 10_000
    assert len({one.row for one in chosen}) == len(chosen) <= budget
    for r in range(4):
        times = np.sort([faces.time_s[one.row] for one in chosen if faces.recording[one.row] == r])
        assert (np.diff(times) >= 0.5 - 1e-9).all()


def test_people_come_in_turn_where_there_are_more_recordings_than_frames() -> None:
    faces, _ = made_up(9, 100, people=3)
    chosen = [one.row for one in suggested(faces, 3) if one.why == "spread"]
    assert len(chosen) == 2  # and one apart
    assert len({str(faces.person[row]) for row in chosen}) == 2


def test_a_recording_of_which_most_is_taken_still_gets_its_frame() -> None:
    """Short recordings, with a frame apart near to nearly every other."""
    faces, _ = made_up(30, 35)
    for seed in range(10):
        chosen = suggested(faces, 60, seed=seed)
        assert {int(faces.recording[one.row]) for one in chosen if one.why == "spread"} == free(faces, chosen)


def free(faces, chosen):
    """The recordings with a frame to learn from that is half a second from those apart."""
    apart, found = audited(names(faces), faces), set()
    for row in np.flatnonzero(~apart):
        taken = [c.row for c in chosen if c.why == "apart" and faces.recording[c.row] == faces.recording[row]]
        if all(abs(faces.time_s[row] - faces.time_s[t]) >= 0.5 for t in taken):
            found.add(int(faces.recording[row]))
    return found


def test_labelled_frames_and_what_lies_beside_them_are_never_suggested_again() -> None:
    faces, _ = made_up(4, 500)
    first = suggested(faces, 20)
    labelled = np.zeros(len(faces), bool)
    labelled[[one.row for one in first]] = True
    second = suggested(faces, 20, labelled)
    assert len(second) == 20
    assert "spread" not in whys(second)  # all recordings have labels
    for one in second:
        near = labelled & (faces.recording == faces.recording[one.row])
        assert np.abs(faces.time_s[near] - faces.time_s[one.row]).min() >= 0.5


def test_the_unsure_ones_are_those_nearest_to_a_half() -> None:
    faces, _ = made_up(2, 1000)
    unsure = every(faces, 50) & ~audited(names(faces), faces)
    logits = np.where(unsure[:, None], 0.0, 9.0).astype(np.float32) * np.ones(3, np.float32)
    chosen = suggest(faces, names(faces), logits, np.zeros(len(faces), bool), 22)
    assert all(unsure[one.row] for one in chosen if one.why == "unsure")


def test_only_the_widest_face_of_a_frame_is_suggested() -> None:
    faces, _ = made_up(2, 200)
    faces = replace(faces, frame=faces.frame // 2, time_s=faces.time_s // 0.08 * 0.08, width_px=np.tile([50, 90], 200))
    assert all(one.row % 2 for one in suggested(faces, 20))


def test_another_seed_is_another_choice_and_the_same_seed_the_same() -> None:
    faces, _ = made_up(4, 500)
    assert suggested(faces, 20) == suggested(faces, 20) != suggested(faces, 20, seed=1)


def test_logits_that_are_missing_or_nan_are_no_crash() -> None:
    faces, _ = made_up(2, 100)
    broken = np.full((200, 3), np.nan, np.float32)
    assert len(suggest(faces, names(faces), broken, np.zeros(200, bool), 5)) == 5
