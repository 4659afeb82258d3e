"""apart.py: a fifth of the seconds of a recording is kept apart, for ever the same, and groups stay together."""

from dataclasses import replace

import numpy as np

from knowledge_spreader.adapt.apart import ANYONE, PEOPLE, THESE, audited, folds, groups, in_audit, stretches
from tests.ks.adapt.made_up import every, made_up


def test_the_seconds_that_are_kept_apart_are_these_for_ever() -> None:
    """They are part of what users have: another rule would teach from what earlier labels kept apart."""
    assert [s for s in range(40) if in_audit("anna.mp4", s + 0.5)] == [4, 10, 11, 14, 16, 17, 25, 28]


def test_they_are_a_fifth_and_differ_between_recordings() -> None:
    kept = np.array([[in_audit(f"r{r}.mp4", s) for s in range(100)] for r in range(50)])
    assert 0.18 < kept.mean() < 0.22
    assert len(np.unique(kept, axis=0)) == 50


def test_other_recordings_before_it_change_nothing() -> None:
    faces, _ = made_up(3, 500)
    alone = audited(["b.mp4"], replace_recordings(faces, 0))
    both = audited(["a.mp4", "b.mp4", "c.mp4"], faces)
    assert (alone == both[faces.recording == 1]).all()
    assert (both[faces.recording == 0] != alone).any()


def replace_recordings(faces, number):
    """The faces of one recording as if it were the only one."""
    kept = faces.recording == number
    fields = {n: getattr(faces, n)[kept] for n in type(faces).__dataclass_fields__ if n != "tokens"}
    return type(faces)(**fields | {"recording": np.zeros(kept.sum(), np.int32)}, tokens=[faces.tokens[number]])


def test_times_before_0_are_second_0() -> None:
    assert in_audit("anna.mp4", -0.5) == in_audit("anna.mp4", 0)


def test_what_stays_together_depends_on_the_goal() -> None:
    faces, _ = made_up(4, 250, people=2)
    labelled = every(faces, 1)
    assert len(np.unique(groups(faces, PEOPLE, labelled))) == 4
    assert len(np.unique(groups(faces, ANYONE, labelled))) == 2
    sparse = groups(faces, THESE, every(faces, 50))  # a label every 2 s: half a second away in the middle
    assert len(np.unique(sparse)) < len(np.unique(groups(faces, THESE, every(faces, 2))))


def test_stretches_do_not_reach_into_other_recordings() -> None:
    faces, _ = made_up(2, 50)
    found = stretches(faces, 1.0)
    assert len(np.unique(found)) == 4
    assert not set(found[faces.recording == 0]) & set(found[faces.recording == 1])


def test_folds_divide_labelled_groups_evenly_and_always_alike() -> None:
    group = np.repeat(np.arange(12), 5)
    labelled = group < 10
    found = folds(group, labelled)
    assert (found[~labelled] == -1).all()
    assert np.bincount(found[labelled]).tolist() == [10] * 5
    assert all(len(np.unique(found[group == g])) == 1 for g in range(12))
    assert (found == folds(group, labelled)).all()
    assert set(folds(np.repeat([0, 1, 2], 4), np.ones(12, bool))) == {0, 1, 2}


def test_a_single_recording_is_one_stretch_where_labels_are_far_from_everything() -> None:
    faces, _ = made_up(1, 100)
    one = replace(faces, time_s=np.zeros(100))
    assert len(np.unique(stretches(one, 1.0))) == 1
