"""spread.py: what frames without a label teach; never across recordings or faces."""

import numpy as np
import pytest

from knowledge_spreader.adapt.spread import FIXMATCH, KS, NONE, PSEUDO_LABEL, View, fit_with, window_mean
from tests.ks.adapt.made_up import all_tokens, made_up


def a_view(seed: int = 0) -> tuple[View, np.ndarray]:
    faces, truth = made_up(2, 300, apart=5.0, seed=seed)
    x = np.hstack([all_tokens(faces), faces.points])
    base = faces.crops[:, 0].astype(np.float64)
    mean = window_mean(x, faces.recording, faces.face, faces.frame).astype(np.float32)
    window_base = window_mean(base, faces.recording, faces.face, faces.frame)
    tokens = all_tokens(faces).shape[1]
    return View(base, x, tokens, window_base, mean, faces.in_order), truth[:, 0]


@pytest.mark.parametrize("way", [NONE, KS, PSEUDO_LABEL, FIXMATCH])
def test_every_way_is_right_on_other_frames(way: str) -> None:
    view, truth = a_view()
    labelled = np.arange(0, 600, 20)
    others = np.setdiff1d(np.arange(600), labelled)
    head = fit_with(way, view, labelled, truth[labelled].astype(float), others, 3.0)
    assert ((head(view.base, view.x) > 0) == truth)[others].mean() > 0.9


@pytest.mark.parametrize("way", [KS, PSEUDO_LABEL, FIXMATCH])
def test_without_other_frames_every_way_is_labels_alone(way: str) -> None:
    view, truth = a_view()
    labelled, none = np.arange(0, 600, 20), np.zeros(0, np.int64)
    alone = fit_with(NONE, view, labelled, truth[labelled].astype(float), none, 3.0)
    head = fit_with(way, view, labelled, truth[labelled].astype(float), none, 3.0)
    assert (head.weight == alone.weight).all()


def test_frames_out_of_order_teach_nothing() -> None:
    view, truth = a_view()
    labelled = np.arange(0, 600, 20)
    others = np.setdiff1d(np.arange(600), labelled)
    shuffled = View(
        *[getattr(view, n) for n in ("base", "x", "n_tokens", "window_base", "window_x")], 0 * view.in_order
    )
    present = truth[labelled].astype(float)
    alone, ks = (
        fit_with(NONE, view, labelled, present, others, 3.0),
        fit_with(KS, shuffled, labelled, present, others, 3.0),
    )
    assert ks.weight == pytest.approx(alone.weight, abs=1e-6)


def test_a_window_ends_at_the_recording_the_face_and_a_gap() -> None:
    x = np.array([1.0, 2, 3, 10, 20, 100])
    recording, face = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 0, 0])
    frame = np.array([0, 1, 9, 9, 0, 1])
    assert window_mean(x, recording, face, frame).tolist() == [1.5, 1.5, 3, 10, 60, 60]
