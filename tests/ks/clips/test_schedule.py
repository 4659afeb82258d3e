"""Budgets, clips and schedule."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.clips.frame_index import index_frames
from knowledge_spreader.clips.label_budget import choose_labels, labelled_mask, read_labels, write_labels
from knowledge_spreader.clips.schedule import Schedule
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError


def video(frames: list[int], name: str = "v", labels: list[int] | None = None) -> Video:
    numbers = np.array(frames, np.int32)
    column = np.array(labels if labels is not None else [f % 2 for f in frames], np.int8)
    return Video(name, name, Path(name), numbers, np.arange(len(frames), dtype=np.int32), column[:, None])


def test_two_percent_is_one_label_every_fifty_frames() -> None:
    chosen = choose_labels([video(list(range(1, 501)))], 0.02, "sparse", seed=3)["v"]
    assert len(chosen) == 10
    assert set(np.diff(chosen)) == {50}


def test_the_consecutive_scheme_takes_as_many_labels_in_one_run() -> None:
    videos = [video(list(range(500)), name) for name in ("a", "b", "c")]
    sparse, run = (choose_labels(videos, 0.05, scheme, seed=1) for scheme in ("sparse", "consecutive"))
    for name in ("a", "b", "c"):
        assert len(sparse[name]) == len(run[name]) == 25
        assert set(np.diff(run[name])) == {1}


def test_frames_without_a_known_label_are_not_counted() -> None:
    # every second frame is unknown: 50 known ones, one in 10 of them
    labels = [-1 if i % 2 else 1 for i in range(100)]
    chosen = choose_labels([video(list(range(100)), labels=labels)], 0.1, "sparse", seed=0)["v"]
    assert len(chosen) == 5
    assert (chosen % 2 == 0).all()


def test_short_videos_keep_the_budget_on_the_whole() -> None:
    # 2,000 videos of 10 frames at 2 %: 400 labels, though none has 50 frames; binomial deviation 18
    videos = [video(list(range(10)), f"v{i}") for i in range(2000)]
    total = sum(len(frames) for frames in choose_labels(videos, 0.02, "sparse", seed=0).values())
    assert 400 - 80 < total < 400 + 80


def test_the_seed_decides_and_other_videos_do_not() -> None:
    a, b = video(list(range(300)), "a"), video(list(range(300)), "b")
    alone, beside = choose_labels([a], 0.02, "sparse", 5)["a"], choose_labels([b, a], 0.02, "sparse", 5)["a"]
    assert alone.tolist() == beside.tolist()
    offsets = {int(choose_labels([a], 0.02, "sparse", seed)["a"][0]) for seed in range(20)}
    assert len(offsets) > 10


def test_a_label_list_survives_a_file(tmp_path: Path) -> None:
    chosen = choose_labels([video(list(range(300)), "ü, x"), video(list(range(90)), "b")], 0.05, "sparse", 5)
    (tmp_path / "labels.csv").write_text(write_labels(chosen), encoding="utf-8")
    back = read_labels(tmp_path / "labels.csv")
    assert {k: v.tolist() for k, v in back.items()} == {k: v.tolist() for k, v in chosen.items()}


@pytest.mark.parametrize("text", ["frame\n1\n", "video,frame\na,x\n", "video,frame\na\n"])
def test_another_file_is_no_label_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match="columns video and frame"):
        read_labels(tmp_path / "labels.csv")


def test_the_labelled_frame_stands_at_position_m_and_borders_repeat_the_edge() -> None:
    index = index_frames([video(list(range(10, 20)))], [np.ones(10, bool)], 5)
    rows = {m: index.clip_rows(np.array([0, 5, 9]), m, 5).tolist() for m in (0, 2, 4)}
    assert rows[0] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [9, 9, 9, 9, 9]]
    assert rows[2] == [[0, 0, 0, 1, 2], [3, 4, 5, 6, 7], [7, 8, 9, 9, 9]]
    assert rows[4] == [[0, 0, 0, 0, 0], [1, 2, 3, 4, 5], [5, 6, 7, 8, 9]]


def test_a_gap_in_the_frame_numbers_and_a_lost_face_end_a_clip() -> None:
    # frames 1 2 3 | 7 8 (no face) 9 10: runs of rows 0-2, 3, 5-6
    frames = [1, 2, 3, 7, 8, 9, 10]
    found = np.array([1, 1, 1, 1, 0, 1, 1], bool)
    index = index_frames([video(frames)], [found], 3)
    assert index.row.tolist() == [0, 1, 2, 3, 5, 6]
    assert (
        list(zip(index.run_start.tolist(), index.run_end.tolist(), strict=True))
        == [(0, 3)] * 3 + [(3, 4)] + [(5, 7)] * 2
    )
    assert index.clip_rows(np.array([3, 4]), 1, 3).tolist() == [[3, 3, 3], [5, 5, 6]]


@given(
    st.lists(st.integers(1, 4), min_size=5, max_size=60),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.integers(2, 5),
    st.integers(1, 2),
)
def test_clips_are_always_consecutive_frames_of_one_run(
    steps: list[int], faces: list[bool], n: int, stride: int
) -> None:
    frames = np.cumsum(steps)
    found = np.array(faces[: len(frames)])
    found[0] = True
    v = video(frames.tolist())
    index = index_frames([v], [found], n)
    for m in range(n):
        rows = index.clip_rows(np.arange(len(index)), m, n, stride)
        assert (rows[:, m] == index.row).all()
        assert found[rows].all()
        numbers = v.frames[rows]
        assert ((np.diff(numbers, axis=1) >= 0) & (np.diff(numbers, axis=1) <= stride)).all()


def test_a_video_shorter_than_a_clip_is_refused() -> None:
    with pytest.raises(DataError, match="v has 4 frames, a clip needs 5"):
        index_frames([video([1, 2, 3, 4])], [np.ones(4, bool)], 5)


def test_no_face_anywhere_is_refused() -> None:
    with pytest.raises(DataError, match="no face was found"):
        index_frames([video(list(range(9)))], [np.zeros(9, bool)], 5)


def test_only_listed_frames_with_a_known_label_may_be_used() -> None:
    videos = [video([1, 2, 3, 4, 5], "a", [1, -1, 0, 1, 1]), video([1, 2, 3, 4, 5], "b")]
    index = index_frames(videos, [np.array([1, 1, 1, 0, 1], bool), np.ones(5, bool)], 2)
    mask = labelled_mask(index, videos, {"a": np.array([1, 2, 3, 4], np.int32), "elsewhere": np.array([1], np.int32)})
    assert index.row[mask].tolist() == [0, 2]  # frame 2 is unknown, frame 4 has no face


def schedule(**changes: object) -> Schedule:
    values: dict[str, object] = {
        "seed": 0, "labelled": np.arange(10), "unlabelled": np.arange(100, 200), "batch": 4, "unlabelled_batch": 2,
        "unlabelled_from": 3, "n_frames": 5, "key_shift": True,
    }  # fmt: skip
    return Schedule(**{**values, **changes})  # type: ignore[arg-type]


def test_the_key_frame_moves_with_the_batch_number_over_epochs() -> None:
    s = schedule()
    assert s.steps_per_epoch == 3
    assert [s.plan(i).m for i in range(8)] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert {schedule(key_shift=False).plan(i).m for i in range(8)} == {4}


def test_an_epoch_shows_each_labelled_clip_and_fills_the_last_batch() -> None:
    s = schedule()
    shown = np.concatenate([s.plan(i).labelled for i in range(3)])
    assert len(shown) == 12
    assert set(shown.tolist()) == set(range(10))
    other = np.concatenate([s.plan(i).labelled for i in range(3, 6)])
    assert shown.tolist() != other.tolist()


@pytest.mark.parametrize("labels", [3, 10, 31])
def test_with_epoch_clips_every_budget_has_epochs_of_the_same_length_and_shows_each_clip_in_turn(labels: int) -> None:
    s = schedule(labelled=np.arange(labels), epoch_clips=24)
    assert s.steps_per_epoch == 6
    assert [s.plan(i).epoch for i in (0, 5, 6, 12)] == [1, 1, 2, 3]
    per_pass = -(-labels // 4)
    for first in (0, per_pass, 2 * per_pass):
        shown = np.concatenate([s.plan(i).labelled for i in range(first, first + per_pass)])
        assert set(shown.tolist()) == set(range(labels))


def test_unlabelled_clips_come_from_their_epoch_on() -> None:
    s = schedule()
    assert [len(s.plan(i).unlabelled) for i in (0, 5, 6, 20)] == [0, 0, 2, 2]
    assert len(schedule(unlabelled_from=0).plan(20).unlabelled) == 0
    assert schedule().plan(6).unlabelled.min() >= 100


def test_two_processes_share_exactly_the_clips_and_noise_of_one() -> None:
    whole = schedule().plan(7)
    halves = [schedule(rank=r, world=2).plan(7) for r in (0, 1)]
    assert np.concatenate([h.labelled for h in halves]).tolist() == whole.labelled.tolist()
    assert np.concatenate([h.unlabelled for h in halves]).tolist() == whole.unlabelled.tolist()
