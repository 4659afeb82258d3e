"""BIDS events."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import put

U = UNKNOWN


def test_events_are_present_for_their_duration(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(
        "onset\tduration\ttrial_type\tface_id\tstream\tpeak\n"
        "0.1\t0.2\tAU12\t0\tanna.mp4\t0.93\n0.4\tn/a\tAU4\t0\tanna.mp4\tn/a\n0\t1\tfixation\t0\tanna.mp4\tn/a\n"
    )
    labels = read_own_labels([path])
    assert (labels.kinds, labels.notes[0]) == (("bids",), f"{path}: events that are not used: 'fixation'")
    assert put(path, (12, 4)) == [[0, 0], [1, 0], [1, 0], [0, 0], [0, 1], [0, 0]]


def test_without_an_event_of_an_au_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anna.tsv"
    path.write_text("onset\tduration\ttrial_type\n0\t1\tgo\n")
    with pytest.raises(DataError, match=r"anna\.tsv: no event of an AU; name them AU1, AU12, \.\.\., got 'go'"):
        read_own_labels([path])


def test_events_coded_say_what_was_looked_at_and_an_event_may_say_absent_or_unscorable(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(
        "onset\tduration\ttrial_type\tface_id\tstream\n"
        "0.1\t0.4\tcoded\tn/a\tanna.mp4\n0.2\t0.1\tAU12\t0\tanna.mp4\n0.3\t0.1\tAU12 unscorable\t0\tanna.mp4\n"
        "0.1\t0.1\tAU4 absent\t0\tanna.mp4\n"
    )
    assert put(path, (12, 4)) == [[U, U], [0, 0], [1, 0], [U, 0], [0, 0], [U, U]]
    assert read_own_labels([path]).notes == ()
