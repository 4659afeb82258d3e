"""ELAN's .eaf."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import MEDIA, eaf, put

U = UNKNOWN


def test_an_annotation_is_present_from_onset_to_offset_and_elsewhere_the_au_is_absent(tmp_path: Path) -> None:
    path = eaf(tmp_path / "session.eaf", {"AU12": [(100, 300, "B")], "AU 4": [], "Talk": [(0, 500, "hello")]})
    labels = read_own_labels([path])
    assert (labels.kinds, labels.aus) == (("elan",), (4, 12))
    (label,) = labels.labels
    assert (label.recording, label.span_s) == ("./anna.mp4", (0.1, 0.3))
    assert label.where == f"{path}, tier 'AU12', annotation a1 at 0.100 s"
    assert labels.notes == (
        f"{path}: tiers that are not used: 'Talk'",
        f"{path}: no tier 'coded', so the whole recording counts as coded: no annotation means absent",
    )
    assert put(path, (12, 4, 1)) == [[0, 0, U], [1, 0, U], [1, 0, U], [0, 0, U], [0, 0, U], [0, 0, U]]


def test_the_tier_coded_says_what_was_looked_at(tmp_path: Path) -> None:
    spans = {"AU12": [(200, 300, "smile"), (300, 400, "?"), (500, 600, "1")], "coded": [(100, 500, "")]}
    assert put(eaf(tmp_path / "a.eaf", spans), (12,)) == [[U], [0], [1], [U], [0], [1]]  # a label outside holds, too


def test_the_name_of_a_tier_may_say_absent_or_unscorable(tmp_path: Path) -> None:
    spans = {"AU12 absent": [(0, 100, "x")], "AU4 unscorable": [(0, 100, "x")], "coded": [(0, 200, "")]}
    assert put(eaf(tmp_path / "a.eaf", spans), (12, 4), 3) == [[0, U], [0, 0], [U, U]]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("absent", 0), ("?", U), ("n/a", U), ("Unscorable", U), ("", 1), ("A", 1), ("5", 1), ("strong", 1)],
)
def test_what_the_text_of_an_annotation_says(tmp_path: Path, text: str, value: int) -> None:
    assert put(eaf(tmp_path / "a.eaf", {"AU12": [(0, 100, text)]}), (12,), 2) == [[value], [0]]


def test_times_that_were_rounded_to_milliseconds_meet_their_frames(tmp_path: Path) -> None:
    path = eaf(tmp_path / "a.eaf", {"AU12": [(67, 100, "B")]})  # frame 2 of 30 per second is shown at 66.67 ms
    assert put(path, (12,), 4, rate=30) == [[0], [0], [1], [0]]
    path = eaf(tmp_path / "a.eaf", {"AU12": [(33, 67, "B")]})
    assert put(path, (12,), 4, rate=30) == [[0], [1], [0], [0]]


def test_slots_without_a_time_lie_evenly_between_their_neighbours(tmp_path: Path) -> None:
    spans = [(0, None, "B"), (None, None, "0"), (None, 600, "B")]  # 0 to 200, 200 to 400, 400 to 600 ms
    assert put(eaf(tmp_path / "a.eaf", {"AU12": spans}), (12,)) == [[1], [1], [0], [0], [1], [1]]
    labels = read_own_labels([eaf(tmp_path / "b.eaf", {"AU12": [(0, 100, "B"), (500, None, "B")]})])
    assert f"{tmp_path / 'b.eaf'}: annotations without a time, left out: 1" in labels.notes


def test_a_child_tier_takes_the_time_of_its_parent(tmp_path: Path) -> None:
    path = eaf(tmp_path / "a.eaf", {"event": [(100, 200, "x")]})
    said = "<ANNOTATION_VALUE>C</ANNOTATION_VALUE>"
    child = f'<REF_ANNOTATION ANNOTATION_ID="a9" ANNOTATION_REF="a1">{said}</REF_ANNOTATION>'
    tier = f'<TIER PARENT_REF="event" TIER_ID="AU12"><ANNOTATION>{child}</ANNOTATION></TIER>'
    path.write_text(path.read_text().replace("<LINGUISTIC_TYPE ", tier + "<LINGUISTIC_TYPE ", 1))
    assert put(path, (12,), 3) == [[0], [1], [0]]


def test_faces_and_coders_are_in_the_names_of_tiers(tmp_path: Path) -> None:
    tiers = {"AU12 face 0": [(0, 100, "")], "AU12 face 1": [(100, 200, "")]}
    assert put(eaf(tmp_path / "a.eaf", tiers), (12,), 3, face=1) == [[0], [1], [0]]
    assert put(eaf(tmp_path / "a.eaf", tiers), (12,), 3) == [[U], [U], [0]]
    tiers = {"AU12@ann": [(0, 200, "")], "AU12@ben": [(100, 200, "")], "coded@ann": [(0, 200, "")]}
    notes: list[str] = []
    assert put(eaf(tmp_path / "a.eaf", tiers), (12,), 3, notes=notes) == [[U], [1], [0]]  # ben coded all
    assert notes == [
        f"{tmp_path / 'anna.mp4'}: labels that contradict each other and are unknown: 1, first AU12 of frame 0"
    ]


def test_the_recording_is_the_relative_address_then_the_other_then_the_stem(tmp_path: Path) -> None:
    tiers = {"AU12": [(0, 100, "")]}
    audio = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///x/anna.wav" MIME_TYPE="audio/x-wav" RELATIVE_MEDIA_URL="./anna.wav"/>'
    assert read_own_labels([eaf(tmp_path / "a.eaf", tiers, audio + MEDIA)]).sheets[0].recording == "./anna.mp4"
    (tmp_path / "größe 50%.mp4").touch()
    far = f'<MEDIA_DESCRIPTOR MEDIA_URL="{(tmp_path / "größe 50%.mp4").as_uri()}" MIME_TYPE="video/mp4"/>'
    assert put(eaf(tmp_path / "a.eaf", tiers, far), (12,), 1, recording="größe 50%.mp4") == [[1]]
    assert put(eaf(tmp_path / "ben.eaf", tiers, ""), (12,), 1, recording="ben.mov") == [[1]]
    late = MEDIA.replace("/>", ' TIME_ORIGIN="200"/>')  # ELAN's 0 is 0.2 s of the video
    assert put(eaf(tmp_path / "a.eaf", tiers, late), (12,), 4) == [[0], [0], [1], [0]]


def test_a_file_that_another_program_wrote_is_read(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed")
    path = tmp_path / "session.eaf"
    document = elan.Eaf(author="anna")
    document.add_linked_file("file:///lab/anna.mp4", "./anna.mp4", "video/mp4")
    for tier in ("AU12", "AU25", "coded"):
        document.add_tier(tier)
    document.add_annotation("AU12", 100, 300, "C")
    document.add_annotation("coded", 0, 400)
    document.to_file(str(path))
    assert put(path, (12, 25), 5) == [[0, 0], [1, 0], [1, 0], [0, 0], [U, U]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>', "declares a document type"),
        ("<ANNOTATION_DOCUMENT><TIER>", "this XML cannot be read"),
        ('<ANNOTATION_DOCUMENT><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1s"/></ANNOTATION_DOCUMENT>', "a time of '1s'"),
        ("<html></html>", "this XML is no file of ELAN"),
        ('<ANNOTATION_DOCUMENT><TIER TIER_ID="AU12L"/></ANNOTATION_DOCUMENT>', "no tier of an AU; name the tiers AU1"),
        (
            '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="PAL-frames"/></ANNOTATION_DOCUMENT>',
            "its times are in 'PAL-frames'",
        ),
    ],
)
def test_what_is_no_file_of_elan_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        read_own_labels([path])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_annotations_that_say_the_opposite_at_one_time_are_refused(tmp_path: Path) -> None:
    path = eaf(tmp_path / "a.eaf", {"AU12": [(0, 300, "B")], "AU 12": [(200, 400, "0")]})
    with pytest.raises(
        DataError, match=r"tier 'AU 12', annotation a2 at 0\.200 s: AU12 is absent, but present in .*a1"
    ):
        read_own_labels([path])
