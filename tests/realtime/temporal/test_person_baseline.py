"""Live answers are relative to the person where the model has learned it, face by face."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from knowledge_spreader.calibration.person_baseline import PersonView, apply_person
from knowledge_spreader.engines.base import Encoded, Engine, Prediction
from knowledge_spreader.realtime.cli.arguments import options_of, parser
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.pipeline import Analyser, analyse
from knowledge_spreader.realtime.types import Face, Frame, FrameResult, Stream
from knowledge_spreader.spec import ModelSpec

SIDE = 112
FRAMES = 24


class Learned:
    """An engine whose model has a view."""

    def __init__(self, engine: Engine) -> None:
        u = len(engine.spec.aus)
        weight = np.arange(u) % 2 * 0.9  # every other AU
        self.view = PersonView(0.2, 0.5, 120.0, weight, np.full(u, -3.0))
        self._engine = engine
        self.spec: ModelSpec = self.view.into(engine.spec)
        self.choice = engine.choice

    def encode(self, crops: np.ndarray) -> Encoded:
        return self._engine.encode(crops)

    def predict(self, o_a: np.ndarray, window: np.ndarray) -> Prediction:
        return self._engine.predict(o_a, window)

    def close(self) -> None: ...


class OneFace:
    """The whole picture; another person from frame `change` on."""

    def __init__(self, change: int = FRAMES) -> None:
        self._change = change

    def find(self, frame: Frame) -> list[FoundFace]:
        who = int(frame.index >= self._change)
        face = Face(who, (0, 0, SIDE, SIDE), np.zeros((6, 2)), 0.9, "", frame.index in (0, self._change))
        return [FoundFace(face, frame.image)]

    def forget(self, stream_number: int) -> None: ...


def frame(index: int) -> Frame:
    coarse = np.random.default_rng(index).integers(0, 256, (7, 7, 3), np.uint8)
    return Frame(coarse.repeat(16, 0).repeat(16, 1), Stream("a", 0), index, index, Fraction(1, 25), 0.0)


def answers(found: Sequence[FrameResult]) -> np.ndarray:
    return np.array([result.faces[0].probability for result in found], np.float64)


def logits(probability: np.ndarray) -> np.ndarray:
    """Where a view's shift is as large for a sure model as for an unsure one."""
    return np.log(probability / (1 - probability))


def seen(engine: Engine, change: int = FRAMES, person: bool = True, neutral_s: float = 0.0) -> np.ndarray:
    analyser = Analyser(engine, OneFace(change), person=person, neutral_s=neutral_s)
    return answers(list(analyse(([frame(i)] for i in range(FRAMES)), analyser)))


def test_a_live_face_is_answered_as_the_whole_clip_would_be(engine: Engine) -> None:
    learned = Learned(engine)
    plain, relative = seen(engine), seen(learned)
    wanted = 1 / (1 + np.exp(-apply_person(learned.view, logits(plain), np.arange(FRAMES) / 25)))
    assert relative == pytest.approx(wanted, abs=1e-4)
    assert (relative[:, ::2] == plain[:, ::2]).all()  # AUs of weight 0, to the bit
    assert abs(logits(relative[-1]) - logits(plain[-1])).max() > 0.3


@pytest.mark.slow
def test_the_switch_and_a_model_that_has_not_learned_it_change_nothing(engine: Engine) -> None:
    assert (seen(Learned(engine), person=False) == seen(engine)).all()
    assert (seen(engine, person=True) == seen(engine, person=False)).all()


@pytest.mark.slow
def test_somebody_else_starts_from_the_average_person(engine: Engine) -> None:
    plain, relative = (seen(e, change=12) for e in (engine, Learned(engine)))
    off = abs(logits(relative) - logits(plain)).max(1)
    assert off[11] > 0.2
    assert off[12] < 1e-4
    assert off[-1] > 0.2


@pytest.mark.slow
def test_a_run_that_ends_and_a_long_absence_forget_the_person(engine: Engine) -> None:
    for how in ("end", "absence", "short"):
        analyser = Analyser(Learned(engine), OneFace())
        list(analyse(([frame(i)] for i in range(12)), analyser))
        if how == "end":
            analyser.forget(0)
        again = frame(5)
        if how != "end":
            late = 20 * 25 if how == "absence" else 14
            nobody = replace(again, index=late - 1, pts=late - 1)
            found = analyser.look([nobody])
            analyser.answer(replace(found, faces=((),)))
            again = replace(again, index=late, pts=late)
        (result,) = analyse([[again]], analyser)
        (plain,) = analyse([[again]], Analyser(Learned(engine), OneFace(), person=False))
        if how == "short":
            assert abs(answers([result]) - answers([plain])).max() > 0.01
        else:
            assert answers([result]) == pytest.approx(answers([plain]), abs=1e-5)


def test_neutral_counts_from_what_is_left(engine: Engine) -> None:
    both, neutral_only = seen(Learned(engine), neutral_s=0.5), seen(engine, neutral_s=0.5)
    relative = seen(Learned(engine))
    assert (both[:12] == relative[:12]).all()
    assert abs(both[-1] - neutral_only[-1]).max() > 0.01


def test_the_person_is_on_unless_switched_off() -> None:
    assert options_of(parser().parse_args(["--demo"])).person
    assert not options_of(parser().parse_args(["--demo", "--no-person"])).person
