"""The study's bookkeeping with a made-up trainer: what is run, what is kept through a kill, and what the tables say."""

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.benchmarks.label_budget.cells import Study
from knowledge_spreader.benchmarks.label_budget.plan import (
    ABLATIONS,
    ADDED,
    NO_EFFECT,
    Axes,
    base_config,
    key_of,
    parse_shares,
    plan,
)
from knowledge_spreader.benchmarks.label_budget.rows import append_row, f1_at_best_cuts, read_rows
from knowledge_spreader.benchmarks.label_budget.study import duration, main
from knowledge_spreader.benchmarks.provenance import origin_of_results
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.evaluation.report import Predictions
from knowledge_spreader.evaluation.report_tables import MISSING
from tests.planted import Planted

AUS = (1, 2, 4, 6, 9, 12, 25, 26)  # DISFA's
ORIGIN = {
    "commit": "0123abc",
    "versions": {"python": "3.11"},
    "machine": {"cpu": "a processor", "cores": 2, "gpu": None, "system": "Linux"},
}


@dataclass(frozen=True)
class Summary:
    best_path: Path
    best_epoch: int = 3
    selection_f1: float = math.nan
    epochs: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Trainer:
    """Counts what it is asked for; answers better the more labels there are, and KS better than the others."""

    asked: list[TrainConfig] = field(default_factory=list)
    fails: Callable[[TrainConfig], bool] = lambda config: False
    breaks: Callable[[TrainConfig], bool] = lambda config: False

    def __call__(self, config: TrainConfig) -> tuple[Summary, Predictions]:
        if self.breaks(config):
            raise KeyboardInterrupt
        self.asked.append(config)
        if self.fails(config):
            raise DataError("fold 2 has no labels")
        rng = np.random.default_rng([config.seed, config.fold, config.n_frames, round(config.labels * 1000)])
        labels = (rng.random((300, len(AUS))) < 0.4).astype(np.int8)
        skill = 0.6 + 0.35 * math.log10(100 * config.labels) + (0.4 if config.method == "ks" else 0.0)
        skill -= 0.3 * (config.correlation == "mlp") + 0.2 * (config.labels_scheme == "consecutive")
        skill += 0.1 * config.n_frames
        logits = ((labels * 2 - 1) * skill + rng.normal(0, 1, labels.shape)).astype(np.float32)
        answer = Predictions(
            checkpoint=config.out,
            data=config.data,
            fold=config.fold,
            aus=AUS,
            labels=labels,
            probability=np.stack([1 / (1 + np.exp(-logits))] * config.n_frames).astype(np.float32),
            o_a=logits,
            o_b=logits,
            thresholds=(0.5,) * len(AUS),
            selection="held-out training subjects",
            label_share=config.labels,
            method=config.method,
        )
        gate = {"pseudo_dropped_share": 0.1, "pseudo_accuracy_kept": 0.8, "pseudo_accuracy_dropped": 0.6}
        last = {"epoch": 2.0, "seconds": 1.5, "frames_per_s": 100.0, **(gate if config.method == "ks" else {})}
        return Summary(Path(config.out) / "best.safetensors", epochs=[{"epoch": 1.0, "seconds": 2.0}, last]), answer


def study(out: Path, *more: str, run_one: Trainer | None = None) -> int:
    command = [
        "run",
        "--data",
        "disfa",
        "--root",
        "DISFA",
        "--out",
        str(out),
        "--labels",
        "1%",
        "--folds",
        "1,2",
        *more,
    ]
    return main(command, run_one or Trainer(), lambda: ORIGIN)


def config(**changes: Any) -> TrainConfig:
    return TrainConfig(**{"data": "disfa", "root": "DISFA", "out": "", **changes})


# What is run


def test_each_combination_is_one_run_with_seeds_outermost_and_folds_innermost() -> None:
    runs = plan(config(), Axes(("supervised", "ks"), (0.01, 0.05), (1, 2, 3), (0, 1)), Path("study"))
    assert len(runs) == 2 * 2 * 3 * 2
    assert [run.name for run in runs[:4]] == [
        "supervised-1%-fold1-seed0",
        "supervised-1%-fold2-seed0",
        "supervised-1%-fold3-seed0",
        "ks-1%-fold1-seed0",
    ]
    assert [run.config.seed for run in runs] == [0] * 12 + [1] * 12
    assert len({run.config.out for run in runs}) == len({run.key for run in runs}) == len(runs)


