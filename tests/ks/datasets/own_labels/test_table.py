"""Cells and rows of tables."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets.own_labels.table import Place, headings, rows, seconds, whole
from knowledge_spreader.errors import DataError

HERE = Place(Path("labels.csv"), 7)


def test_cells_that_are_numbers() -> None:
    assert [whole(HERE, "frame", text, 0) for text in ("0", " 12 ", "12.0", "3,00")] == [0, 12, 12, 3]
    read = [seconds(HERE, "time", text) for text in ("1.25", " 1,25", "00:01:02.5", "01:02", "-0.5", "1e-3")]
    assert read == [1.25, 1.25, 62.5, 62.0, -0.5, 0.001]


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", "9999999999"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^labels\.csv, line 7: frame must be a whole number from 0; got '.*'$"):
        whole(HERE, "frame", text, 0)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1:2:3:4", "soon", "1e12"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^labels\.csv, line 7: time must be a time in seconds; got '.*'$"):
        seconds(HERE, "time", text)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\n Frame ,"AU12"\n\n0,1\n"1\n",1\n2,1\n')
    heading = next(headings(path))
    assert (heading.line, heading.cells, heading.names) == (2, ("Frame", "AU12"), ("frame", "au12"))
    assert [place.line for place, _ in rows(path, heading, 1)] == [4, 6, 7]  # a cell may run over two lines
    with pytest.raises(DataError, match=r"a\.csv, line 4: 2 cells, but the header needs 3; correct this row"):
        list(rows(path, heading, 2))
