"""Reports of fabricated predictions: numbers by hand, what is refused, and that every view can be made."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.evaluation.report import Predictions, evaluate, plot, print_report
from knowledge_spreader.files import write_json

DISFA = (1, 2, 4, 6, 9, 12, 25, 26)


def predictions(
    aus: tuple[int, ...] = DISFA, fold: int = 1, frames: int = 400, n: int = 5, **changes: Any
) -> Predictions:
    """A model that is right most of the time and better the later the key frame."""
    rng = np.random.default_rng(fold)
    labels = (rng.random((frames, len(aus))) < np.linspace(0.05, 0.5, len(aus))).astype(np.int8)
    logits = (labels * 2 - 1) * 1.2 + rng.normal(0, 1.3, (2, frames, len(aus)))
    worse = rng.normal(0, 1, (n, *labels.shape)) * np.linspace(0.8, 0, n)[:, None, None]
    labels[rng.random(labels.shape) < 0.02] = -1
    made: dict[str, Any] = {
        "checkpoint": f"runs/fold{fold}/best.safetensors",
        "data": "disfa",
        "fold": fold,
        "aus": aus,
        "labels": labels,
        "probability": (1 / (1 + np.exp(-(logits.mean(axis=0) + worse)))).astype(np.float32),
        "o_a": logits[0].astype(np.float32),
        "o_b": logits[1].astype(np.float32),
        "thresholds": tuple(np.linspace(0.4, 0.6, len(aus)).tolist()),
        "selection": "held-out training subjects",
        "label_share": 0.02,
        "method": "ks",
    }
    return Predictions(**{**made, **changes})


def tiny(labels: list[int], probability: list[float], **changes: Any) -> Predictions:
    """One AU, one key position; both branches say what the whole says."""
    p = np.array(probability, np.float32)[:, None]
    logit = np.log(p / (1 - p))
    fixed = {"labels": np.array(labels, np.int8)[:, None], "probability": p[None], "o_a": logit, "o_b": logit}
    return predictions(aus=(12,), **{**fixed, "thresholds": (), **changes})


def test_numbers_of_one_fold_by_hand() -> None:
    report = evaluate([tiny([1, 1, 0, 0, -1], [0.9, 0.4, 0.8, 0.1, 0.9], thresholds=(0.3,))])
    fold = report["per_fold"][0]
    assert fold["confusion"] == {"AU12": {"tp": 1, "fp": 1, "fn": 1, "tn": 1}}
    assert fold["f1"] == {"mean": 0.5, "per_au": {"AU12": 0.5}}  # 2*1 / (2*1 + 1 + 1)
    assert fold["confusion_chosen"] == {"AU12": {"tp": 2, "fp": 1, "fn": 0, "tn": 1}}
    assert fold["f1_chosen"]["mean"] == pytest.approx(4 / 5)  # 2*2 / (2*2 + 1)
    assert fold["f1_branch_a"]["mean"] == fold["f1_branch_b"]["mean"] == 0.5
    assert fold["auc_branch_a"]["mean"] == fold["auc_branch_b"]["mean"] == 0.75
    assert fold["auc"]["mean"] == 0.75  # of 4 pairs only 0.4 < 0.8 is the wrong way round
    assert fold["positive_rate"] == {"AU12": 0.5}
    assert fold["unknown_labels"] == {"AU12": 1}
    assert fold["frames"] == 5
    assert fold["f1_key_positions"] == [0.5]
    assert fold["thresholds"] == {"AU12": 0.3}
    assert sum(n for n, _, _ in fold["reliability"][0]) == 4
    # ece: each frame alone in its bin: (0.1 + 0.6 + 0.8 + 0.1) / 4
    assert fold["ece"]["mean"] == pytest.approx(0.4, abs=1e-6)


def test_folds_are_averaged_and_pooled() -> None:
    first = tiny([1, 1], [0.9, 0.9], fold=1)  # TP 2: F1 1
    second = tiny([1, 0, 0, 0], [0.1, 0.9, 0.9, 0.1], fold=2)  # FN 1, FP 2: F1 0
    report = evaluate([first, second])
    assert report["fold_mean"]["f1"]["mean"] == 0.5
    assert report["pooled"]["f1"]["mean"] == pytest.approx(4 / 7)  # 2*2 / (2*2 + 2 + 1)
    assert report["pooled"]["confusion"] == {"AU12": {"tp": 2, "fp": 2, "fn": 1, "tn": 1}}
    assert report["fold_mean"]["auc"]["mean"] == pytest.approx(
        0.5 / 3
    )  # fold 1 has no negatives; 0.1 ties with one of 3


def test_the_live_position_is_the_main_number() -> None:
    one = predictions(n=3)
    flipped = one.probability.copy()
    flipped[:-1] = 1 - flipped[:-1]
    report = evaluate([replace(one, probability=flipped)])
    assert report["fold_mean"]["f1"] == evaluate([one])["fold_mean"]["f1"]
    assert report["fold_mean"]["f1_key_positions"][-1] == report["fold_mean"]["f1"]["mean"]
    assert report["fold_mean"]["f1_key_positions"][0] < report["fold_mean"]["f1"]["mean"]


def test_the_papers_numbers_stand_beside_ours_only_for_the_same_experiment() -> None:
    paper = evaluate([predictions()])["paper"]
    assert paper == {
        "method": "KS",
        "table": "tables 1 and 4",
        "label_share": 0.02,
        "f1_mean": 0.528,
        "per_au": None,
    }
    assert evaluate([predictions(label_share=0.15)])["paper"]["per_au"]["AU26"] == 0.54
    assert evaluate([predictions(label_share=0.05, method="supervised")])["paper"]["method"] == "EAC-Net"
    for other in ({"label_share": 0.03}, {"data": "manifest"}, {"aus": (1, 2, 4)}, {"data": "mme"}):
        assert evaluate([predictions(**other)])["paper"] is None


def test_what_does_not_exist_becomes_null_in_json(tmp_path: Path) -> None:
    one = predictions()
    labels = one.labels.copy()
    labels[:, 3] = -1
    report = evaluate([replace(one, labels=labels)])
    assert report["fold_mean"]["f1"]["per_au"]["AU6"] is None
    assert report["fold_mean"]["f1"]["mean"] == pytest.approx(
        np.mean([v for v in report["fold_mean"]["f1"]["per_au"].values() if v is not None])
    )
    write_json(tmp_path / "new" / "report.json", report)
    assert json.loads((tmp_path / "new" / "report.json").read_text("utf-8")) == report
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["report.json"]
    shown(report)
    plot(report, tmp_path / "report.png")


def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = evaluate([predictions()])
    with pytest.raises(KSError, match=r"report.json cannot be written"):
        write_json(tmp_path / "file" / "report.json", report)
    with pytest.raises(KSError, match=r"cannot write .*report.png"):
        plot(report, tmp_path / "file" / "report.png")
    with pytest.raises(KSError, match=r"another path or suffix"):
        plot(report, tmp_path / "report.xyz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "bp4d"}, "must have the same data; got bp4d and disfa"),
        ({"method": "tcl"}, "must have the same method"),
        ({"label_share": 0.5}, "must have the same label_share"),
        ({"selection": "PAPER PROTOCOL: best epoch chosen on the test part"}, "must have the same selection"),
        ({"aus": (1, 2)}, "must have the same aus"),
        ({"n": 3}, "clip length"),
        ({"thresholds": ()}, "thresholds"),
        ({"fold": 1}, "fold 1 was given 2 times"),
    ],
)
def test_folds_of_different_studies_are_not_averaged(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(KSError, match=message):
        evaluate([predictions(fold=1), predictions(**{"fold": 2, **changes})])


def test_no_folds_is_an_error_of_the_user() -> None:
    with pytest.raises(KSError, match="one checkpoint per fold"):
        evaluate([])


def test_predictions_that_do_not_fit_are_refused_with_their_shapes() -> None:
    one = predictions()
    with pytest.raises(DataError, match=r"\(T, 8\).*\(5, 400, 8\)"):
        replace(one, o_a=one.o_a[:-1])
    with pytest.raises(DataError, match=r"\(400, 8\)\Z"):
        replace(one, probability=one.probability[0])
    with pytest.raises(DataError, match="8 AUs need as many thresholds; got 1"):
        replace(one, thresholds=(0.5,))
    with pytest.raises(DataError, match="diverged"):
        replace(one, o_b=np.full_like(one.o_b, np.nan))
    with pytest.raises(DataError, match="no frames"):
        predictions(frames=0)


def shown(report: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_printed_report_fits_100_columns_and_says_what_it_is() -> None:
    text = shown(evaluate([predictions(fold=k) for k in (1, 2, 3)]))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    for part in (
        "KS on disfa, folds 1, 2, 3, 2 % of the labels",
        "held-out training subjects",
        "pooled",
        "m = 4",
        "52.8",
    ):
        assert part in text


def test_the_printed_report_of_one_fold_without_thresholds_has_no_empty_columns() -> None:
    text = shown(evaluate([tiny([1, 0], [0.9, 0.1])]))
    assert "F1 at chosen" not in text
    assert "pooled" not in text
    assert "paper: no number" in text


def test_the_papers_protocol_is_named() -> None:
    text = shown(evaluate([predictions(selection="PAPER PROTOCOL: best epoch chosen on the test part")]))
    assert "PAPER PROTOCOL: best epoch chosen on the test part" in text


def test_a_checkpoint_or_selection_with_brackets_is_printed_as_it_is() -> None:
    assert "on [bold]these[/bold]" in shown(evaluate([predictions(selection="on [bold]these[/bold]")]))


@pytest.mark.parametrize("aus", [(12,), DISFA])
def test_a_picture_is_drawn(aus: tuple[int, ...], tmp_path: Path) -> None:
    plot(evaluate([predictions(aus=aus, fold=k) for k in (1, 2)]), tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["report.png"]
