"""Two coders compared."""

import json
from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.agreement import compare
from knowledge_spreader.realtime.studio.store.statement import Statement, Value

VIDEO = "a" * 64


def said(coder: str, values: dict[tuple[int, int], Value], face: int = 0, side: str | None = None) -> list[Statement]:
    """(frame, AU) -> value; 10 frames per second."""
    return [
        Statement(VIDEO, "anna.mp4", face, frame, frame / 10, au, value, side, coder)
        for (frame, au), value in values.items()
    ]


def run(au: int, values: str, coder: str) -> list[Statement]:
    """A frame for each letter: 0 to 5, p present, ? not scorable, . not labelled."""
    named: dict[str, Value] = {"p": "present", "?": "unscorable"}
    return said(coder, {(f, au): named[v] if v in named else int(v) for f, v in enumerate(values) if v != "."})


def test_figures_of_an_au_by_hand() -> None:
    a, b = run(12, "0031220?p.", "a"), run(12, "00021p1003", "b")
    found = compare(a, b, {}, 0.1)
    (au,) = found["aus"]
    # both called frames 0 to 6 and 8 present or absent: a 0011 110 1, b 0001 111 0
    assert (au["au"], au["n"], au["a"], au["b"], au["both"]) == (12, 8, 5, 4, 3)
    assert au["agreed"] == 5 / 8
    chance = 5 / 8 * 4 / 8 + 3 / 8 * 4 / 8
    assert au["kappa"] == pytest.approx((5 / 8 - chance) / (1 - chance))
    assert au["wexler"] == found["wexler"] == 2 * 3 / (5 + 4)
    # levels of both: frames 0 1 2 3 4 6: a 0 0 3 1 2 0, b 0 0 0 2 1 1
    assert au["icc"]["n"] == 6
    total, difference = np.array([0, 0, 3, 3, 3, 1]), np.array([0, 0, 3, -1, 1, -1])
    frames, rest = total.var(ddof=1) / 2, difference.var(ddof=1) / 2
    assert au["icc"]["consistency"] == pytest.approx((frames - rest) / (frames + rest))
    # a begins in frame 2 (frame 8 follows one that cannot be scored), b in 3; .1 s apart. b's frame 9 has no word of a
    assert au["events"] == {"a": 1, "b": 1, "matched": 1, "f1": 1.0}
    assert compare(a, b, {}, 0.05)["aus"][0]["events"] == {"a": 1, "b": 1, "matched": 0, "f1": 0.0}


def test_times_of_the_recording_hold_where_they_are_known() -> None:
    a, b = run(12, "0011", "a"), run(12, "0001", "b")
    slow = {VIDEO: np.arange(4) * 2.0}  # the onsets are 2 s apart
    assert compare(a, b, slow, 0.5)["aus"][0]["events"]["matched"] == 0
    assert compare(a, b, slow, 2.0)["aus"][0]["events"]["matched"] == 1


def test_onsets_that_both_marked_are_compared_instead_of_those_that_follow_from_labels() -> None:
    a, b = run(12, "00111000", "a"), run(12, "00001100", "b")
    assert compare(a, b, {}, 0.1)["aus"][0]["events"] == {"a": 1, "b": 1, "matched": 0, "f1": 0.0}  # frames 2 and 4
    onset_of_a = replace(a[3], value="marked", mark="onset")
    onset_of_b = replace(b[4], value="marked", mark="onset")
    found = compare([*a, onset_of_a], [*b, onset_of_b], {}, 0.1)
    assert found["aus"][0]["events"] == {"a": 1, "b": 1, "matched": 1, "f1": 1.0}
    assert found["n"] == 8  # a mark is no label
    assert compare([*a, onset_of_a], b, {}, 0.1)["aus"][0]["events"]["matched"] == 0  # b marked none: by labels


def test_frames_that_differ_say_in_what() -> None:
    a = said("a", {(3, 12): 2, (3, 4): 0, (5, 1): 1, (5, 2): "unscorable", (6, 1): 0, (8, 1): 1})
    b = said("b", {(3, 12): 4, (3, 4): "present", (5, 1): "present", (5, 2): 0, (6, 1): 0, (9, 1): 1})
    sided = {"a_side": None, "b_side": None}
    assert compare(a, b, {}, 0.5)["differ"] == [
        {
            **{"video": VIDEO, "frame": 3, "face": 0, "time_s": 0.3},
            "aus": [
                {"au": 4, "a": 0, "b": "present", **sided, "what": "presence"},
                {"au": 12, "a": 2, "b": 4, **sided, "what": "level"},
            ],
        },
        {
            **{"video": VIDEO, "frame": 5, "face": 0, "time_s": 0.5},
            "aus": [{"au": 2, "a": "unscorable", "b": 0, **sided, "what": "scorable"}],
        },
    ]
    (one,) = compare(said("a", {(3, 12): 2}, side="L"), said("b", {(3, 12): 2}), {}, 0.5)["differ"]
    assert one["aus"] == [{"au": 12, "a": 2, "b": 2, "a_side": "L", "b_side": None, "what": "side"}]


def test_another_face_is_another_label() -> None:
    found = compare(said("a", {(3, 12): 2}), said("b", {(3, 12): 2}, face=1), {}, 0.5)
    assert (found["n"], found["aus"], found["differ"]) == (0, [], [])


@pytest.mark.parametrize(("a", "b"), [("", ""), ("0", "0"), ("5", "5"), ("?", "?"), ("000", "000"), ("p", "?")])
def test_what_does_not_exist_is_null_in_json_never_nan(a: str, b: str) -> None:
    found = compare(run(12, a, "a"), run(12, b, "b"), {}, 0.5)
    assert "NaN" not in json.dumps(found, allow_nan=False)
    assert [au["kappa"] for au in found["aus"]] == [None] * len(found["aus"])


@pytest.mark.parametrize("tolerance_s", [-1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance_s: float) -> None:
    with pytest.raises(DataError, match=r"the tolerance must be 0 or more seconds; got "):
        compare([], [], {}, tolerance_s)