def test_ablations_are_of_ks_alone_and_switch_what_table_3_says() -> None:
    runs = plan(config(), Axes(("tcl", "ks"), (0.05,), (1,), (0,), tuple(ABLATIONS)), Path("study"))
    by_name = {run.ablation: run.config for run in runs if run.config.method == "ks"}
    assert len(runs) == 1 + len(ABLATIONS)
    assert set(by_name) == set(ABLATIONS)
    assert by_name["no-sil"].correlation == "mlp"
    assert (by_name["no-ksm"].lambda_s, by_name["no-ksm"].lambda_t, by_name["no-ksm"].key_shift) == (0, 0, True)
    assert (by_name["no-tpl"].order_task, by_name["no-tpl"].order_gate) == (False, False)
    assert len({run.key for run in runs}) == len(runs)


def test_a_combination_that_is_the_same_as_another_is_run_once() -> None:
    schemes = Axes(("ks",), (0.5, 1.0), (1,), (0,), schemes=("sparse", "consecutive"))
    assert [run.name for run in plan(config(), schemes, Path("s"))] == [
        "ks-50%-fold1-seed0",
        "ks-50%-fold1-seed0-consecutive",
        "ks-100%-fold1-seed0",  # all labels are all labels, however they are spread
    ]
    same = Axes(("ks",), (0.5,), (1,), (0,), ("none", "no-ramp"))
    assert [run.ablation for run in plan(config(ramp=False), same, Path("s"))] == ["none"]


def test_rows_from_before_a_setting_was_added_keep_their_key() -> None:
    one = config()
    then = {name: value for name, value in asdict(one).items() if name not in {*ADDED, *NO_EFFECT}}
    assert key_of(one) == hashlib.sha256(json.dumps(then, sort_keys=True).encode()).hexdigest()
    assert len({key_of(one), *(key_of(replace(one, **ABLATIONS[a])) for a in ("attention-pooling", "mark-key"))}) == 3


def test_the_key_is_of_what_decides_the_result(tmp_path: Path) -> None:
    one = config()
    assert key_of(one) == key_of(replace(one, out="elsewhere", cache="c", workers=0, device="cpu", root="DISFA/"))
    others = [replace(one, **change) for change in ({"seed": 1}, {"epochs": 3}, {"root": "D2"}, {"labels": 0.5})]
    assert len({key_of(c) for c in [one, *others]}) == 5
    table = tmp_path / "videos.csv"
    table.write_text("a")
    first = key_of(config(data="manifest", root=str(table)))
    assert first == key_of(config(data="manifest", root=str(table)))
    table.write_text("b")
    assert first != key_of(config(data="manifest", root=str(table)))


