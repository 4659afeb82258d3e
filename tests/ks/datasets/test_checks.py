"""Class weights, the published numbers and load_dataset."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets import DataSet, Video, bp4d, checks, class_weights, disfa, load_dataset
from knowledge_spreader.datasets.checks import Published, published_notes
from knowledge_spreader.errors import DataError
from tests.ks.datasets.trees import plant_occ


def test_weights_are_inverse_rates_with_mean_1() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], np.int8)
    # r = 2/4, 1/4; 1/r = 2, 4; their mean is 3
    assert class_weights(labels) == pytest.approx([2 / 3, 4 / 3])
    assert class_weights(labels).dtype == np.float64


def test_unknown_labels_do_not_count() -> None:
    labels = np.array([[1, 1], [-1, 0], [-1, 0], [0, 1]], np.int8)
    # r = 1/2, 2/4: equal
    assert class_weights(labels) == pytest.approx([1.0, 1.0])


def test_a_rate_is_at_least_one_over_the_number_of_labels() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], np.int8)
    # r = 2/4 and, for 0/4, 1/4; 1/r = 2, 4
    assert class_weights(labels) == pytest.approx([2 / 3, 4 / 3])


def test_an_au_without_any_label_has_weight_1_and_moves_no_other() -> None:
    labels = np.array([[1, -1, 0], [1, -1, 0], [0, -1, 1], [0, -1, 0]], np.int8)
    assert class_weights(labels) == pytest.approx([2 / 3, 1.0, 4 / 3])
    assert class_weights(np.full((3, 2), -1, np.int8)) == pytest.approx([1.0, 1.0])


def test_when_strict_an_au_without_a_positive_is_named_with_the_way_out() -> None:
    labels = np.array([[1, 0, 0], [0, 0, 1]], np.int8)
    with pytest.raises(DataError, match=r"no training frame of 2 shows AU9, .*leave it out with --aus 4,12"):
        class_weights(labels, (4, 9, 12), strict=True)
    with pytest.raises(DataError, match=r"shows AU4, AU9, AU12.*use other videos or AUs"):
        class_weights(np.zeros((2, 3), np.int8), (4, 9, 12), strict=True)
    assert class_weights(labels[:, [0, 2]], (4, 12), strict=True) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("data_set", [bp4d, disfa])
def test_published_weights_have_mean_1(data_set: object) -> None:
    weights = data_set.PUBLISHED.weights  # type: ignore[attr-defined]
    assert tuple(weights) == data_set.AUS  # type: ignore[attr-defined]
    assert np.mean(list(weights.values())) == pytest.approx(1.0, abs=2e-6)


def planted(labels: np.ndarray, aus: tuple[int, ...] = (1, 12)) -> DataSet:
    frames = np.arange(len(labels), dtype=np.int32)
    videos = tuple(Video(s, s, Path(s), frames, frames, labels.astype(np.int8)) for s in ("A", "B"))
    return DataSet("planted", aus, 25.0, videos, (("A",), ("B",)))  # fold 1 trains on A


def test_the_checksum_counts_an_unknown_as_positive_like_the_fields_code() -> None:
    data = planted(np.array([[1, 1], [-1, 0], [0, 0], [0, 0]]))
    # r = 2/4 with the unknown, 1/4; 1/r = 2, 4; weights 2/3, 4/3
    agreed = Published(2, (4, 4), {1: 2 / 3, 12: 4 / 3})
    assert published_notes(data, agreed) == ()
    masked = Published(2, (4, 4), {1: 3 / 7, 12: 4 / 7})
    (note,) = published_notes(data, masked)
    assert note.startswith("class weights of fold 1 differ from the published ones, most for AU1: 0.6667, ")


def test_the_checksum_is_taken_over_the_aus_that_were_asked_for() -> None:
    labels = np.array([[1, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 1]])
    published = Published(2, (4, 4), {1: 0.5, 12: 1.0, 24: 1.5})  # AU24 was not loaded, AU45 is not published
    assert published_notes(planted(labels, (1, 12, 45)), published) == ()


def test_the_checksum_is_silent_when_frames_are_missing_for_the_totals_speak() -> None:
    data = planted(np.array([[1, 1], [0, 0], [0, 0], [0, 0]]))
    notes = published_notes(data, Published(3, (400, 3), {1: 0.1, 12: 1.9}))
    assert notes == (
        "2 subjects, published 3",
        "part 1 has 4 frames, published 400 (396 fewer)",
        "part 2 has 4 frames, published 3 (1 more)",
    )


def test_tolerance_is_a_thousandth() -> None:
    data = planted(np.array([[1, 1], [1, 0], [0, 0], [0, 0]]))
    near, far = 2 / 3 * (1 + 0.5 * checks.WEIGHT_TOLERANCE), 2 / 3 * (1 + 5 * checks.WEIGHT_TOLERANCE)
    assert published_notes(data, Published(2, (4, 4), {1: near, 12: 2 - near})) == ()
    assert len(published_notes(data, Published(2, (4, 4), {1: far, 12: 2 - far}))) == 1


def test_load_dataset_refuses_unknown_names_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data set 'ck\+'; choose one of bp4d, bp4d\+, disfa, mme, manifest"):
        load_dataset("ck+", tmp_path)
    for name in ("bp4d", "bp4d+", "disfa", "mme", "manifest"):
        with pytest.raises(DataError, match="nowhere: no such"):
            load_dataset(name, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: this is a file"):
        load_dataset("bp4d", tmp_path / "file")
    with pytest.raises(DataError, match="frame rate must be 1 to 240"):
        load_dataset("bp4d", tmp_path, fps=-3)


def test_load_dataset_sets_the_rate(tmp_path: Path) -> None:
    plant_occ(tmp_path, "F001_T1", (0, 1), [(1, 1), (2, 0)])
    assert load_dataset("bp4d", tmp_path, (1,)).fps == 25.0
    assert load_dataset("bp4d", tmp_path, (1,), fps=12.5).fps == 12.5
    assert load_dataset("mme", tmp_path, (1,)).name == "mme"
