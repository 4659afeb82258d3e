"""Scores of a run: sets together and apart, beside MediaPipe, and by size and turn of the face."""

import json
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.benchmarks.real_faces.answers import Answer, Run
from knowledge_spreader.benchmarks.real_faces.coded import CodedFace, CodedFaces
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet
from knowledge_spreader.benchmarks.real_faces.judge import ALL, MEDIAPIPE, MODEL, judge
from knowledge_spreader.benchmarks.real_faces.report import report


def coded_set(codes: list[list[int]], aus: tuple[int, ...], name: str = "l.csv") -> CodedSet:
    """Faces of as many people as there are rows."""
    faces = tuple(CodedFace("a.mp4", i, 0, str(i), None, tuple(row)) for i, row in enumerate(codes))
    return CodedSet(name, Path(name), Path(name).with_suffix(""), "0" * 64, CodedFaces(aus, faces))


def run_of(*sets: list[Answer], aus: tuple[int, ...] = (12,)) -> Run:
    return Run(tuple(map(tuple, sets)), (), "m.ks", "w", "", "e", cuts := dict.fromkeys(aus, 0.6), cuts, "paper")


def says(probability: float, au: int = 12, width_px: float = 100.0, turned_deg: float = 0.0) -> Answer:
    return Answer("", {au: probability}, {au: probability > 0.5}, None, width_px, turned_deg)


def test_a_model_that_lacks_an_au_leaves_it_out_and_keeps_the_others() -> None:
    coded = coded_set([[int(i < 3), int(i < 3)] for i in range(6)], (12, 18))
    run = run_of([says(1 - i / 6) for i in range(6)])
    found = judge(run, [coded], None, beside=False)
    (row,) = found.scores[MODEL].aus
    assert (row.au, row.auc, row.f1, found.left_out) == (12, 1.0, 1.0, (18,))
    told = json.loads(json.dumps(report(run, found, [coded], None)))
    assert told["faces"][0]["probability"] == {"AU12": 1.0}
    assert told["left_out"] == ["AU18"]


def test_beside_mediapipe_both_are_scored_on_the_faces_that_both_answered_for() -> None:
    coded = coded_set([[int(i < 4)] for i in range(8)], (12,))
    answers = [Answer("", {12: 0.5}, {12: False}, {12: 0.2}) for _ in range(8)]
    answers[0] = Answer("turned", blendshapes={12: 0.2})
    answers[7] = Answer("", {12: 0.5}, {12: False}, None)
    found = judge(run_of(answers), [coded], None, beside=True).scores
    assert {who: (of.aus[0].present, of.aus[0].absent) for who, of in found.items()} == {
        MODEL: (3, 3),
        MEDIAPIPE: (3, 3),
    }
    alone = judge(run_of(answers), [coded], None, beside=False).scores[MODEL]
    assert (alone.aus[0].present, alone.aus[0].absent) == (3, 4)


def test_sets_of_different_aus_are_scored_together_and_apart() -> None:
    first = coded_set([[1], [1], [1], [0], [0], [0]], (12,), "a.csv")
    second = coded_set([[1, 1], [0, 1], [0, 1], [0, 0], [0, 0], [0, 0]], (12, 4), "b.csv")
    answers = [Answer("", {12: 0.9 - i / 10, 4: 0.9 - i / 10}, {}) for i in range(6)]
    found = judge(run_of(answers, answers, aus=(4, 12)), [first, second], None, beside=False)
    counts = {row.au: (row.present, row.absent) for row in found.scores[MODEL].aus}
    assert counts == {4: (3, 3), 12: (4, 8)}  # what the first set does not code is not absent
    assert [one.means[MODEL][ALL].aus for one in found.sets] == [(12,), (4,)]  # one face shows AU12 in the second
    assert [(one.name, one.faces, one.answered) for one in found.sets] == [("a.csv", 6, 6), ("b.csv", 6, 6)]


def test_small_and_turned_faces_have_an_auc_of_their_own() -> None:
    codes = [[int(i % 6 < 3)] for i in range(18)]
    large = [says(1 - i / 6) for i in range(6)]  # in order
    small = [says(i / 6, width_px=47.9) for i in range(6)]  # all pairs out of order
    turned = [says(0.5, turned_deg=35.1) for i in range(6)]  # all tied
    found = judge(run_of(large + small + turned), [coded_set(codes, (12,))], None, beside=False).coverage
    auc = {name: group.mean.auc for name, group in found.groups.items()}
    assert (auc["large and frontal"], auc["small"], auc["turned"]) == (1.0, 0.0, 0.5)
    assert auc["small or turned"] == pytest.approx((4.5 + 1.5) / 36)  # ties among the turned, and with a small one
    assert found.groups["small or turned"].faces == 12


def test_coverage_says_how_many_have_no_answer_and_why() -> None:
    answers = [Answer(), Answer("small", width_px=30.0, turned_deg=0.0), says(0.5), says(0.5, width_px=40.0)]
    found = judge(run_of(answers), [coded_set([[0]] * 4, (12,))], None, beside=False).coverage
    assert (found.faces, found.answered, found.no_answer) == (4, 2, {"not found": 1, "small": 1})
    counts = {name: (group.faces, group.answered) for name, group in found.groups.items()}
    assert counts["small"] == counts["small or turned"] == (2, 1)
    assert counts["large and frontal"] == (1, 1)  # a face that was not found has no size
    assert np.isnan(found.groups["small"].mean.auc)
