"""Sides of AUs in each output: columns at the end, only where the run tells them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from knowledge_spreader.errors import ModelError
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.data_frame import rows_to_frame
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.parquet_sink import ParquetSink
from knowledge_spreader.realtime.sinks.rows import rows
from knowledge_spreader.realtime.sinks.table.columns import Extras, columns, columns_of
from tests.realtime.sinks.results import AUS, answer, result

SIDED = (4, 12)
EXTRAS = Extras(sided=SIDED)
COLUMNS = ["AU04L_p", "AU04R_p", "AU12L_p", "AU12R_p"]
P = np.array([0.9, 0.5, 0.75, 0.1], np.float32)
SIDES = np.array([[0.5, 0.25], [0.125, 0.75]], np.float32)


def results():
    """A face, one without landmarks, one whose AUs are not predicted, no face."""
    return [
        result(0, replace(answer(p=P), sided=SIDED, sides=SIDES)),
        result(1, replace(answer(p=P), sided=SIDED)),
        result(2, replace(answer(rejected="turned"), sided=SIDED)),
        result(3, ()),
    ]


def written(sink):
    for each in results():
        sink.write(each)
    sink.close()


def test_they_come_after_all_other_columns_which_stay_where_they_are():
    found = columns(AUS, EXTRAS)
    assert [column.name for column in found[-4:]] == COLUMNS
    assert found[:-4] == columns(AUS)
    assert columns_of([column.name for column in found]) == found
    assert {len(row) for each in results() for row in rows(each, EXTRAS)} == {len(found)}


def test_csv_parquet_and_the_data_frame_have_the_same_and_nothing_where_it_is_not_known(tmp_path):
    written(CsvSink(tmp_path / "o.csv", AUS, EXTRAS))
    written(ParquetSink(tmp_path / "o.parquet", AUS, EXTRAS))
    csv, parquet = pd.read_csv(tmp_path / "o.csv"), pq.read_table(tmp_path / "o.parquet").to_pandas()
    frame = rows_to_frame((row for each in results() for row in rows(each, EXTRAS)), AUS, EXTRAS)
    for table in (csv, parquet, frame):
        assert table[COLUMNS].iloc[0].tolist() == [0.5, 0.25, 0.125, 0.75]
        assert table[COLUMNS].iloc[1:].isna().all(axis=None)
        assert table["reason"].tolist()[2:] == ["turned", "no face"]
        assert table["stream"].tolist() == ["clip.mp4"] * 4


def test_json_has_both_beside_the_au_and_null_where_they_are_not_known(tmp_path):
    written(JsonlSink(str(tmp_path / "o.jsonl"), EXTRAS))
    faces = [json.loads(line)["faces"] for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert faces[0][0]["aus"]["AU12"]["sides"] == [0.125, 0.75]
    assert faces[1][0]["aus"]["AU12"]["sides"] is None
    assert faces[2][0]["aus"] is None
    assert "sides" not in faces[0][0]["aus"]["AU1"]


def test_a_face_answers_by_au_and_refuses_those_without_sides():
    face, unknown, *_ = (row for each in results() for row in each.faces)
    assert face.side_of(12) == (0.125, 0.75)
    assert np.isnan(unknown.side_of(12)).all()
    with pytest.raises(ModelError, match="this run tells the side of 4, 12; got 1; use probability_of"):
        face.side_of(1)
    with pytest.raises(ModelError, match="tells the side of no AU; got 12"):
        answer().side_of(12)