def test_settings_are_read_as_their_own_type() -> None:
    base = base_config("disfa", "D", ["epochs=20", "lr=1e-3", "ramp=off", "kl=bernoulli", "aus=1,2", "side-px=112"])
    assert (base.epochs, base.lr, base.ramp, base.kl, base.aus, base.side_px) == (
        20,
        1e-3,
        False,
        "bernoulli",
        (1, 2),
        112,
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=20", "NAME one of"),
        ("epochs", "NAME=VALUE"),
        ("epochs=many", "a whole number; got 'many'"),
        ("lr=fast", "a number"),
        ("ramp=maybe", "true or false"),
        ("aus=a", "numbers with commas"),
        ("labels=0.1", "use that option"),
        ("out=here", "use that option"),
        ("kl=other", "--kl must be one of"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(setting: str, message: str) -> None:
    with pytest.raises(KSError, match=message):
        base_config("disfa", "D", [setting])


def test_shares_are_percents_or_fractions() -> None:
    assert parse_shares("1%, 5%,0.5,100%") == (0.01, 0.05, 0.5, 1.0)
    for wrong in ("1", "2", "0%", "101%", "x%", "many"):
        with pytest.raises(KSError, match="--labels takes shares"):
            parse_shares(wrong)


@pytest.mark.parametrize(
    "wrong",
    [("--ablations", "no-brain"), ("--folds", "0,1"), ("--folds", "a"), ("--methods", "magic"), ("--schemes", "dense")],
)
def test_a_command_that_cannot_be_followed_says_so_in_one_line(
    wrong: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(tmp_path, *wrong) == 2
    assert capsys.readouterr().err.startswith("error: --")


# What is kept


def test_a_timid_method_is_told_from_one_that_knows_nothing() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.int8)
    timid = np.array([[0.3, 0.4], [0.2, 0.1], [0.1, 0.4], [0.1, 0.1]], np.float32)  # AU1 in order, AU2 not at all
    old = np.ones_like(timid)  # of key positions that are not live: must not be looked at
    said = Predictions(
        "c", "disfa", 1, (1, 2), labels, np.stack([old, timid]), timid, timid, (0.5, 0.5), "none", 0.02, "ks"
    )
    assert f1_at_best_cuts(said) == pytest.approx((1 + 2 / 3) / 2)  # AU2 is said of all: 2 TP / (2 TP + FP) = 4 / 6


def test_a_row_holds_the_run_its_scores_and_where_they_come_from(tmp_path: Path) -> None:
    assert study(tmp_path, "--set", "epochs=2", "--folds", "1") == 0
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert (row["method"], row["share"], row["scheme"], row["fold"], row["seed"]) == ("ks", 0.01, "sparse", 1, 0)
    assert row["config"]["epochs"] == 2
    assert row["f1_mean"] == pytest.approx(np.mean(list(row["f1_per_au"].values())))
    assert row["f1_chosen_mean"] == row["f1_mean"]  # the thresholds are 0.5 here
    assert row["f1_best_mean"] > row["f1_mean"]
    assert sum(row["confusion"]["AU12"].values()) == row["test_frames"] == 300
    assert (row["pseudo_accuracy_kept"], row["pseudo_accuracy_dropped"], row["pseudo_dropped_share"]) == (0.8, 0.6, 0.1)
    assert (row["train_s"], row["frames_per_s"]) == (3.5, 100.0)
    assert row["selection_f1"] is None  # nan
    assert (row["commit"], row["machine"]["cores"]) == ("0123abc", 2)
    assert row["selection"] == "held-out training subjects"


def test_what_has_a_row_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Trainer(), Trainer()
    assert study(tmp_path, run_one=first) == 0
    assert study(tmp_path, "--seeds", "0,1", run_one=second) == 0
    assert [(c.seed, c.fold) for c in first.asked] == [(0, 1), (0, 2)]
    assert [(c.seed, c.fold) for c in second.asked] == [(1, 1), (1, 2)]
    assert "2 runs done, 2 done before, 0 failed" in capsys.readouterr().out


def test_a_run_that_fails_is_recorded_does_not_stop_the_others_and_is_tried_again(tmp_path: Path) -> None:
    assert study(tmp_path, "--folds", "1,2,3", run_one=Trainer(fails=lambda c: c.fold == 2)) == 2
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [row.get("error") for row in rows] == [None, "fold 2 has no labels", None]
    again = Trainer()
    assert study(tmp_path, "--folds", "1,2,3", run_one=again) == 0
    assert [c.fold for c in again.asked] == [2]


def test_a_study_that_is_interrupted_keeps_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(tmp_path, run_one=Trainer(breaks=lambda c: c.fold == 2)) == 130
    assert len(read_rows(tmp_path / "rows.jsonl")) == 1
    assert "the same command resumes" in capsys.readouterr().err


def test_half_a_row_is_dropped_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    assert study(tmp_path) == 0
    path = tmp_path / "rows.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert len(read_rows(path)) == 1
    again = Trainer()
    assert study(tmp_path, run_one=again) == 0
    assert [c.fold for c in again.asked] == [2]
    assert [row["fold"] for row in read_rows(path)] == [1, 2]


@pytest.mark.parametrize("cut", [0, 1, 7, 13])
def test_a_row_can_follow_any_half_row(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"key": "a"}\n' + b'{"key": "bcdef"}'[:cut])
    append_row(path, {"key": "c"})
    assert [row["key"] for row in read_rows(path)] == ["a", "c"]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key": "a"}\n{"key": \n{"key": "c"}\n')
    with pytest.raises(DataError, match="line 2 is not JSON"):
        read_rows(path)
    path.write_text('["a"]\n')
    with pytest.raises(DataError, match="line 1 is not a row"):
        read_rows(path)


def test_list_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(tmp_path, "--folds", "1") == 0
    idle = Trainer()
    capsys.readouterr()
    assert study(tmp_path, "--list", run_one=idle) == 0
    assert capsys.readouterr().out == "done\tks-1%-fold1-seed0\nto do\tks-1%-fold2-seed0\n"
    assert not idle.asked


def test_the_origin_of_results_names_commit_versions_and_machine() -> None:
    origin = origin_of_results()
    assert set(origin) == {"commit", "versions", "machine"}
    assert "numpy" in origin["versions"]
    assert origin["machine"]["cores"] >= 1


def test_nothing_here_needs_torch_before_a_training_begins() -> None:
    code = "import sys, knowledge_spreader.benchmarks.label_budget.study; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_durations_are_written_for_people() -> None:
    assert [duration(s) for s in (42, 600, 5400)] == ["42 s", "10 min", "1 h 30 min"]


# What the tables say


def row(f1: float, seed: int = 0, fold: int = 1, **place: Any) -> dict[str, Any]:
    c = config(**{"labels": 0.05, "seed": seed, "fold": fold, **{k: v for k, v in place.items() if k != "ablation"}})
    ablation = place.get("ablation", "none")
    c = replace(c, **ABLATIONS[ablation])
    axes = Axes((c.method,), (c.labels,), (fold,), (seed,), (ablation,), (c.n_frames,), (c.labels_scheme,))
    (run,) = plan(c, axes, Path())
    return {
        "key": run.key,
        "data": c.data,
        "method": c.method,
        "share": c.labels,
        "scheme": c.labels_scheme,
        "fold": fold,
        "seed": seed,
        "ablation": ablation,
        "n_frames": c.n_frames,
        "config": json.loads(run.config.to_json()),
        "selection": "held-out training subjects",
        "f1_mean": f1,
        **ORIGIN,
    }


def only(rows: list[dict[str, Any]], **study: Any) -> str:
    (cell,) = Study.of(rows, **study).cells().values()
    return str(cell)


def test_a_cell_is_the_mean_over_seeds_of_the_mean_over_folds() -> None:
    rows = [row(0.5, 0, 1), row(0.7, 0, 2), row(0.6, 1, 1), row(1.0, 1, 2)]
    # seeds 0.6 and 0.8: mean 0.7, standard deviation 0.2 / sqrt(2) = 0.1414
    assert only(rows) == "70.0 ± 14.1 (4)"
    assert only(rows[:2]) == "60.0 (2)"


def test_a_seed_without_all_folds_is_left_out() -> None:
    rows = [row(0.5, 0, 1), row(0.7, 0, 2), row(0.9, 1, 1)]
    study = Study.of(rows)
    assert [str(cell) for cell in study.cells().values()] == ["60.0 (2)"]
    assert study.incomplete() == 1
    assert only(rows, where=["fold=1"]) == "70.0 ± 28.3 (2)"  # 0.4 / sqrt(2)


def test_a_failed_run_counts_nowhere_and_a_later_row_replaces_an_earlier_one() -> None:
    failed = {k: v for k, v in row(0.0).items() if k != "f1_mean"} | {"error": "no"}
    assert only([failed, row(0.5), row(0.6)]) == "60.0 (1)"
    with pytest.raises(KSError, match="no finished run"):
        Study.of([failed])
    with pytest.raises(KSError, match="no finished run with seed=7"):
        Study.of([row(0.5)], ["seed=7"])
    with pytest.raises(KSError, match="--where takes"):
        Study.of([row(0.5)], ["colour=red"])


def test_runs_with_different_settings_are_never_averaged() -> None:
    rows = [row(0.5, 0, epochs=20), row(0.6, 1, epochs=50)]
    with pytest.raises(KSError, match=r"differ in epochs \(20, 50\).*--where epochs=20"):
        Study.of(rows)
    assert only(rows, where=["epochs=50"]) == "60.0 (1)"
    Study.of([row(0.5, ablation="none"), row(0.4, ablation="no-sil")])  # the ablation is the difference


def test_two_results_of_one_run_are_refused() -> None:
    with pytest.raises(KSError, match="two results"):
        Study.of([row(0.5), row(0.6) | {"key": "of a changed file"}])


def tables(out: Path, *rows: Path) -> dict[str, str]:
    assert main(["table", *map(str, rows), "--out", str(out)]) == 0
    return {
        path.name: path.read_text("utf-8").replace(MISSING, "?") if path.suffix == ".md" else ""
        for path in out.iterdir()
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    for one in rows:
        append_row(path, one)
    return path


def test_tables_put_the_papers_numbers_beside_ours_and_leave_gaps(tmp_path: Path) -> None:
    rows = [row(0.55), row(0.41, method="supervised"), row(0.50, labels=0.03)]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))
    assert set(text) == {"table1.md", "table4.md", "figure4.png"}
    assert "| labels | supervised | paper: EAC-Net | KS | paper: KS |" in text["table1.md"]
    assert "| 3 % | ? | ? | 50.0 (1) | ? |" in text["table1.md"]
    assert "| 5 % | 41.0 (1) | 39.4 | 55.0 (1) | 56.9 |" in text["table1.md"]
    # supervised, Pseudo-Label, FixMatch, TCL, KS
    assert "| 5 % | 41.0 (1) | 39.4 | ? | 51.5 | ? | 52.7 | ? | 53.6 | 55.0 (1) | 56.9 |" in text["table4.md"]
    assert "commit 0123abc" in text["table4.md"]


def test_auc_has_tables_of_its_own_without_the_papers_numbers(tmp_path: Path) -> None:
    rows = [row(0.55) | {"auc": 0.81}, row(0.5, ablation="no-sil") | {"auc": 0.795}, row(0.4, method="supervised")]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))
    assert text["table4.md"].index("## disfa, AUC") > text["table4.md"].index("| 5 % | 40.0 (1) |")
    assert "| labels | KS |\n| --- | ---: |\n| 5 % | 81.0 (1) |" in text["table4.md"]
    assert "| no-sil | KSM+TPL | 79.5 (1) | -1.5 | ? |" in text["table3.md"]
    assert "figure4-auc.png" in text


