"""CSV: what pandas reads back, what a kill leaves."""

import math
from fractions import Fraction

import pandas as pd
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.types import Stream
from tests.realtime.kill import write_and_kill
from tests.realtime.sinks.results import AUS, answer, result


def written(path, *results):
    sink = CsvSink(path, AUS)
    for each in results:
        sink.write(each)
    sink.close()
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_header_and_rows_are_separated_as_openface_separates_them(tmp_path):
    path = tmp_path / "out.csv"
    written(path, result(0, answer(p=[0.1, 0.5, 0.75, 1.0], u=[0, 0.25, 0.5, 0.125])), result(1, ()))
    header, face, no_face = path.read_text().splitlines()
    assert header.startswith("frame,face_id,timestamp,confidence,success,gaze_0_x,gaze_0_y,gaze_0_z,gaze_1_x,")
    assert not set(header) & {" ", '"'}
    n_mesh, n_r = 8 + 6, 17  # gaze and pose; intensities
    occurrences = "0,,1,,,,,,1,,,,,,1,,,"  # of 1 2 4 5 6 7 9 10 12 14 15 17 20 23 25 26 28 45
    assert face == (
        f"1,0,0.0,0.937500,1{',' * (n_mesh + n_r)},{occurrences},10.00,20.50,100.25,120.00,"
        "0.100000,0.500000,0.750000,1.000000,0.000000,0.250000,0.500000,0.125000,0.750000,5,0,,,,,,clip.mp4,0,"
    )
    n_empty = n_mesh + n_r + 18 + 4 + 4 + 4 + 3 + 3 + 1  # and occurrences, box, p, u, order and window, degrees, mesh_p
    assert no_face == f"2,-1,0.04,0.000000,0{',' * n_empty},no face,clip.mp4,0,"


def test_there_is_a_row_for_each_face_of_each_frame_and_one_for_a_frame_without(tmp_path):
    table = written(tmp_path / "out.csv", result(0, answer(0), answer(1)), result(1, ()), result(2, answer(1)))
    assert list(zip(table["frame"], table["face_id"], strict=True)) == [(1, 0), (1, 1), (2, -1), (3, 1)]
    assert table["success"].tolist() == [1, 1, 0, 1]


def test_an_unknown_au_is_an_empty_cell_and_not_0(tmp_path):
    table = written(tmp_path / "out.csv", result(0, answer(rejected="small")))
    assert table.filter(regex="^AU").isna().all(axis=None)
    assert table["reason"].tolist() == ["small"]


def test_time_stamps_give_the_exact_pts_back_after_hours(tmp_path):
    tick = Fraction(1, 90000)
    all_pts = [0, 1, 3003, 5 * 3600 * 90000 + 1, 5 * 3600 * 90000 + 2, 2**33 - 1]
    table = written(tmp_path / "out.csv", *(result(n, pts=pts, time_base=tick) for n, pts in enumerate(all_pts)))
    texts = [line.split(",")[2] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert [float(text) for text in texts] == [float(pts * tick) for pts in all_pts]
    assert [round(Fraction(t) / tick) for t in table["timestamp"]] == all_pts


def test_shares_are_exact_to_a_millionth(tmp_path):
    each = result(5)
    table = written(tmp_path / "out.csv", each)
    for au, p in zip(AUS, each.faces[0].probability.tolist(), strict=True):
        assert math.isclose(table[f"AU{au:02d}_p"][0], p, abs_tol=5.1e-7)


@pytest.mark.parametrize("name", ['a, b "c".mp4', "two\nlines", " blanks ", "\u4eba\u8138.mp4", "NA", '"'])
def test_any_name_of_a_stream_comes_back(tmp_path, name):
    table = written(tmp_path / "out.csv", result(0, stream=Stream(name)), result(1, stream=Stream(name)))
    assert table["stream"].tolist() == [name, name]
    assert table["epoch"].tolist() == [0, 0]


def test_no_intensity_is_made_up_and_there_are_no_emotions(tmp_path):
    table = written(tmp_path / "out.csv", result(0))
    assert table.filter(regex="_r$").shape == (1, 17)
    assert table.filter(regex="_r$").isna().all(axis=None)
    assert not [name for name in table.columns if "emotion" in name]


def test_every_frame_is_on_disk_before_the_next_comes(tmp_path):
    sink = CsvSink(tmp_path / "out.csv", AUS)
    for n in range(3):
        sink.write(result(n))
        assert len((tmp_path / "out.csv").read_text().splitlines()) == 2 + n
    sink.close()


def test_a_killed_run_leaves_every_row(tmp_path):
    count = write_and_kill("csv", tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert len(table) >= count
    assert table["frame"].tolist() == list(range(1, len(table) + 1))
    assert table["epoch"].tolist() == [0] * len(table)


def test_an_earlier_file_stays_until_the_first_result(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("yesterday\n")
    sink = CsvSink(path, AUS)
    assert path.read_text() == "yesterday\n"
    sink.close()
    assert path.read_text() == "yesterday\n"
    sink = CsvSink(path, AUS)
    sink.write(result(0))
    sink.close()
    assert path.read_text().startswith("frame,")


def test_a_file_that_cannot_be_is_refused_before_anything_else(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        CsvSink(tmp_path / "no" / "out.csv", AUS)
    with pytest.raises(DataError, match="is a folder; give the name of a file"):
        CsvSink(tmp_path, AUS)
    with pytest.raises(DataError, match="cannot be written"):
        CsvSink(tmp_path / ("x" * 300 + ".csv"), AUS)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_without_a_face_leaves_columns_of_numbers_numbers(tmp_path):
    path = tmp_path / "out.csv"
    written(path, result(0), result(1, ()), result(2))
    table = pd.read_csv(path)
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    assert texts == ["reason", "stream"]
    assert table["AU12_p"].isna().tolist() == [False, True, False]
