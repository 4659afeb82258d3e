"""Which cells a study has, and what it does with rows that are there."""

import json
from pathlib import Path

from knowledge_spreader.adapt.apart import PEOPLE, THESE
from knowledge_spreader.benchmarks.own_labels.figure import draw, lines
from knowledge_spreader.benchmarks.own_labels.run import StudyOptions, cells, read_rows

RENDERED = Path(__file__).parents[3] / "benchmarks" / "results" / "own-labels-rendered.jsonl"


def test_a_study_has_five_seeds_of_few_labels_and_no_cell_twice() -> None:
    found = cells(StudyOptions(Path("set"), Path("rows")))
    assert len(found) == len(set(found))
    few = [cell.seed for cell in found if (cell.tested_on, cell.share, cell.method) == (THESE, 0.02, "ks")]
    assert sorted(few) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]  # spread, and in one run
    assert [cell.seed for cell in found if (cell.tested_on, cell.share, cell.method) == (PEOPLE, 1.0, "heads")] == [0]


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"f1": 1}\n{"f1"')
    assert read_rows(rows) == [{"f1": 1}]
    assert read_rows(tmp_path / "none.jsonl") == []


def test_the_rows_of_the_docs_are_drawn_and_told(tmp_path: Path) -> None:
    rows = read_rows(RENDERED)
    draw(rows, tmp_path / "own.png")
    assert (tmp_path / "own.png").read_bytes().startswith(b"\x89PNG")
    told = lines(rows)
    assert any(line.startswith("| 2 % |") and "0.704" in line for line in told)
    assert all(json.dumps(row) for row in rows)