def test_f1_at_the_best_cut_has_tables_that_call_it_a_bound(tmp_path: Path) -> None:
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", [row(0.1) | {"f1_best_mean": 0.33}]))["table4.md"]
    assert "(a bound, not a result)\n\n| labels | KS |\n| --- | ---: |\n| 5 % | 33.0 (1) |" in text


def test_another_data_set_has_no_paper_beside_it(tmp_path: Path) -> None:
    rows = [row(0.55, data="manifest", root="none.csv"), row(0.41, data="manifest", root="none.csv", method="tcl")]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))["table4.md"]
    assert "| labels | TCL | KS |" in text
    assert "| 5 % | 41.0 (1) | 55.0 (1) |" in text


def test_a_part_of_the_aus_has_no_paper_beside_it(tmp_path: Path) -> None:
    rows = [row(0.55, aus=(1, 2)), row(0.53, aus=(1, 2), ablation="no-sil")]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))
    assert "| labels | KS |" in text["table4.md"]
    assert "| no-sil | KSM+TPL | 53.0 (1) | -2.0 | ? |" in text["table3.md"]


def test_the_ablation_table_shows_the_change_and_the_pseudo_labels(tmp_path: Path) -> None:
    gate = {"pseudo_accuracy_kept": 0.8, "pseudo_accuracy_dropped": 0.6, "pseudo_dropped_share": 0.1}
    rows = [row(0.55) | gate, row(0.53, ablation="no-sil"), row(0.50, ablation="softmax")]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))["table3.md"]
    assert "| KS | KS | 55.0 (1) | ? | 56.9 |" in text
    assert "| no-sil | KSM+TPL | 53.0 (1) | -2.0 | 54.8 |" in text
    assert "| no-ksm | SIL+TPL | ? | ? | 54.6 |" in text
    assert "| softmax | ? | 50.0 (1) | -5.0 | ? |" in text
    assert "no-ramp" not in text
    assert "| disfa | with the gate | 5 % | 80.0 (1) | 60.0 (1) | 10.0 (1) | ? |" in text


