"""Rows of a frame's result, and rows as a data frame."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.data_frame import rows_to_frame
from knowledge_spreader.realtime.sinks.rows import printable, rows
from knowledge_spreader.realtime.sinks.table.columns import columns, columns_of
from knowledge_spreader.realtime.types import Stream
from tests.realtime.sinks.results import AUS, answer, result


def named(result):
    names = [column.name for column in columns(result.aus)]
    return [dict(zip(names, row, strict=True)) for row in rows(result)]


def test_the_first_columns_are_openfaces_and_au_numbers_have_two_digits():
    """OpenFace's are written out as its RecorderCSV.cpp writes them; the reader of its CSV is in table/."""
    names = [column.name for column in columns((1, 12, 24))]
    aus = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26"]
    openface = [
        *("frame", "face_id", "timestamp", "confidence", "success"),
        *("gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"),
        *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
        *(f"AU{au}_r" for au in (*aus, "45")),
        *(f"AU{au}_c" for au in (*aus, "28", "45")),
    ]
    assert names == [
        *openface,
        *("face_x", "face_y", "face_w", "face_h"),
        *("AU24_c", "AU01_p", "AU12_p", "AU24_p", "AU01_u", "AU12_u", "AU24_u"),
        *("order_p", "window_frames", "calibrated"),
        *("head_yaw_deg", "head_pitch_deg", "head_roll_deg", "mesh_p"),
        *("reason", "stream", "epoch", "picture"),
    ]


def test_a_face_becomes_a_row_that_counts_frames_from_1():
    p, u = [0.1, 0.5, 0.75, 1.0], [0.0, 0.25, 0.5, 0.125]
    (row,) = named(result(0, answer(3, p=p, u=u, calibrated=True), pts=90, epoch=2, shift_s=10.0))
    assert row["frame"] == 1
    assert row["face_id"] == 3
    assert row["timestamp"] == 90 / 25 + 10
    assert (row["confidence"], row["success"], row["reason"]) == (0.9375, True, None)
    assert [row[f"face_{side}"] for side in "xywh"] == [10.0, 20.5, 100.25, 120.0]  # 110.25 - 10, 140.5 - 20.5
    assert [row[f"AU{au:02d}_c"] for au in AUS] == [False, True, True, True]
    assert [row[f"AU{au:02d}_p"] for au in AUS] == pytest.approx(p)
    assert [row[f"AU{au:02d}_u"] for au in AUS] == u
    assert (row["order_p"], row["window_frames"], row["calibrated"]) == (0.75, 5, True)
    assert (row["stream"], row["epoch"]) == ("clip.mp4", 2)


def test_a_rejected_face_has_its_reason_and_no_au():
    (row,) = named(result(0, answer(rejected="turned")))
    assert (row["success"], row["reason"], row["confidence"]) == (False, "turned", 0.9375)
    assert {value for name, value in row.items() if name.startswith("AU")} == {None}
    assert row["order_p"] is None
    assert row["face_w"] == 100.25  # where it is, is known


def test_a_frame_without_a_face_has_one_row_that_says_so():
    (row,) = named(result(7, ()))
    assert (row["frame"], row["face_id"], row["confidence"], row["success"]) == (8, -1, 0.0, False)
    assert row["reason"] == "no face"
    told = {"frame", "face_id", "timestamp", "confidence", "success", "reason", "stream", "epoch"}
    assert {name for name, value in row.items() if value is not None} == told


def test_one_unknown_probability_makes_its_occurrence_unknown_and_no_other():
    (row,) = named(result(0, answer(p=[0.9, np.nan, 0.9, 0.1])))
    assert [row[f"AU{au:02d}_c"] for au in AUS] == [True, None, True, False]
    assert row["AU04_p"] is None


def test_columns_come_back_from_a_header_and_a_foreign_header_is_refused():
    assert columns_of([column.name for column in columns(AUS)]) == columns(AUS)
    with pytest.raises(DataError, match="a table with the columns frame, AU01_c was not written by this version"):
        columns_of(["frame", "AU01_c"])


def test_names_that_are_no_utf_8_can_be_written():
    assert printable("caf\udce9 \x1b[31m \u4eba") == "caf\\udce9 ?[31m \u4eba"


def test_rows_become_a_typed_data_frame():
    table = rows_to_frame((row for n in range(3) for row in rows(result(n, *([()] if n == 1 else [])))), AUS)
    assert list(table.columns) == [column.name for column in columns(AUS)]
    assert table["frame"].tolist() == [1, 2, 3]
    assert table["success"].tolist() == [True, False, True]
    wanted = {"frame": "int64", "timestamp": "float64", "success": "bool", "AU12_p": "float32", "AU12_c": "boolean"}
    assert {name: str(table[name].dtype) for name in wanted} == wanted
    assert table["AU12_p"].isna().tolist() == [False, True, False]
    assert str(table["reason"].dtype) == "category"
    assert table["reason"].isna().tolist() == [True, False, True]
    assert table["AU12_p"][0] == result(0).faces[0].probability[AUS.index(12)]  # float32, not rounded


def test_a_data_frame_larger_than_a_chunk_is_whole():
    table = rows_to_frame((row for n in range(5000) for row in rows(result(n, (), stream=Stream(f"cam {n % 2}")))), AUS)
    assert table["frame"].tolist() == list(range(1, 5001))
    assert table["stream"].value_counts().to_dict() == {"cam 0": 2500, "cam 1": 2500}


def test_no_rows_become_an_empty_typed_data_frame():
    table = rows_to_frame([], AUS)
    assert len(table) == 0
    assert str(table["AU12_p"].dtype) == "float32"


def test_intensities_stand_in_openfaces_columns_and_what_is_not_known_is_empty():
    told = replace(answer(), intensity=np.array([1.5, np.nan, 4.25, 0.0], np.float32))  # AUs 1, 4, 12, 25
    (row,) = rows(result(0, told))
    cells = dict(zip([column.name for column in columns(AUS)], row, strict=True))
    assert {name: cells[f"{name}_r"] for name in ("AU01", "AU04", "AU12", "AU25", "AU06")} == {
        "AU01": 1.5,
        "AU04": None,
        "AU12": 4.25,
        "AU25": 0.0,
        "AU06": None,
    }
    assert (told.intensity_of(12), np.isnan(told.intensity_of(4))) == (4.25, True)
    assert np.isnan(answer().intensity_of(12))
