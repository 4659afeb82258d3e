"""The model card: tables from real reports, in the places meant for them, and one line where something is missing."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.benchmarks.model_card.inputs import read_inputs
from knowledge_spreader.benchmarks.model_card.tables import (
    aus_table,
    calibration_table,
    experimental,
    held_out_table,
    real_table,
)
from knowledge_spreader.benchmarks.model_card.write import CARD, END, fill, main
from knowledge_spreader.benchmarks.real_faces.answers import Answer, Run
from knowledge_spreader.benchmarks.real_faces.coded import CodedFace, CodedFaces
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet
from knowledge_spreader.benchmarks.real_faces.judge import MEDIAPIPE, judge
from knowledge_spreader.benchmarks.real_faces.report import report
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.report import Predictions, evaluate
from knowledge_spreader.files import write_json
from tests.paths import ROOT

AUS = (6, 7, 12, 25)
CUTS = (0.5, 0.25, 0.5, 0.625)
#          AU 6 well ranked, 7 shown by two faces only, 12 ranked backwards, 25 by four
CODES = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
SAYS = np.array([[9, 9, 1, 9], [8, 8, 2, 8], [7, 1, 3, 7], [3, 1, 7, 3], [2, 1, 8, 4], [1, 1, 9, 2], [1, 1, 9, 1]]) / 10

PORTRAITS: dict[str, Any] = {  # what ks-real writes of three portraits, as far as the card reads it
    "pictures": [{"person": "1", "smiles": False}, {"person": "2", "smiles": False}, {"person": "1", "smiles": True}],
    "scores": {
        "model": {
            "no_answer": 0.25,
            "aus": [
                {"au": 12, "at_rest": 0.5, "at_rest_interval": [0.0, 1.0], "smiles": 1.0, "auc_smile": 0.94},
                {"au": 7, "at_rest": 0.1, "at_rest_interval": [None, None], "smiles": None, "auc_smile": None},
            ],
        },
        "MediaPipe": {
            "aus": [{"au": 12, "at_rest": 0.25, "auc_smile": 0.95}, {"au": 7, "at_rest": None, "auc_smile": None}]
        },
    },
}

Change = Callable[[dict[str, Any]], object]


def evaluation(folds: int = 1) -> dict[str, Any]:
    """What ks-eval writes of a model that is right three times in four."""
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 4)) < [0.5, 0.1, 0.3, 0.4]).astype(np.int8)
    logit = ((2 * labels - 1) + rng.normal(0, 1.5, labels.shape)).astype(np.float32)
    said = np.stack([1 / (1 + np.exp(-logit))] * 2).astype(np.float32)
    made = [
        Predictions("best.safetensors", "manifest", k + 1, AUS, labels, said, logit, logit, CUTS, "held out", 1.0, "ks")
        for k in range(folds)
    ]
    return evaluate(made)


@cache  # a thousand draws of people
def real_report() -> dict[str, Any]:
    """What ks-real writes of seven faces of seven people."""
    people = [f"p{i}" for i in range(len(CODES))]
    faces = [CodedFace(f"{p}.png", 0, 0, p, None, tuple(row)) for p, row in zip(people, CODES.tolist(), strict=True)]
    coded = CodedSet("l.csv", Path("l.csv"), Path("media"), "0" * 64, CodedFaces(AUS, tuple(faces)))
    rows = [dict(zip(AUS, row, strict=True)) for row in SAYS.tolist()]
    answers = tuple(Answer("", row, {au: p > 0.5 for au, p in row.items()}, row) for row in rows)
    run = Run(
        (answers,),
        (),
        "m.ks",
        "0123456789abcdef",
        "",
        "openvino",
        cuts := dict(zip(AUS, CUTS, strict=True)),
        cuts,
        "paper",
    )
    told = report(run, judge(run, [coded], None, beside=True), [coded], None)
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """eval.json, real.json and a card to fill."""
    write_json(tmp_path / "eval.json", evaluation())
    write_json(tmp_path / "real.json", real_report())
    (tmp_path / "card.md").write_bytes(CARD.read_bytes())
    return tmp_path / "eval.json", tmp_path / "real.json", tmp_path / "card.md"


def write(files: tuple[Path, Path, Path], *more: object) -> int:
    return main(["--eval", str(files[0]), "--real", str(files[1]), "--out", str(files[2]), *map(str, more)])


def cells(table: str, first: str) -> list[str]:
    """Of the row whose first cell begins so."""
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {first} ")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_held_out_people_are_as_the_report_has_them(files: tuple[Path, Path, Path]) -> None:
    told = json.loads(files[0].read_text())["per_fold"][0]
    row = cells(held_out_table(*read_inputs(*files[:2])), "AU7")
    assert row[0] == "AU7 lid tightener"
    assert row[1] == f"{100 * told['positive_rate']['AU7']:.1f} %"
    assert row[2:] == ["0.250", *(f"{told[kind]['per_au']['AU7']:.3f}" for kind in ("f1", "f1_chosen", "auc", "ece"))]
    assert told["f1"]["per_au"]["AU7"] != told["f1_chosen"]["per_au"]["AU7"]
    assert cells(held_out_table(*read_inputs(*files[:2])), "mean")[3] == f"{told['f1']['mean']:.3f}"


def test_real_faces_give_evidence_or_say_that_there_is_none(files: tuple[Path, Path, Path]) -> None:
    _, real = read_inputs(*files[:2])
    table = real_table(real)
    assert cells(table, "AU6")[1:4] == ["3", "4", "1.000"]
    assert cells(table, "AU6")[5] == "1.000*"  # MediaPipe's cheek hardly moves
    assert cells(table, "AU7")[1:4] == ["2", "5", "no evidence"]
    assert cells(table, "AU12")[1:4] == ["3", "4", "0.000"]
    assert cells(table, "AU25")[3] == "0.917"  # 11 of 12 pairs in order: 0.3 present, 0.4 absent
    assert cells(table, "mean: 3")[3] == f"{(1 + 0 + 11 / 12) / 3:.3f}"


def test_aus_without_evidence_and_those_ranked_badly_are_experimental(files: tuple[Path, Path, Path]) -> None:
    assert experimental(read_inputs(*files[:2])[1]) == (7, 12)
    table = aus_table(*read_inputs(*files[:2]))
    assert [cells(table, f"AU{au}")[1] for au in AUS] == ["", "experimental", "experimental", ""]
    assert cells(table, "AU7")[4:6] == ["2 / 5", ""]  # too few show it
    assert cells(table, "AU12")[4:6] == ["3 / 4", "0.000"]  # ranked badly


def test_the_cards_table_says_what_the_full_tables_say(files: tuple[Path, Path, Path]) -> None:
    held_out, real = read_inputs(*files[:2])
    for row in ("AU7", "AU25", "mean"):
        ours, theirs = cells(aus_table(held_out, real), row), cells(held_out_table(held_out, real), row)
        assert (ours[0], ours[2], ours[3]) == (theirs[0], theirs[5], theirs[4])  # AUC, F1 at the threshold
    for row, whole in (("AU7", "AU7"), ("AU25", "AU25"), ("mean", "mean: 3")):
        ours, theirs = cells(aus_table(held_out, real), row), cells(real_table(real), whole)
        assert ours[5:] == [theirs[3].replace("no evidence", ""), theirs[6], theirs[7]]  # AUC, F1, false alarms


def test_an_au_that_nobody_coded_is_experimental(files: tuple[Path, Path, Path]) -> None:
    def without_7(told: dict[str, Any]) -> None:
        told["scores"]["model"]["aus"] = [row for row in told["scores"]["model"]["aus"] if row["au"] != 7]

    change(files[1], without_7)
    held_out, real = read_inputs(*files[:2])
    assert experimental(real) == (7, 12)
    assert cells(real_table(real), "AU7")[1:4] == ["0", "0", "no evidence"]
    assert cells(aus_table(held_out, real), "AU7")[4:] == ["0 / 0", "", "", ""]


def test_every_answer_is_in_the_table_of_calibration(files: tuple[Path, Path, Path]) -> None:
    table = calibration_table(*read_inputs(*files[:2]))
    rows = [cells(table, f"{i / 5:.1f} to") for i in range(5)]
    assert sum(int(row[1]) for row in rows) == 200 * len(AUS)
    assert [float(row[2]) for row in rows] == sorted(float(row[2]) for row in rows)


def test_the_same_reports_give_the_same_bytes_and_prose_stays(
    files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = CARD.read_text()
    assert write(files) == 0
    assert "experimental: 7,12 (ks-compile --experimental '7,12')" in capsys.readouterr().out
    once = files[2].read_bytes()
    assert write(files) == 0
    assert files[2].read_bytes() == once
    between = re.compile(rf"(<!-- table: [a-z-]+ -->\n).*?({END})", re.DOTALL)
    assert between.sub(r"\1\2", once.decode()) == between.sub(r"\1\2", before)


def test_speed_and_training_are_written_where_they_are_given(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    measured = ROOT / "benchmarks" / "results" / "live-cpu-epyc-2core-112px.json"
    live = tmp_path / "live.json"
    live.write_bytes(measured.read_bytes())
    assert write(files, "--speed", live) == 2  # of another model
    change(live, lambda told: told.update(weights="0123456789abcdef"))
    commands = tmp_path / "training.txt"
    commands.write_text("ks-train \\\n  --data manifest\n")
    how = tmp_path / "how.md"
    how.write_text("prose\n<!-- table: training -->\n<!-- end -->\n")
    assert write(files, how, "--speed", live, "--training", commands) == 0
    assert "| int8 | 50.1 | 19.4 | 420 MB |" in files[2].read_text()
    assert "    ks-train \\\n      --data manifest\n" in how.read_text()
    settings = tmp_path / "training.json"
    settings.write_text('{"epochs": 12, "people": [1, 2]}')
    assert write(files, how, "--training", settings) == 0
    assert "| people | 1, 2 |" in how.read_text()
    assert "| int8 | 50.1 " in files[2].read_text()  # not given: stays


def test_portraits_are_a_table_where_the_report_has_them(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "portraits.md"
    page.write_text("prose\n<!-- table: portraits -->\nas it was\n<!-- end -->\n")
    assert write(files, page) == 2  # no portraits in the report, so no table has a place in this page
    change(files[1], lambda told: told.update(portraits=PORTRAITS))
    assert write(files, page) == 0
    table = page.read_text()
    assert "2 faces at rest and 1 smiles of 2 people; 25.0 % have no answer" in table
    assert "AUC 0.940, of MediaPipe 0.950" in table
    assert cells(table, "AU12") == ["AU12 lip corner puller", "50.0 %", "0 to 100", "100.0 %", "25.0 %"]
    assert cells(table, "AU7")[1:] == ["10.0 %", "", "", ""]
    assert cells(table, "mean") == ["mean", "30.0 %", "", "", "25.0 %"]  # of those that have the share


def test_a_note_of_the_model_stands_above_its_tables(files: tuple[Path, Path, Path]) -> None:
    change(files[1], lambda told: told.update(note="untrained model"))
    assert real_table(read_inputs(*files[:2])[1]).startswith("Weights `0123456789abcdef`. **untrained model.**")


def change(path: Path, how: Change) -> None:
    told = json.loads(path.read_text())
    how(told)
    path.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("which", "how", "why"),
    [
        (1, lambda told: told["scores"].pop(MEDIAPIPE), "no 'MediaPipe'"),
        (1, lambda told: told["scores"]["model"]["aus"][0].pop("auc"), "no 'auc'"),
        (1, lambda told: told.update(format=9), "has format 9, wanted 1"),
        (1, lambda told: told["thresholds"].pop("AU6"), "one model"),
        (1, lambda told: told["crops_thresholds"].update(AU7=0.5), "the threshold of AU7 is 0.25 in .* and 0.5 in"),
        (0, lambda told: told.pop("format"), "no 'format'"),
        (0, lambda told: told["per_fold"][0].pop("ece"), "no 'ece'"),
        (0, lambda told: told["per_fold"].clear(), "a card describes one checkpoint, this report 0"),
        (0, lambda told: told["per_fold"][0].update(reliability=[[1, 2]]), "reliability must be"),
    ],
)
def test_a_report_that_lacks_something_is_one_line_and_the_card_stays(
    files: tuple[Path, Path, Path], which: int, how: Change, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(files[which], how)
    assert write(files) == 2
    err = capsys.readouterr().err
    assert re.search(why, err), err
    assert err.count("\n") == 1
    assert files[2].read_bytes() == CARD.read_bytes()


@pytest.mark.parametrize("content", ["", "[1]", "no JSON", None])
def test_a_file_that_is_no_report_is_one_line(
    files: tuple[Path, Path, Path], content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    files[0].unlink() if content is None else files[0].write_text(content)
    assert write(files) == 2
    assert "eval.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "broken",
    [
        "no marker",
        "<!-- table: a -->\nno end",
        "<!-- table: a -->\n<!-- table: b -->\n<!-- end -->",
        "<!-- table: a -->\n<!-- end -->\n" * 2,
    ],
)
def test_a_card_without_a_place_for_a_table_is_refused(broken: str) -> None:
    with pytest.raises(DataError, match="wanted '<!-- table: a -->' once"):
        fill(broken + "\n", {"a": "new"}, "card.md")


def test_a_table_replaces_what_was_there_letter_by_letter() -> None:
    card = "x\n<!-- table: a -->\nold\n<!-- end -->\ny\n<!-- table: b -->\nstays\n<!-- end -->\n"
    table = r"\1 \g<0> | new"
    filled = f"x\n<!-- table: a -->\n{table}\n<!-- end -->\ny\n<!-- table: b -->\nstays\n<!-- end -->\n"
    assert fill(card, {"a": table}, "card.md") == filled
    assert fill(filled, {"a": table}, "card.md") == filled
    empty = "<!-- table: a -->\n<!-- end -->\n"
    assert fill(empty, {"a": "1"}, "card.md") == "<!-- table: a -->\n1\n<!-- end -->\n"


def test_a_page_gets_the_tables_that_it_has_a_place_for() -> None:
    page = "x\n<!-- table: b -->\n<!-- end -->\n"
    assert fill(page, {"a": "1", "b": "2"}, "page.md") == "x\n<!-- table: b -->\n2\n<!-- end -->\n"


def test_no_page_is_written_when_one_of_them_has_no_place(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("prose alone\n")
    assert write(files, other) == 2
    assert files[2].read_bytes() == CARD.read_bytes()


def test_the_pages_that_are_shipped_say_what_the_reports_in_the_repository_say(tmp_path: Path) -> None:
    reports, shipped = ROOT / "benchmarks" / "results", [ROOT / "ks/weights/README.md", ROOT / "docs/results.md"]
    pages = [tmp_path / f"{i}.md" for i in range(len(shipped))]
    for page, source in zip(pages, shipped, strict=True):
        page.write_bytes(source.read_bytes())
    told = ("--eval", "bundled-held-out.json", "--real", "bundled-real.json")
    speed = ("--speed", "bundled-live-cpu-epyc-2core.json")
    args = [str(reports / word) if word.endswith(".json") else word for word in (*told, *speed)]
    assert main([*args, "--out", *map(str, pages)]) == 0
    assert [page.read_text() for page in pages] == [source.read_text() for source in shipped]
    places = "".join(page.read_text() for page in pages)
    assert all(f"<!-- table: {name} -->" in places for name in ("aus", "held-out", "real", "calibration", "speed"))
