"""Names of tiers, behaviours and events."""

import pytest

from knowledge_spreader.datasets.own_labels.event_names import (
    Named,
    Told,
    coded_aus,
    face_named,
    only_marks,
    read_name,
    read_told,
)
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN

NONE = NO_FACE_NAMED


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("AU12", Named(12, NONE, "")),
        ("au 06", Named(6, NONE, "")),
        ("AU_12", Named(12, NONE, "")),
        ("AU12 lip corner puller", Named(12, NONE, "")),
        ("AU12 (lip corner puller)", Named(12, NONE, "")),
        ("AU12 - Lip Corner Puller", Named(12, NONE, "")),
        ("AU12 face 0", Named(12, 0, "")),
        ("AU12_face_3", Named(12, 3, "")),
        ("AU12 lip corner puller face 1", Named(12, 1, "")),
        ("AU12@Anna", Named(12, NONE, "anna")),
        ("AU12 face 1@anna", Named(12, 1, "anna")),
        ("Coded", Named(0, NONE, "")),
        ("coded@ben", Named(0, NONE, "ben")),
        ("AU12 absent", Named(12, NONE, "", 0)),
        ("AU12 Unscorable face 1", Named(12, 1, "", UNKNOWN)),
        ("AU12 unknown@anna", Named(12, NONE, "anna", UNKNOWN)),
        ("AU12 absently", None),
        ("AU12L", None),
        ("AU12 left", None),
        ("AU12_r", None),
        ("AU12 intensity", None),
        ("AU1+2", None),
        ("AU51", None),  # the head turns left
        ("12", None),
        ("laugh", None),
        ("", None),
    ],
)
def test_a_name_is_plainly_an_au_or_it_is_none(name: str, named: Named | None) -> None:
    assert read_name(name) == named


def test_a_participant_may_be_a_face() -> None:
    assert [face_named(name) for name in ("face 0", "Face_12", "anna", "face", "")] == [0, 12, NONE, NONE, NONE]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("AU12", Named(12, NONE, "")),
        ("AU12L", Named(12, NONE, "", 1, 0, "L")),
        ("L12", Named(12, NONE, "", 1, 0, "L")),
        ("AU R12 face 0", Named(12, 0, "", 1, 0, "R")),
        ("AU12 right@Anna", Named(12, NONE, "anna", 1, 0, "R")),
        ("AU12L absent", Named(12, NONE, "", 0, 0, "L")),
        ("AU12C", Named(12, NONE, "", 1, 3, "")),
        ("L12B", Named(12, NONE, "", 1, 2, "L")),
        ("AU12 lip corner puller", Named(12, NONE, "")),
        ("AU12 face 1", Named(12, 1, "")),
        ("AU12F", None),
        ("AU12_r", None),  # OpenFace's intensity
        ("laugh", None),
        ("coded", Named(0, NONE, "")),
    ],
)
def test_with_levels_a_name_may_tell_level_and_side(name: str, named: Named | None) -> None:
    assert read_name(name, levels=True) == named


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", Told()),
        ("present", Told()),
        ("x", Told()),
        ("C", Told(3)),
        (" e ", Told(5)),
        ("3", Told(3)),
        ("3.0", Told(3)),
        ("C left", Told(3, "L")),
        ("present right", Told(0, "R")),
        ("R", Told(0, "R")),
        ("12", Told()),  # the AU
        ("12c", Told(3)),
        ("AU12C", Told(3)),
        ("au 12 c", Told(3)),
        ("L12B", Told(2, "L")),
        ("AUL12B", Told(2, "L")),
        ("R12", Told(0, "R")),
        ("12B left", Told(2, "L")),
        ("smile", None),
        ("12B+25C", None),
    ],
)
def test_a_text_tells_level_and_side_as_facs_writes_them(text: str, told: Told | None) -> None:
    assert read_told("a.eaf", 12, text) == told


def test_a_number_up_to_5_is_a_level_even_of_an_au_of_that_number() -> None:
    assert read_told("a.eaf", 4, "4") == Told(4)
    assert read_told("a.eaf", 4, "L4") == Told(0, "L")  # behind a side it is the AU
    assert read_told("a.eaf", 4, "4B") == Told(2)


@pytest.mark.parametrize("text", ["F", "12F", "6", "0 left", "2.5", "-1", "AU12 7"])
def test_a_level_outside_a_to_e_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.eaf: '{text}' is no level of AU12; wanted A to E, 1 to 5, or no level$"):
        read_told("a.eaf", 12, text)


def test_numbers_that_are_0_and_1_alone_are_marks() -> None:
    assert only_marks(["1", "0", "9", "C", ""])
    assert not only_marks(["1", "2"])


def test_an_au_counts_as_coded_by_its_whole_face_or_by_both_sides() -> None:
    assert coded_aus([(12, 0, "L"), (12, 0, "R"), (4, 0, ""), (4, 0, "L"), (1, 0, "L"), (1, 1, "R")]) == {
        (12, 0),
        (4, 0),
    }


def test_a_number_of_thousands_of_digits_is_no_au_no_face_and_no_code() -> None:
    digits = "9" * 5000
    for name in (f"AU{digits}", f"AU12 face {digits}", f"L{digits}"):
        assert read_name(name, levels=True) is None
    assert face_named(f"face {digits}") == NO_FACE_NAMED
    assert read_told("a.eaf", 12, f"AU{digits}") is None
