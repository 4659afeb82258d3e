"""The truth of ks-synth: intensities by AU and by side; a set without sides is one line."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets.types import DataSet, Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.cli.truth import intensities, intensities_by_side

AUS = (6, 12)


def a_set(folder: Path, header: str, *rows: str) -> DataSet:
    (folder / "v.csv").write_text("\n".join([header, *rows, ""]))
    frames = np.arange(2, dtype=np.int32)
    video = Video("v", "p", folder, frames, frames, np.zeros((2, 2), np.int8))
    return DataSet("manifest", AUS, 25.0, (video,), (("p",),))


def test_intensities_are_told_from_0_to_5_by_au_and_by_side(tmp_path: Path) -> None:
    header = "frame,AU06,AU12,AU06L,AU06R,AU12L,AU12R"
    data = a_set(tmp_path, header, "0,0.2,1,0.2,0.1,0,1", "1,0,0,0,0,0,0")
    assert intensities(tmp_path, data)[0].tolist() == [[1, 5], [0, 0]]
    assert intensities_by_side(tmp_path, data, (12,))[0].tolist() == [[[0, 5]], [[0, 0]]]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("frame,AU06,AU12", "0,0,0", "1,0,0"), "v.csv: no table .* as ks-synth writes it .no column 'AU12L'"),
        (("frame,AU12L,AU12R", "0,0,0"), r"v.csv: wanted \(2, 2\) intensities from 0 to 1; got \(1, 2\)"),
        (("frame,AU12L,AU12R", "0,0,x", "1,0,0"), "v.csv: no table"),
    ],
)
def test_a_set_without_sides_is_one_line(tmp_path: Path, rows: tuple[str, ...], told: str) -> None:
    data = a_set(tmp_path, *rows)
    with pytest.raises(DataError, match=told) as caught:
        intensities_by_side(tmp_path, data, (12,))
    assert "\n" not in str(caught.value)
