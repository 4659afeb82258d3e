"""analyse(): one result per frame, the same numbers however the frames come in batches."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from knowledge_spreader.engines.base import Engine
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.pipeline import Analyser, analyse
from knowledge_spreader.realtime.types import Face, Frame, FrameResult, Stream

SIDE = 112
STREAMS = (Stream("a", 0), Stream("b", 1))


def frame(index: int, stream: int = 0) -> Frame:
    """A picture of its own, 25 a second."""
    rng = np.random.default_rng([index, stream])
    coarse = rng.integers(0, 256, (7, 7, 3), np.uint8)
    return Frame(coarse.repeat(16, 0).repeat(16, 1), STREAMS[stream], index, index, Fraction(1, 25), 0.0)


class Everywhere:
    """Finds faces where the test says: by default one, which is the whole picture."""

    def __init__(self, faces: int = 1, rejected: Sequence[int] = ()) -> None:
        self.faces, self.rejected = faces, rejected
        self.forgotten: list[int] = []

    def find(self, frame: Frame) -> list[FoundFace]:
        reason = "blurred" if frame.index in self.rejected else ""
        return [
            FoundFace(
                Face(i, (0, 0, SIDE, SIDE), np.zeros((6, 2)), 0.9, reason, frame.index == 0),
                np.roll(frame.image, 30 * i, 0),
            )
            for i in range(self.faces)
        ]

    def forget(self, stream_number: int) -> None:
        self.forgotten.append(stream_number)


def results(
    engine: Engine, batches: Sequence[Sequence[Frame]], finder: Everywhere, ahead: int = 0
) -> list[FrameResult]:
    return list(analyse(iter(batches), Analyser(engine, finder), ahead))


def probabilities(found: Sequence[FrameResult]) -> np.ndarray:
    return np.array([[face.probability for face in result.faces] for result in found])


def test_the_answer_is_the_heads_on_the_window_of_the_last_five_frames(engine: Engine) -> None:
    frames = [frame(i) for i in range(7)]
    found = results(engine, [[f] for f in frames], Everywhere())
    encoded = [engine.encode(f.image[None]) for f in frames]
    window = np.stack([e.feature[0] for e in encoded[2:]])[None]
    wanted = engine.predict(encoded[-1].o_a, window)
    assert found[-1].faces[0].probability == pytest.approx(wanted.probability[0], abs=1e-6)
    assert [result.faces[0].window_frames for result in found] == [1, 2, 3, 4, 5, 5, 5]
    disagreement = np.abs(1 / (1 + np.exp(-encoded[-1].o_a[0])) - 1 / (1 + np.exp(-wanted.o_b[0])))
    assert found[-1].faces[0].disagreement == pytest.approx(disagreement, abs=1e-5)
    assert found[-1].faces[0].in_order == pytest.approx(1 / (1 + np.exp(-wanted.in_order[0])), abs=1e-5)


@pytest.mark.parametrize("size", [2, 5, 12])
@pytest.mark.parametrize("ahead", [0, 2])
def test_batches_and_reading_ahead_do_not_change_the_numbers(engine: Engine, size: int, ahead: int) -> None:
    frames = [frame(i) for i in range(12)]
    alone = results(engine, [[f] for f in frames], Everywhere(2))
    together = results(engine, [frames[i : i + size] for i in range(0, 12, size)], Everywhere(2), ahead)
    assert [result.frame.index for result in together] == list(range(12))
    assert probabilities(together) == pytest.approx(probabilities(alone), abs=1e-6)
    assert probabilities(alone).std(0).max() > 1e-4  # the numbers do depend on the frames


def test_streams_side_by_side_answer_as_each_alone(engine: Engine) -> None:
    alone = [results(engine, [[frame(i, s)] for i in range(6)], Everywhere()) for s in (0, 1)]
    both = results(engine, [[frame(i, 0), frame(i, 1)] for i in range(6)], Everywhere())
    for s in (0, 1):
        mine = [result for result in both if result.frame.stream.number == s]
        assert probabilities(mine) == pytest.approx(probabilities(alone[s]), abs=1e-6)


def test_a_rejected_face_has_a_reason_and_no_answer(engine: Engine) -> None:
    found = results(engine, [[frame(i) for i in range(4)]], Everywhere(rejected=[1]))
    bad = found[1].faces[0]
    assert (bad.success, bad.face.rejected) == (False, "blurred")
    assert np.isnan(bad.probability).all()
    assert np.isnan(bad.disagreement).all()
    assert not bad.occurrence.any()
    assert [result.faces[0].window_frames for result in found] == [1, 0, 2, 3]


def test_a_face_that_starts_afresh_with_a_rejected_frame_starts_afresh_with_the_next(engine: Engine) -> None:
    class Jumps(Everywhere):
        def find(self, frame: Frame) -> list[FoundFace]:
            (found,) = super().find(frame)
            return [replace(found, face=replace(found.face, fresh=frame.index in (0, 3)))]

    for batches in ([[frame(i)] for i in range(6)], [[frame(i) for i in range(6)]]):
        found = results(engine, batches, Jumps(rejected=[3]))
        assert [result.faces[0].window_frames for result in found] == [1, 2, 3, 0, 1, 2]


def test_frames_without_a_face_have_a_result_too(engine: Engine) -> None:
    found = results(engine, [[frame(0), frame(1)]], Everywhere(0))
    assert [(result.frame.index, result.faces) for result in found] == [(0, ()), (1, ())]


def test_events_stand_beside_the_frame_that_brings_them(engine: Engine) -> None:
    found = results(engine, [[frame(i)] for i in range(5)], Everywhere())
    first = found[0].faces[0]
    assert {event.au for event in found[0].events} == {
        au for au, present in zip(found[0].aus, first.occurrence, strict=True) if present
    }
    for result in found:
        for event in result.events:
            present = result.faces[0].occurrence[result.aus.index(event.au)]
            assert present == (event.end_s is None)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_source_that_fails_hands_its_error_on_after_the_results_before(engine: Engine, ahead: int) -> None:
    def failing() -> Iterator[list[Frame]]:
        yield [frame(0)]
        yield [frame(1)]
        raise DataError("the camera was pulled out")

    found: list[FrameResult] = []
    with pytest.raises(DataError, match="pulled out"):
        found.extend(analyse(failing(), Analyser(engine, Everywhere()), ahead))
    assert [result.frame.index for result in found] == [0, 1]
    assert "look ahead" not in threads()


def test_who_stops_early_leaves_no_thread_and_closes_the_source(engine: Engine) -> None:
    closed = threading.Event()

    def endless() -> Iterator[list[Frame]]:
        try:
            for i in range(10_000):
                yield [frame(i)]
        finally:
            closed.set()

    run = analyse(endless(), Analyser(engine, Everywhere()), 2)
    next(iter(run))
    run.close()  # type: ignore[attr-defined]
    assert closed.wait(5)
    assert "look ahead" not in threads()


def test_a_run_that_ends_forgets_its_streams(engine: Engine) -> None:
    finder = Everywhere()
    analyser = Analyser(engine, finder)
    list(analyse([[frame(i)] for i in range(3)], analyser))
    analyser.forget(0)
    assert finder.forgotten == [0]
    (again,) = analyse([[frame(1)]], analyser)
    assert again.faces[0].window_frames == 1


def test_windows_are_picked_by_the_streams_own_time(engine: Engine) -> None:
    slow = [Frame(frame(i).image, STREAMS[0], i, i, Fraction(1, 10), 0.0) for i in range(4)]
    found = results(engine, [slow], Everywhere())
    assert [result.faces[0].window_frames for result in found] == [1, 2, 3, 3]  # 10 fps: 160 ms hold three frames
