"""Occurrence comes and goes with hysteresis; events say when."""

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.temporal.events import Occurrences
from knowledge_spreader.realtime.temporal.windows import GAP_S
from knowledge_spreader.realtime.types import Event, Stream
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 12))
STREAM = Stream("camera 0")


def run(occurrences: Occurrences, probabilities: list[float], start_s: float = 0.0) -> tuple[list[bool], list[Event]]:
    """AU12's occurrence and events over frames 0.1 s apart."""
    shown, events = [], []
    for i, p in enumerate(probabilities):
        present, brought = occurrences.update(STREAM, 3, start_s + i / 10, np.array([0.0, p], np.float32))
        shown.append(bool(present[1]))
        events += brought
    return shown, events


def test_it_comes_above_the_threshold_and_goes_below_it_by_the_hysteresis() -> None:
    shown, _ = run(Occurrences(SPEC, 0.05), [0.1, 0.54, 0.55, 0.46, 0.45, 0.44, 0.54])
    assert shown == [False, False, True, True, True, False, False]


def test_without_hysteresis_it_is_the_plain_threshold() -> None:
    shown, _ = run(Occurrences(SPEC, 0.0), [0.49, 0.5, 0.49, 0.51])
    assert shown == [False, True, False, True]


def test_the_first_frame_of_a_track_goes_by_the_plain_threshold() -> None:
    assert run(Occurrences(SPEC, 0.2), [0.5])[0] == [True]
    assert run(Occurrences(SPEC, 0.2), [0.49])[0] == [False]


def test_each_au_has_the_threshold_of_the_model() -> None:
    spec = ModelSpec(aus=(1, 12), thresholds=(0.2, 0.9))
    present, _ = Occurrences(spec).update(STREAM, 0, 0.0, np.array([0.3, 0.8], np.float32))
    assert present.tolist() == [True, False]


def test_hysteresis_never_puts_an_au_out_of_reach() -> None:
    spec = ModelSpec(aus=(1, 12), thresholds=(0.5, 0.99))
    shown, _ = run(Occurrences(spec, 0.3), [0.1, 0.996, 0.6, 0.4])  # comes at 0.995, goes at 0.69
    assert shown == [False, True, False, False]


def test_events_tell_onset_end_and_peak() -> None:
    _, events = run(Occurrences(SPEC, 0.05), [0.1, 0.6, 0.9, 0.7, 0.1])
    assert events == [
        Event(STREAM, 3, 12, 0.1, None, pytest.approx(0.6)),
        Event(STREAM, 3, 12, 0.1, pytest.approx(0.4), pytest.approx(0.9)),
    ]


def test_a_short_loss_does_not_end_an_event_and_a_long_one_does_where_the_face_was_last_seen() -> None:
    occurrences = Occurrences(SPEC)
    run(occurrences, [0.9])
    assert occurrences.lost(STREAM.number, GAP_S) == []
    assert run(occurrences, [0.9], GAP_S)[1] == []
    (end,) = occurrences.lost(STREAM.number, 2 * GAP_S + 0.01)
    assert (end.onset_s, end.end_s) == (0.0, GAP_S)
    assert occurrences.lost(STREAM.number) == []


def test_a_face_that_returns_late_ends_its_events_first() -> None:
    occurrences = Occurrences(SPEC)
    run(occurrences, [0.9])
    _, events = run(occurrences, [0.9], 10.0)
    assert [(e.onset_s, e.end_s) for e in events] == [(0.0, 0.0), (10.0, None)]


def test_a_stream_that_ends_ends_its_own_events_alone() -> None:
    occurrences = Occurrences(SPEC)
    other = Stream("camera 1", number=1)
    occurrences.update(STREAM, 0, 0.0, np.array([0.9, 0.0], np.float32))
    occurrences.update(other, 0, 0.0, np.array([0.9, 0.0], np.float32))
    assert [event.stream for event in occurrences.lost(1)] == [other]
    assert [event.stream for event in occurrences.lost(0)] == [STREAM]


@pytest.mark.parametrize("hysteresis", [-0.1, 0.5, float("nan")])
def test_an_impossible_hysteresis_is_refused(hysteresis: float) -> None:
    with pytest.raises(DataError, match=r"--hysteresis .* below 0\.5"):
        Options(hysteresis=hysteresis)