def test_figures_5_and_8_have_their_tables(tmp_path: Path) -> None:
    rows = [row(0.55), row(0.45, labels_scheme="consecutive"), row(0.40, n_frames=2), row(0.57, n_frames=7)]
    text = tables(tmp_path / "out", write(tmp_path / "rows.jsonl", rows))
    assert {"figure5.md", "figure5.png", "figure8.md", "figure8.png"} <= set(text)
    assert "| 5 % | 55.0 (1) | 45.0 (1) | +10.0 |" in text["figure5.md"]
    assert "| 2 | 40.0 (1) |" in text["figure8.md"]
    assert "| 5 | 55.0 (1) |" in text["figure8.md"]


def test_a_study_goes_from_command_to_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--methods", "supervised,ks", "--labels", "1%,5%", "--seeds", "0,1", "--ablations", "none,no-sil")
    assert study(tmp_path, *more) == 0
    text = tables(tmp_path / "out", tmp_path / "rows.jsonl")
    assert set(text) == {"table1.md", "table3.md", "table4.md", "figure4.png", "figure4-auc.png"}
    printed = capsys.readouterr().out.splitlines()[1:]
    assert sorted(Path(line).name for line in printed) == sorted(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--out {tmp}/file", "{tmp}/file is a file, not a folder; choose another path"),
        ("--root {tmp}/no.csv", "no such file; set --root"),
        ("--folds 1,9", "manifest has folds 1 to 3; got 9"),
        ("--set side_px=0", "--side must lie between 32 and 512; got 0"),
        ("--n-frames 5,99", "--n-frames must lie between 2 and 9; got 99"),
        ("--seeds 0,-1", "--seed must lie between 0"),
        ("--set label_list={tmp}/no.csv", "no.csv cannot be read"),
        ("--set init={tmp}/no.safetensors", "no checkpoint at"),
        ("--set cache={tmp}/file", "is a file, not a folder"),
    ],
)
def test_what_would_fail_every_run_is_said_before_the_first(
    tmp_path: Path, planted: Planted, options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    start = "run --data manifest --root {root} --out {tmp}/study --methods supervised --labels 50% --folds 1 "
    small = "--set aligned=true --set side_px=32 --set backbone=tiny --set init=random --set cache={tmp}/crops "
    words = f"{start}{small}{options}".format(root=planted.manifest, tmp=tmp_path).split()
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert message.format(tmp=tmp_path) in said[-1]
    assert [line for line in said if "error" in line] == said[-1:]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_table_replaces_its_own_files_and_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, out = write(tmp_path / "rows.jsonl", [row(0.5)]), tmp_path / "out"
    command = ["table", str(rows), "--out", str(out)]
    assert main(command) == 0
    write(rows, [row(0.7, seed=1)])
    before = (out / "table1.md").read_bytes()
    assert main(command) == 0  # once more, with more runs
    assert (out / "table1.md").read_bytes() != before
    for name, why in (("table4.md", "is no such table of ks-study"), ("figure4.png", "is not a plot")):
        kept = {path.name: path.read_bytes() for path in out.iterdir()}
        (out / name).write_bytes(b"# my notes\n")
        capsys.readouterr()
        assert main(command) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert why in said
        assert str(out / name) in said
        assert {path.name: path.read_bytes() for path in out.iterdir()} == kept | {name: b"# my notes\n"}
        (out / name).write_bytes(kept[name])


def test_rows_that_are_not_there_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path)]) == 2
    assert "that `ks-study run` writes to its --out" in capsys.readouterr().err
