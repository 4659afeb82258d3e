"""Names of tiers, behaviours and events."""

import pytest

from knowledge_spreader.datasets.own_labels.event_names import Named, face_named, read_name
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED

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
