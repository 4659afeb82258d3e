"""Portraits: which pictures are meant, and figures by hand."""

import logging
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.benchmarks.real_faces.portrait_scores import score_portraits
from knowledge_spreader.benchmarks.real_faces.portraits import Portrait, read_portraits
from knowledge_spreader.errors import DataError

NAN = float("nan")


def folder_of(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_a_name_tells_what_a_portrait_shows_and_whose_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ("neutral_front__001_03.jpg", "smiling_front__001_08.jpg", "P7 Neutral.PNG", "ann neutral.png")
    others = ("profile_001.jpg", "neutral.txt", "neutral or smile.png", ".neutral.jpg")
    with caplog.at_level(logging.INFO):
        found = read_portraits(folder_of(tmp_path, *names, *others))
    told = {one.path.name: (one.person, one.smiles) for one in found.pictures}
    assert told == {
        "neutral_front__001_03.jpg": ("1", False),
        "smiling_front__001_08.jpg": ("1", True),
        "P7 Neutral.PNG": ("7", False),
        "ann neutral.png": ("ann neutral.png", False),
    }
    (line,) = caplog.messages
    assert "3 of 7 files left out" in line  # hidden files are no files


@pytest.mark.parametrize("names", [(), ("a.jpg",), ("smile 1.jpg",)])
def test_a_folder_without_a_face_at_rest_is_refused_in_one_line(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=f"no picture of a face at rest among {len(names)} files"):
        read_portraits(folder_of(tmp_path, *names))
    with pytest.raises(DataError, match="cannot be read"):
        read_portraits(tmp_path / "nowhere")


def test_the_same_names_are_the_same_set(tmp_path: Path) -> None:
    shas = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shas.append(read_portraits(folder_of(tmp_path / name, "1 neutral.png")).sha256)
    shas.append(read_portraits(folder_of(tmp_path / "two", "2 neutral.png")).sha256)
    assert shas[0] == shas[1] != shas[2]


def pictures(*told: tuple[str, bool]) -> list[Portrait]:
    return [Portrait(Path(f"{i}.jpg"), person, smiles) for i, (person, smiles) in enumerate(told)]


def test_an_au_at_rest_is_a_false_alarm_and_smiles_are_ranked_against_rest() -> None:
    shown = pictures(*((str(i), smiles) for smiles in (False, True) for i in range(4)))
    values = np.array([[0.1, 0.9], [0.2, 0.1], [0.3, 0.1], [0.6, 0.1], [0.9, 0.1], [0.8, 0.1], [0.7, 0.1], [0.2, 0.1]])
    found = score_portraits(shown, values, np.array([0.5, 0.5]), [""] * 8, (12, 14), {"all": {12, 14}})
    smile, dimple = found.aus
    assert (smile.at_rest, smile.smiles) == (1 / 4, 3 / 4)
    assert smile.auc_smile == pytest.approx((4 + 4 + 4 + 1.5) / 16)  # 0.2 beats 0.1 and ties with 0.2
    assert smile.auc_smile_interval[0] < smile.auc_smile < smile.auc_smile_interval[1]
    assert (dimple.at_rest, dimple.smiles) == (1 / 4, 0)
    assert np.isnan(dimple.auc_smile)  # a smile need not dimple
    assert smile.at_rest_interval == (0.0, 0.75)
    assert found.mean_at_rest == {"all": 1 / 4}


def test_pictures_without_an_answer_are_counted_and_left_out() -> None:
    shown = pictures(("1", False), ("2", False), ("3", False), ("1", True))
    values = np.array([[0.9], [NAN], [0.1], [NAN]])
    found = score_portraits(shown, values, np.array([0.5]), ["", "small", "", "not found"], (12,), {"all": {12}})
    assert found.no_answer == 0.5
    assert found.reasons == {"small": 1, "not found": 1}
    assert found.aus[0].at_rest == 1 / 2
    assert np.isnan([found.aus[0].smiles, found.aus[0].auc_smile]).all()


def test_an_au_without_values_has_no_false_alarms() -> None:
    found = score_portraits(
        pictures(("1", False), ("2", False)),
        np.array([[0.1, NAN], [0.9, NAN]]),
        np.full(2, 0.5),
        ["", ""],
        (12, 23),
        {"all": {12, 23}},
    )
    assert np.isnan([found.aus[1].at_rest, *found.aus[1].at_rest_interval]).all()
    assert found.mean_at_rest == {"all": 1 / 2}
