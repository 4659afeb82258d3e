"""Pose, gaze, landmarks and blendshapes in each output: the same numbers everywhere, empty where they are not known."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.face.landmarks_68 import INDEX
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.data_frame import rows_to_frame
from knowledge_spreader.realtime.sinks.finish import finish
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.lsl_sink import LslSink
from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.sinks.parquet_sink import ParquetSink
from knowledge_spreader.realtime.sinks.rows import rows
from knowledge_spreader.realtime.sinks.table.columns import Extras, columns, columns_of
from tests.realtime.sinks.results import AUS, FILE, answer, meshed, result

IMAGE = np.zeros((480, 640, 3), np.uint8)
ALL = (Extras(), Extras("68"), Extras("478"), Extras(blendshapes=True), Extras("68", True), Extras("478", True))


def results():
    """A face, one whose AUs are not predicted but whose mesh is known, one without a mesh, no face."""
    return [
        result(0, meshed(answer(0)), image=IMAGE),
        result(1, meshed(answer(0, rejected="turned")), image=IMAGE),
        result(2, answer(0), image=IMAGE),
        result(3, (), image=IMAGE),
    ]


def written(sink):
    for each in results():
        sink.write(each)
    sink.close()


@pytest.mark.parametrize("extras", ALL, ids=str)
def test_a_row_has_a_cell_for_each_column_and_columns_come_back_from_their_names(extras):
    found = columns(AUS, extras)
    assert {len(row) for each in results() for row in rows(each, extras)} == {len(found)}
    assert len({column.name for column in found}) == len(found)
    assert columns_of([column.name for column in found]) == found
    n_more = {"none": 0, "68": 136, "478": 1434}[extras.landmarks] + 52 * extras.blendshapes
    assert len(found) == len(columns(AUS)) + n_more


def test_other_extras_are_refused():
    with pytest.raises(DataError, match="--landmarks must be one of none, 68, 478; got '98'"):
        Extras("98")


def test_the_numbers_are_those_of_the_head(tmp_path):
    """By hand: turned by 20 degrees to the left and 10 up; it is 3 degrees right of and 2 above the line of sight."""
    written(CsvSink(tmp_path / "o.csv", AUS, Extras("68", True)))
    table = pd.read_csv(tmp_path / "o.csv")
    row = table.iloc[0]
    assert row["head_yaw_deg"] == pytest.approx(20 + np.degrees(np.arctan2(30, 600)), abs=1)
    assert row["head_pitch_deg"] == pytest.approx(10 + np.degrees(np.arctan2(20, 600)), abs=1)
    assert abs(row["head_roll_deg"]) < 1.5
    assert row[["pose_Tx", "pose_Ty", "pose_Tz"]].tolist() == pytest.approx([30, -20, 600], abs=2)
    assert row["pose_Ry"] < -0.3  # OpenFace: to the person's right is positive
    assert row["pose_Rx"] < -0.15  # down is positive
    assert row["mesh_p"] == 0.875
    points = results()[0].faces[0].face.landmarks.points_px
    assert row[[f"x_{i}" for i in range(68)]].tolist() == pytest.approx(points[INDEX, 0].tolist(), abs=0.01)
    assert row[[f"y_{i}" for i in range(68)]].tolist() == pytest.approx(points[INDEX, 1].tolist(), abs=0.01)
    assert row["blendshape_jawOpen"] == pytest.approx(NAMES.index("jawOpen") / 64, abs=1e-6)
    assert row["blendshape_neutral"] == 0


def test_a_rejected_face_has_pose_and_points_and_no_au_and_a_face_without_a_mesh_has_the_reverse(tmp_path):
    written(CsvSink(tmp_path / "o.csv", AUS, Extras("478", True)))
    table = pd.read_csv(tmp_path / "o.csv")
    mesh = table.filter(regex="^(pose_|head_|mesh_|blendshape_)").columns
    known = table[mesh].notna()
    assert known.loc[[0, 1]].all(axis=None)
    assert not known.loc[[2, 3]].any(axis=None)
    assert table["AU12_p"].notna().tolist() == [True, False, True, False]
    assert table["success"].tolist() == [1, 0, 1, 0]
    assert table["mesh_z_477"].notna().tolist() == [True, True, False, False]


def test_parquet_and_the_data_frame_say_the_same_as_csv(tmp_path):
    extras = Extras("478", True)
    written(CsvSink(tmp_path / "o.csv", AUS, extras))
    written(ParquetSink(tmp_path / "o.parquet", AUS, extras))
    csv, parquet = pd.read_csv(tmp_path / "o.csv"), pq.read_table(tmp_path / "o.parquet").to_pandas()
    frame = rows_to_frame((row for each in results() for row in rows(each, extras)), AUS, extras)
    assert list(csv.columns) == list(parquet.columns) == list(frame.columns)
    numbers = [column.name for column in columns(AUS, extras) if column.kind not in ("text", "flag")]
    for exact in (parquet, frame):
        np.testing.assert_allclose(exact[numbers].astype(float), csv[numbers].astype(float), atol=0.051)
    pd.testing.assert_frame_equal(frame[numbers].astype(float), parquet[numbers].astype(float))
    assert str(frame["AU01_r"].dtype) == str(parquet["AU01_r"].dtype) == "float32"
    assert is_ours(tmp_path / "o.csv")
    assert is_ours(tmp_path / "o.parquet")


def test_a_journal_with_all_columns_is_finished(tmp_path):
    sink = ParquetSink(tmp_path / "o.parquet", AUS, Extras("478", True))
    sink.write(results()[0])
    sink._journal.close()  # and the run is killed
    assert pq.read_table(finish(tmp_path / "o.parquet.part.csv")).num_rows == 1


def test_openfaces_own_csv_is_not_taken_for_ours(tmp_path):
    """It begins with the same columns; --csv must not write over it without --overwrite."""
    openface = [column.name for column in columns(AUS, Extras("68"))]
    openface = openface[: openface.index("face_x")]
    (tmp_path / "o.csv").write_text(",".join(openface) + "\n1,0,0.000,0.98,1\n")
    assert not is_ours(tmp_path / "o.csv")


def test_json_lines_have_nested_objects_and_only_what_was_asked_for(tmp_path):
    written(JsonlSink(str(tmp_path / "o.jsonl"), Extras("68", True)))
    written(JsonlSink(str(tmp_path / "p.jsonl"), Extras("478")))
    written(JsonlSink(str(tmp_path / "q.jsonl")))
    o, p, q = ([json.loads(line) for line in (tmp_path / f"{n}.jsonl").read_text().splitlines()] for n in "opq")
    first, rejected, bare = (o[i]["faces"][0] for i in range(3))
    assert set(first["head"]) == {"yaw_deg", "pitch_deg", "roll_deg", "translation_mm", "rotation_rad"}
    assert first["head"]["yaw_deg"] == pytest.approx(23, abs=1)
    assert set(first["gaze"]) == {"right", "left", "angle_rad"}
    assert np.shape(first["landmarks_px"]) == (68, 2)
    assert list(first["blendshapes"]) == list(NAMES)
    assert rejected["aus"] is None
    assert rejected["head"] == first["head"]
    assert [bare[name] for name in ("head", "gaze", "mesh_p", "landmarks_px", "blendshapes")] == [None] * 5
    assert np.shape(p[0]["faces"][0]["landmarks_px"]) == (478, 3)
    assert not {"landmarks_px", "blendshapes"} & set(q[0]["faces"][0])
    assert "blendshapes" not in p[0]["faces"][0]


def test_lsl_has_pose_after_the_aus_and_blendshapes_if_asked_for():
    pytest.importorskip("pylsl", exc_type=(ImportError, RuntimeError))
    (each, *_), n = results(), len(AUS)
    sink = LslSink(AUS, extras=Extras(blendshapes=True))
    sample = sink._sample(each.faces[0], each.frame)
    assert len(sample) == sink._info(FILE, 0).channel_count() == n + 5 + 52
    assert sample[:n] == pytest.approx(each.faces[0].probability)
    assert sample[n] == pytest.approx(23, abs=1)
    assert sample[n + 5 :] == pytest.approx(np.arange(52) / 64)
    bare = LslSink(AUS)._sample(results()[2].faces[0], each.frame)
    assert len(bare) == n + 5
    assert np.isnan(bare[n:]).all()
