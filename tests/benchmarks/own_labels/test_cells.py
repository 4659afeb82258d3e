"""The study of own labels on made-up faces, whose base model hardly knows the first AU."""

from itertools import product

import numpy as np
import pytest

from knowledge_spreader.adapt.apart import ANYONE, PEOPLE, THESE
from knowledge_spreader.benchmarks.own_labels.cells import METHODS, Cell, Material, budget, run_cell
from tests.ks.adapt.made_up import THRESHOLDS, made_up


@pytest.fixture(scope="module")
def material() -> Material:
    faces, truth = made_up(recordings=8, frames=100, people=4)
    return Material.of(faces, truth, THRESHOLDS)


def test_labels_are_spread_over_every_recording_or_in_one_run(material: Material) -> None:
    every = np.ones(len(material.faces), np.bool_)
    for scheme in ("sparse", "consecutive"):
        chosen = budget(material.faces, every, 0.05, scheme, seed=3)
        for recording in range(8):
            at = np.flatnonzero(chosen & (material.faces.recording == recording))
            assert len(at) == 5
            assert set(np.diff(at)) == ({20} if scheme == "sparse" else {1})


def test_heads_learn_what_the_base_model_does_not_know(material: Material) -> None:
    base = run_cell(material, Cell(THESE, 1.0, "base", 0))
    heads = run_cell(material, Cell(THESE, 0.1, "heads", 0))
    assert heads["f1_per_au"][0] > base["f1_per_au"][0] + 0.2
    assert heads["low"] <= heads["f1"] <= heads["high"]
    assert heads["labelled"] == 80  # a tenth of 8 recordings of 100 frames


@pytest.mark.parametrize(("goal", "method"), list(product((THESE, PEOPLE, ANYONE), METHODS)))
def test_every_method_has_a_row_for_everything_that_is_tested(material: Material, goal: str, method: str) -> None:
    row = run_cell(material, Cell(goal, 0.1, method, 0))
    assert 0.4 < row["f1"] <= 1
    assert (row["tested_on"], row["method"], row["people"]) == (goal, method, 4)


def test_new_people_need_two_people_and_new_recordings_somebody_with_two() -> None:
    faces, truth = made_up(recordings=2, people=2)
    assert Material.of(faces, truth, THRESHOLDS).goals == (THESE, ANYONE)
    faces, truth = made_up(recordings=2, people=1)
    assert Material.of(faces, truth, THRESHOLDS).goals == (THESE, PEOPLE)
