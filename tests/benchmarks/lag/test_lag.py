"""ks-bench lag: onsets matched by hand, figures by hand, a real run on the bundled clip, and what is refused."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.lag.measure import Followed
from knowledge_spreader.benchmarks.lag.onsets import Outcome, Rise, Shown, false_onsets, outcomes, rises
from knowledge_spreader.benchmarks.lag.report import figures, percentile
from knowledge_spreader.realtime.demo import demo_clip
from tests.realtime.clips import piece

ONSET = Rise(1.0, 0.0, counts=True)


def found(labels: str, unanswered: Sequence[int] = ()) -> list[Rise]:
    """Of labels such as 000_11, at 10 frames per second."""
    answered = np.ones(len(labels), bool)
    answered[list(unanswered)] = False
    values = np.array([{"0": 0, "1": 1, "_": -1}[label] for label in labels], np.int8)
    return rises(np.arange(len(labels)) / 10, values, answered)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ("00011", [(0.3, 0.0, True)]),
        ("000_11", [(0.4, 0.1, True)]),  # the first frame that is sure
        ("0_11", [(0.2, 0.1, False)]),  # 0.1 s of absence
        ("000___1", [(0.6, 0.3, False)]),  # 0.3 s unknown: something hid it
        ("00_0_11", [(0.5, 0.1, False)]),  # the absence begins anew
        ("0011001", [(0.2, 0.0, True), (0.6, 0.0, True)]),
        ("11", []),
        ("_11", []),
        ("001_1", [(0.2, 0.0, True)]),  # it was there before
    ],
)
def test_a_true_onset_is_the_first_sure_frame_after_a_sure_absence(labels: str, wanted: list[object]) -> None:
    assert [(round(r.time_s, 6), round(r.blank_s, 6), r.counts) for r in found(labels)] == wanted


@pytest.mark.parametrize(
    ("unanswered", "counts"), [(0, True), (1, True), (2, False), (4, False), (5, False), (6, True)]
)
def test_an_onset_counts_where_the_pipeline_answered_just_before_it(unanswered: int, counts: bool) -> None:
    """Unknown in frame 4, so 0.2 s before are frames 2 and 3; the onset is frame 5."""
    assert [r.counts for r in found("0000_11", [unanswered])] == [counts]


@pytest.mark.parametrize(
    ("shown", "lag_ms", "on_before", "free"),
    [
        ([], None, False, 0),
        ([Shown(1.12)], 120, False, 0),
        ([Shown(0.8)], -200, False, 0),
        ([Shown(0.6), Shown(1.2)], -400, False, 1),  # the earliest allowed
        ([Shown(0.56)], None, True, 1),  # on for longer than that
        ([Shown(0.0, from_start=True)], None, True, 0),
        ([Shown(1.04, from_start=True)], None, False, 0),  # the face came back: nobody knows when it began
        ([Shown(0.7, 0.9), Shown(1.08)], 80, False, 1),  # the first ended again
        ([Shown(2.0)], 1000, False, 0),  # the latest allowed
        ([Shown(2.04)], None, False, 1),
    ],
)
def test_the_pipelines_onset_is_the_first_that_lasts_within_the_time_allowed(
    shown: list[Shown], lag_ms: float | None, on_before: bool, free: int
) -> None:
    told, left = outcomes([ONSET], shown)
    assert told == [Outcome(0.0, lag_ms, on_before)]
    assert len(left) == free


def test_an_onset_of_the_pipeline_belongs_to_the_nearest_true_one() -> None:
    """The blink at 1.0 s was missed; 1.6 is 0.6 s after it, but 0.2 s before the next."""
    told, free = outcomes([ONSET, Rise(1.8, 0.04, counts=True)], [Shown(1.6)])
    assert told == [Outcome(0.0), Outcome(40.0, -200.0)]
    assert not free


def test_a_true_onset_that_does_not_count_still_takes_its_answer() -> None:
    assert outcomes([Rise(1.0, 0.0, counts=False)], [Shown(1.1)]) == ([], [])


def test_false_is_an_onset_in_a_frame_labelled_absent_but_for_the_first_fifth_of_a_second() -> None:
    times_s, labels = np.arange(6) / 10, np.array([0, 0, 0, -1, 1, 0], np.int8)
    assert [false_onsets([Shown(t)], times_s, labels) for t in times_s] == [0, 0, 1, 0, 0, 1]
    assert false_onsets([], times_s, labels) == 0


def test_a_percentile_is_a_value_that_occurred_by_weight() -> None:
    values = np.array([0.0, 40.0, 80.0, 120.0])
    weights = np.array([[1, 1, 1, 1], [0, 0, 1, 3], [0, 0, 0, 0]], float)
    np.testing.assert_array_equal(percentile(values, weights, 0.5), [40, 120, math.nan])
    np.testing.assert_array_equal(percentile(values, weights, 0.25), [0, 80, math.nan])


def test_figures_by_hand() -> None:
    """Two people, one clip each of half a minute; AU12 has six onsets, of which five are found, one is on before."""
    lags = [Outcome(40.0, lag_ms) for lag_ms in (0.0, 40.0, 80.0, 120.0, 160.0)]
    onsets = [(i % 2, 1, outcome) for i, outcome in enumerate([*lags, Outcome(40.0, None, on_before=True)])]
    about = {"model": "m", "weights": "w", "note": "", "voices": "paper", "engine": "e"}
    false = np.array([[0, 1], [2, 0]])
    result = figures(Followed((4, 12), ("a", "b"), tuple(onsets), false, np.array([0.5, 0.5]), 0.9, about))
    au4, au12, both = result["rows"]
    assert (au4["au"], au4["onsets"], au4["found"], au4["median_ms"]) == ("AU4", 0, None, None)
    assert au4["false_a_minute"] == {"value": 2.0, "interval": [0.0, 4.0]}  # without and with b alone
    assert au12["found"]["value"] == pytest.approx(5 / 6, abs=1e-4)
    assert au12["found"]["interval"] == pytest.approx([2 / 3, 1], abs=1e-4)  # b alone: 2 of 3; a alone: 3 of 3
    assert au12["on_before"]["value"] == pytest.approx(1 / 6, abs=1e-4)
    assert au12["median_ms"] == {"value": 80.0, "interval": [40.0, 80.0]}  # b alone: 40 and 120; a alone: 0, 80, 160
    assert au12["p95_ms"] is None  # too few
    assert (both["au"], both["onsets"], both["false_a_minute"]["value"]) == ("all", 6, 3.0)
    assert (result["people"], result["minutes"], result["blank_median_ms"]) == (2, 1.0, 40.0)


SMILE = range(75, 115)  # of the bundled clip: a blink, then AUs 6, 12 and 25


def rendered_set(folder: Path) -> Path:
    """A smile of the bundled clip as a set. Its table has intensities: an AU is present from .345, absent to .255."""
    (folder / "videos").mkdir(parents=True)
    (folder / "truth").mkdir()
    piece(demo_clip(), folder / "videos" / "demo_0.mp4", SMILE)
    with demo_clip().with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[SMILE.start : SMILE.stop]
    for row in rows:
        for unit in [name for name in row if name.startswith("AU")]:
            row[f"{unit}_c"] = "1" if float(row[unit]) >= 0.345 else "0" if float(row[unit]) < 0.255 else ""
    with (folder / "truth" / "demo_0.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return folder


def test_the_smile_of_the_bundled_clip_is_found_soon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the table AU43 begins in frame 83, AUs 6, 12 and 25 begin in frame 91."""
    path = tmp_path / "lag.json"
    assert main(["lag", "--set", str(rendered_set(tmp_path / "set")), "--no-progress", "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    rows = {row["au"]: row for row in result["rows"]}
    assert {au: row["onsets"] for au, row in rows.items() if row["onsets"]} == {
        **dict.fromkeys(("AU6", "AU12", "AU25", "AU43"), 1),
        "all": 4,
    }
    assert rows["AU12"]["found"]["value"] == 1
    assert rows["all"]["found"]["value"] >= 0.75
    assert (result["clips"], result["people"], result["answered"]) == (1, 1, 1)
    assert result["minutes"] == pytest.approx((len(SMILE) / 25 - 0.2) / 60, abs=5e-4)
    assert "found %" in capsys.readouterr().out


def refused(args: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["lag", "--no-progress", *args]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_a_folder_that_is_no_set_and_other_bad_input_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--set" in refused([], capsys)
    assert "ks-synth dataset" in refused(["--set", str(tmp_path)], capsys)
    assert "no_such.ks" in refused(["--set", str(tmp_path), "--model", "no_such.ks"], capsys)
    assert "--clips" in refused(["--set", str(tmp_path), "--clips", "-1"], capsys)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("frame,timestamp,AU12\n0,0.0,0.5\n", "AU01_c"),
        ("frame,timestamp,AU12_c\n0,0.0,yes\n1,0.04,0\n", "yes"),
        ("frame,timestamp,AU12_c\n0,0.0,1\n1,0.0,0\n", "increasing"),
        ("frame,timestamp,AU12_c\n0,0.0,1\n", "1 frames"),
        ("frame,timestamp,AU12_c\n0,0.0,1\n1\n", "timestamps"),
        ("frame,timestamp,AU12_c\n0,0.0,1\n1,nan,0\n", "increasing"),
        ("", "AU01_c"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line_before_anything_runs(
    tmp_path: Path, table: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = rendered_set(tmp_path)
    (folder / "truth" / "demo_0.csv").write_text(table)
    err = refused(["--set", str(folder)], capsys)
    assert said in err
    assert "demo_0.csv" in err


@pytest.mark.slow
def test_a_video_and_a_table_of_other_lengths_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rendered_set(tmp_path)
    table = folder / "truth" / "demo_0.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    assert "40 frames, but its table has 39" in refused(["--set", str(folder)], capsys)
