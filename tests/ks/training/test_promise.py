"""On planted people 0 KS stays above supervised training at 5 % of the labels; where it does not: docs/results.md."""

from pathlib import Path

import pytest

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.evaluation.predict import predict_test
from knowledge_spreader.evaluation.report import evaluate
from knowledge_spreader.training.trainer import train
from tests.planted import write_planted


@pytest.mark.long
def test_on_these_people_ks_stays_above_its_supervised_counterpart_at_five_percent(tmp_path: Path) -> None:
    # the first seed of docs/results.md, cut from 150 epochs to 90: 81.2 against 76.0 instead of 85.4 against 78.5;
    # epochs have 3 steps here, hence the later starts
    planted = write_planted(tmp_path / "planted", subjects=24, videos_each=1, frames=80)
    scores = {}
    for method in ("supervised", "ks"):
        config = TrainConfig(
            data="manifest", root=str(planted.manifest), out=str(tmp_path / method), cache=str(tmp_path / "crops"),
            aligned=True, method=method, labels=0.05, side_px=32, backbone="tiny", init="random", epochs=90,
            gate_from=18, unlabelled_from=24, val_share=0.25, val_labels="all", eval_every=10, workers=0, amp="off",
            device="cpu",
        )  # fmt: skip
        summary = train(config, progress=False)
        scores[method] = 100 * evaluate([predict_test(summary.best_path, "cpu")])["fold_mean"]["f1"]["mean"]
    assert scores["ks"] > scores["supervised"] + 2
