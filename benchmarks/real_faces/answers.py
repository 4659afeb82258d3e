"""Runs a model, and MediaPipe beside it, over coded faces and portraits: one answer for each.

Videos and coded pictures run as recordings, every frame of them; portraits as photographs, each a recording of its own.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from knowledge_spreader.benchmarks.real_faces.blendshapes import Blendshapes
from knowledge_spreader.benchmarks.real_faces.coded import pick
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet
from knowledge_spreader.benchmarks.real_faces.portraits import Portraits
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import box_width
from knowledge_spreader.realtime.faces.head_pose import turn_deg
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.types import FaceAUs, FrameResult
from knowledge_spreader.realtime.watch import Watch, parse_targets
from knowledge_spreader.spec import ModelSpec

NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The pipeline's answer for one face."""

    reason: str = NOT_FOUND  # why there is none; "" where there is one
    probability: Mapping[int, float] | None = None
    occurrence: Mapping[int, bool] | None = None
    blendshapes: Mapping[int, float] | None = None  # MediaPipe's, as AUs
    width_px: float | None = None  # of the found face
    turned_deg: float | None = None  # yaw or pitch, whichever is larger


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The answers for all faces, in the order of the tables and of the portraits."""

    coded: tuple[tuple[Answer, ...], ...]  # for each set
    portraits: tuple[Answer, ...]
    model: str
    weights: str
    note: str  # of the model file, such as "untrained"
    engine: str
    thresholds: Mapping[int, float]  # those in use, of all AUs of the model, in its order
    crops_thresholds: Mapping[int, float]  # those that hold without the geometry voice
    voices: str  # which were heard

    @property
    def aus(self) -> tuple[int, ...]:
        return tuple(self.thresholds)


def run_model(
    sets: Sequence[CodedSet],
    portraits: Portraits | None,
    options: Options,
    blendshapes: Blendshapes | None,
    *,
    progress: bool,
) -> Run:
    """Runs the pipeline. Raises KSError if a file, a coded frame or a model cannot be used."""
    wanted = _Wanted(sets)
    pictures = [one.path for one in portraits.pictures] if portraits else []
    told: dict[int, Answer] = {}
    with ExitStack() as stack:
        plain = replace(options, policy="every-frame")
        targets = [replace(target, stills=False) for target in parse_targets(wanted.files, plain)]
        targets += [replace(target, stills=True) for target in parse_targets(pictures, plain)]
        results = stack.enter_context(Watch(targets, plain))
        bar = stack.enter_context(Progress(console=stderr_console(), disable=not progress, transient=True))
        task = bar.add_task("faces", total=wanted.left + len(pictures))
        for result in results:
            number = result.frame.stream.number
            wanted.check_done(number)
            if number >= len(wanted.files):
                told[number - len(wanted.files)] = _of_portrait(result, blendshapes)
                bar.advance(task)
            else:
                bar.advance(task, wanted.take(result, blendshapes))
        wanted.check_done(len(wanted.files))
        model = results.model
        shown = tuple(told.get(i, Answer()) for i in range(len(pictures)))
        return Run(
            coded=wanted.answers(),
            portraits=shown,
            model=str(model.path),
            weights=model.weights_id,
            note=model.note,
            engine=str(results.choice),
            thresholds=_thresholds(results.spec),
            crops_thresholds=_thresholds(model.spec),
            voices=options.voices if model.geometry is not None else "paper",
        )


def _thresholds(spec: ModelSpec) -> dict[int, float]:
    return dict(zip(spec.aus, spec.thresholds or (0.5,) * len(spec.aus), strict=True))


class _Wanted:
    """The coded faces that have no answer yet. A file that several sets code runs once."""

    def __init__(self, sets: Sequence[CodedSet]) -> None:
        self._sets = sets
        numbers: dict[Path, int] = {}
        self.files: list[Path] = []
        self._open: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (file, frame) -> [(set, face)]
        self._found: dict[tuple[int, int], Answer] = {}
        for s, coded_set in enumerate(sets):
            for i, face in enumerate(coded_set.coded.faces):
                path = coded_set.path_of(face)
                number = numbers.setdefault(path.resolve(), len(self.files))
                if number == len(self.files):
                    self.files.append(path)
                self._open.setdefault((number, face.frame), []).append((s, i))

    @property
    def left(self) -> int:
        return sum(map(len, self._open.values()))

    def take(self, result: FrameResult, blendshapes: Blendshapes | None) -> int:
        """Answers the coded faces of this frame; returns how many there are."""
        places = self._open.pop((result.frame.stream.number, result.frame.index), [])
        boxes = [row.face.box_xyxy_px for row in result.faces]
        for s, i in places:
            alone = sum(other == s for other, _ in places) == 1
            which = pick(self._sets[s].coded.faces[i], boxes, alone=alone)
            self._found[s, i] = Answer() if which is None else answer(result, result.faces[which], blendshapes)
        return len(places)

    def check_done(self, before: int) -> None:
        """Raises DataError if a coded frame of an earlier file has not come."""
        for number, frame in self._open:
            if number < before:
                raise DataError(
                    f"{self.files[number]}: the coded frame {frame} cannot be read; give the file that was coded"
                )

    def answers(self) -> tuple[tuple[Answer, ...], ...]:
        return tuple(tuple(self._found[s, i] for i in range(len(one.coded.faces))) for s, one in enumerate(self._sets))


def _of_portrait(result: FrameResult, blendshapes: Blendshapes | None) -> Answer:
    """Of the largest face of a photograph."""
    if result.faces:
        return answer(result, result.faces[0], blendshapes)
    return Answer(result.frame.unreadable or NOT_FOUND)


def answer(result: FrameResult, row: FaceAUs, blendshapes: Blendshapes | None) -> Answer:
    """The answer for one of the faces of a frame."""
    box = row.face.box_xyxy_px
    read = blendshapes.read(result.frame.image, box) if blendshapes else None
    measured = measures_of(row, result.frame)
    yaw, pitch = measured.pose.angles_deg[:2] if measured else turn_deg(row.face.points_px)
    width, turned = float(box_width(box)), float(max(abs(yaw), abs(pitch)))
    if not row.success:
        return Answer(row.face.rejected, None, None, read, width, turned)
    probability = dict(zip(result.aus, map(float, row.probability), strict=True))
    occurrence = dict(zip(result.aus, map(bool, row.occurrence), strict=True))
    return Answer("", probability, occurrence, read, width, turned)
