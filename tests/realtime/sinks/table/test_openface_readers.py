"""Programs that read OpenFace's CSV read ours: pandas, py-feat, openFaceR, R.

What py-feat 0.6.2 (feat/utils/io.py: read_openface) and openFaceR (R/tidyface.R) do to the columns is done here again.
Their own code was run on such a file, too: py-feat's as it is, given its 2D columns; openFaceR's tidy_face after
`filter(success == 1)` and without the empty columns, since its counting of events knows no missing values.
"""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.table.columns import Extras
from tests.realtime.sinks.results import AUS_18, answer, meshed, result

IMAGE = np.zeros((480, 640, 3), np.uint8)
AUS_R = "01 02 04 05 06 07 09 10 12 14 15 17 20 23 25 26 45".split()  # noqa: SIM905
# What py-feat asks for by name, but OpenFace's 3D points and shape parameters, which OpenFace itself can leave out.
PYFEAT = [
    *("frame", "timestamp", "confidence", "success"),
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    *(f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"),
    *(f"{axis}_{i}" for axis in "xy" for i in range(68)),
    *(f"AU{au}_r" for au in AUS_R),
    *(f"AU{au}_c" for au in sorted([*AUS_R, "28"])),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """50 frames; in one there is no face, in one its AUs are not predicted."""
    path = tmp_path_factory.mktemp("csv") / "clip.csv"
    sink = CsvSink(path, AUS_18, Extras("68"))
    for i in range(50):
        face = meshed(answer(0, aus=AUS_18, seed=i, rejected="turned" if i == 30 else ""))
        sink.write(result(i, () if i == 20 else face, aus=AUS_18, image=IMAGE))
    sink.close()
    return path


def test_plain_pandas_needs_no_option_and_no_stripped_names(path):
    table = pd.read_csv(path)
    assert not [name for name in table if name != name.strip()]
    assert table["frame"].tolist() == list(range(1, 51))
    assert table["success"].sum() == 48
    pose = table.filter(regex="^pose_")
    assert pose.dtypes.eq("float64").all()
    assert pose.isna().all(axis=1).tolist() == [i == 20 for i in range(50)]


def test_py_feat_finds_every_column_that_it_asks_for(path):
    """read_openface: read_csv(sep=","), names stripped, then d[features]."""
    table = pd.read_csv(path, sep=",")
    table.columns = table.columns.str.strip(" ")
    found = table[PYFEAT]
    assert found.shape == (50, 187)
    assert found.filter(regex="_r$").isna().all(axis=None)
    assert found["AU12_c"].dropna().isin([0, 1]).all()
    assert found["AU28_c"].isna().all()  # the model does not have it


def test_openfacer_finds_its_span_of_columns_and_its_kinds(path):
    """select(-(timestamp:success)); numeric columns of only 0 and 1 are events, other numeric ones continuous."""
    table = pd.read_csv(path)
    names = list(table)
    assert names[names.index("timestamp") : names.index("success") + 1] == ["timestamp", "confidence", "success"]
    seen = table[table["success"] == 1].dropna(axis=1, how="all").drop(columns=["timestamp", "confidence", "success"])
    numeric = seen.select_dtypes("number")
    events = [name for name in numeric if set(numeric[name].dropna().unique()) <= {0, 1}]
    assert set(events) >= {f"AU{au:02d}_c" for au in AUS_18}
    assert {"pose_Rx", "pose_Ry", "AU12_p"} <= set(numeric) - set(events)


def test_r_reads_the_columns_with_their_types(path):
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed")
    program = (
        f'd <- read.csv("{path}"); cat(dim(d), class(d$AU12_c), class(d$pose_Rx), class(d$AU12_r), sum(d$success), '
        'sum(is.na(d$AU12_c)), names(d)[6], sep=",")'
    )
    done = subprocess.run(["Rscript", "-e", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"50,{len(pd.read_csv(path).columns)},integer,numeric,logical,48,2,gaze_0_x"
