"""analyse_live(): streams side by side; faces are found in other threads than the answers."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from knowledge_spreader.engines.base import Engine
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.live_run import analyse_live
from knowledge_spreader.realtime.pipeline import Analyser
from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.types import Frame, FrameResult
from tests.realtime.clips import write_clip
from tests.realtime.test_pipeline import Everywhere, probabilities, results


class Slow(Everywhere):
    """Takes `look_s` for each frame, and notes which threads looked at which stream."""

    def __init__(self, look_s: float = 0.0, fails_at: int = -1) -> None:
        super().__init__()
        self.look_s, self.fails_at = look_s, fails_at
        self.threads: dict[int, set[str]] = {}

    def find(self, frame: Frame) -> list[FoundFace]:
        self.threads.setdefault(frame.stream.number, set()).add(threading.current_thread().name)
        time.sleep(self.look_s)
        if frame.index == self.fails_at:
            raise DataError("the face model is broken")
        return super().find(frame)


@contextmanager
def opened(paths: Sequence[Path], speed: float = 1.0) -> Iterator[list[Capture]]:
    news = threading.Condition()
    with ExitStack() as stack:
        yield [
            stack.enter_context(Capture(targets([str(path)])[0], i, news=news, speed=speed))
            for i, path in enumerate(paths)
        ]


def never(capture: Capture, exc: DataError) -> None:
    raise AssertionError(f"{capture.stream.name}: {exc}")


def run(
    engine: Engine, captures: Sequence[Capture], finder: Everywhere, lookers: int = 1, take_ahead: bool = False
) -> list[FrameResult]:
    analyser, stop = Analyser(engine, finder), threading.Event()
    return list(analyse_live(captures, analyser, stop, lookers=lookers, failed=never, take_ahead=take_ahead))


def clip(folder: Path, name: str, frames: int, fps: int = 25) -> Path:
    return write_clip(folder / name, frames, fps=fps, size=(112, 112), options={"bf": "0"})


def look_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(("look", "take"))}


@pytest.mark.parametrize(("lookers", "take_ahead"), [(1, False), (2, False), (1, True), (2, True)])
def test_the_same_frames_give_the_same_numbers_as_every_frame(
    engine: Engine, tmp_path: Path, lookers: int, take_ahead: bool
) -> None:
    with opened([clip(tmp_path, "a.mkv", 12), clip(tmp_path, "b.mkv", 12)], speed=0.5) as captures:
        found = run(engine, captures, Slow(), lookers, take_ahead)
    for number in (0, 1):
        mine = [result for result in found if result.frame.stream.number == number]
        assert [result.frame.index for result in mine] == sorted({result.frame.index for result in mine})
        alone = results(engine, [[result.frame] for result in mine], Everywhere())
        assert probabilities(mine) == pytest.approx(probabilities(alone), abs=1e-6)
        assert len(mine) >= 10  # at half speed hardly any is left out


def test_each_stream_keeps_to_one_thread(engine: Engine, tmp_path: Path) -> None:
    finder = Slow()
    with opened([clip(tmp_path, f"{i}.mkv", 6) for i in range(3)]) as captures:
        run(engine, captures, finder, lookers=2)
    assert finder.threads == {0: {"look 0"}, 1: {"look 1"}, 2: {"look 0"}}


@pytest.mark.parametrize("take_ahead", [False, True])
def test_no_stream_starves_another(engine: Engine, tmp_path: Path, take_ahead: bool) -> None:
    """Looking takes 30 ms, so 50 frames in 1 s leave room for a third of them: each stream gets its share."""
    with opened([clip(tmp_path, "a.mkv", 25), clip(tmp_path, "b.mkv", 25)]) as captures:
        found = run(engine, captures, Slow(0.03), take_ahead=take_ahead)
    counts = [sum(result.frame.stream.number == number for result in found) for number in (0, 1)]
    assert min(counts) >= 8
    assert max(counts) - min(counts) <= 5


def test_frames_do_not_grow_old_when_answers_take_longer_than_looking(engine: Engine, tmp_path: Path) -> None:
    """Each answer takes 0.12 s. A frame that is looked at too early would be 0.2 s old when it is taken."""
    ages_s = []
    with opened([clip(tmp_path, "a.mkv", 50)]) as captures:
        for result in analyse_live(captures, Analyser(engine, Slow()), threading.Event(), failed=never):
            ages_s.append(time.perf_counter() - result.frame.captured_s)
            time.sleep(0.12)
    settled = sorted(ages_s[5:])
    assert settled[len(settled) // 2] < 0.08  # a frame interval of 0.04 s and the work itself


@pytest.mark.parametrize("take_ahead", [False, True])
def test_an_error_of_a_thread_that_looks_comes_after_the_results_before_it(
    engine: Engine, tmp_path: Path, take_ahead: bool
) -> None:
    found: list[int] = []
    with opened([clip(tmp_path, "a.mkv", 10)], speed=0.5) as captures:
        analyser, stop = Analyser(engine, Slow(fails_at=6)), threading.Event()
        running = analyse_live(captures, analyser, stop, failed=never, take_ahead=take_ahead)
        with pytest.raises(DataError, match="broken"):
            found.extend(result.frame.index for result in running)
    assert max(found) == 5
    assert not look_threads()


def test_who_stops_early_leaves_no_thread(engine: Engine, tmp_path: Path) -> None:
    stop = threading.Event()
    with opened([clip(tmp_path, "a.mkv", 100), clip(tmp_path, "b.mkv", 100)]) as captures:
        running = analyse_live(captures, Analyser(engine, Slow()), stop, lookers=2, failed=never)
        next(running)
        assert look_threads() == {"look 0", "look 1"}
        start_s = time.perf_counter()
        running.close()
        assert time.perf_counter() - start_s < 1
    assert not look_threads()
    assert stop.is_set()


def test_the_threads_that_take_ahead_end_with_it_too(engine: Engine, tmp_path: Path) -> None:
    with opened([clip(tmp_path, "a.mkv", 100), clip(tmp_path, "b.mkv", 100)]) as captures:
        analyser, stop = Analyser(engine, Slow()), threading.Event()
        running = analyse_live(captures, analyser, stop, lookers=2, failed=never, take_ahead=True)
        next(running)
        assert look_threads() == {"look 0", "look 1", "take"}
        running.close()
    assert not look_threads()


@pytest.mark.parametrize("take_ahead", [False, True])
def test_a_frame_is_taken_while_that_of_another_stream_is_looked_at(
    engine: Engine, tmp_path: Path, take_ahead: bool
) -> None:
    """Looking takes 30 ms. Without take_ahead no frame is taken meanwhile; with it, most are."""

    class Noted(Slow):
        busy, meanwhile = False, 0

        def find(self, frame: Frame) -> list[FoundFace]:
            self.busy = True
            try:
                return super().find(frame)
            finally:
                self.busy = False

    class Taken(Capture):
        def take(self) -> Frame | None:
            was_busy, frame = finder.busy, super().take()
            finder.meanwhile += frame is not None and was_busy
            return frame

    finder, news = Noted(0.03), threading.Condition()
    paths = [clip(tmp_path, "a.mkv", 25), clip(tmp_path, "b.mkv", 25)]
    with ExitStack() as stack:
        taking = [stack.enter_context(Taken(targets([str(path)])[0], i, news=news)) for i, path in enumerate(paths)]
        run(engine, taking, finder, take_ahead=take_ahead)
    assert finder.meanwhile >= 10 if take_ahead else not finder.meanwhile


def test_the_caller_is_called_while_no_frame_arrives(engine: Engine, tmp_path: Path) -> None:
    """A second without a frame: about four calls, in the caller's thread, so that a window stays alive."""
    path = write_clip(tmp_path / "a.mkv", 3, times_ms=[0, 1100, 1140], size=(112, 112), options={"bf": "0"})
    calls: list[threading.Thread] = []
    with opened([path]) as captures:
        stop = threading.Event()
        idle = lambda: calls.append(threading.current_thread())  # noqa: E731
        list(analyse_live(captures, Analyser(engine, Slow()), stop, failed=never, idle=idle))
    assert len(calls) >= 3
    assert set(calls) == {threading.current_thread()}
