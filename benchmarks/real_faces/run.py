"""ks-real: scores a model on real faces that were coded by eye, and MediaPipe's blendshapes for comparison.

It runs the pipeline of ks-live over every frame of each file and scores the coded faces. benchmarks/real_dev/README.md
says how they were coded, scores.py what the figures mean, blendshapes.py how MediaPipe's output becomes AUs. Score
your own faces with --labels and --media.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from knowledge_spreader.arrays import F64
from knowledge_spreader.benchmarks.real_faces.blendshapes import BLIND, CUT, Blendshapes
from knowledge_spreader.benchmarks.real_faces.labels import CodedFace, CodedFaces, pick, read_labels
from knowledge_spreader.benchmarks.real_faces.scores import HELD_OUT, Answers, Scores, score
from knowledge_spreader.benchmarks.real_faces.table import print_scores
from knowledge_spreader.cli.run import (
    add_face_model,
    add_json,
    add_progress,
    add_threads,
    make_parser,
    run,
    stdout_console,
)
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.evaluation.report import without_nan
from knowledge_spreader.files import check_place, write_json
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.types import FrameResult
from knowledge_spreader.realtime.watch import watch

LABELS = Path(__file__).parents[1] / "real_dev" / "labels.csv"
FORMAT = 1  # raise it when a key of the JSON changes its meaning

MEDIAPIPE = "MediaPipe"
NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The pipeline's answer for one coded face."""

    coded: CodedFace
    reason: str = NOT_FOUND  # why there is no answer; "" where there is one
    probability: Mapping[int, float] | None = None
    occurrence: Mapping[int, bool] | None = None
    blendshapes: Mapping[int, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The answers for all coded faces, in the order of the table."""

    answers: tuple[Answer, ...]
    model: str
    weights: str
    note: str  # of the model file, such as "untrained"
    engine: str
    thresholds: Mapping[int, float]


def run_model(coded: CodedFaces, media: Path, options: Options, landmarker: Path | None, *, progress: bool) -> Run:
    """Runs the pipeline on all coded files. Raises KSError if a file, a coded frame or a model cannot be used."""
    paths = [media / name for name in coded.files]
    if missing := [path for path in paths if not path.is_file()]:
        told = f"{missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
        raise MissingError(f"{told}: no such file; give the folder with the coded files: --media FOLDER")
    with ExitStack() as stack:
        blendshapes = stack.enter_context(Blendshapes(landmarker)) if landmarker else None
        results = stack.enter_context(watch(*paths, options=replace(options, policy="every-frame")))
        bar = stack.enter_context(Progress(console=stderr_console(), disable=not progress, transient=True))
        task = bar.add_task("faces", total=len(coded.faces))
        wanted: dict[tuple[str, int], list[CodedFace]] = {}
        for face in coded.faces:
            wanted.setdefault((face.file, face.frame), []).append(face)
        found: dict[CodedFace, Answer] = {}
        for result in results:
            faces = wanted.pop((coded.files[result.frame.stream.number], result.frame.index), [])
            found |= {face: _answer(face, len(faces) == 1, result, blendshapes) for face in faces}
            bar.advance(task, len(faces))
        spec, model = results.model.spec, results.model
        if wanted:
            file, frame = next(iter(wanted))
            raise DataError(f"{media / file}: the coded frame {frame} cannot be read; give the file that was coded")
        thresholds = dict(zip(spec.aus, spec.thresholds or (0.5,) * len(spec.aus), strict=True))
        answers = tuple(found[face] for face in coded.faces)
        return Run(answers, str(model.path), model.weights_id, model.note, str(results.choice), thresholds)


def _answer(coded: CodedFace, alone: bool, result: FrameResult, blendshapes: Blendshapes | None) -> Answer:
    boxes = [row.face.box_xyxy_px for row in result.faces]
    which = pick(coded, boxes, alone=alone)
    if which is None:
        return Answer(coded)
    row = result.faces[which]
    read = blendshapes.read(result.frame.image, boxes[which]) if blendshapes else None
    if not row.success:
        return Answer(coded, row.face.rejected, blendshapes=read)
    probability = dict(zip(result.aus, map(float, row.probability), strict=True))
    occurrence = dict(zip(result.aus, map(bool, row.occurrence), strict=True))
    return Answer(coded, "", probability, occurrence, read)


def score_run(run: Run, coded: CodedFaces, *, beside: bool) -> dict[str, Scores]:
    """Scores of the model. beside: of MediaPipe too, both on the faces that both answered."""
    kept = [answer for answer in run.answers if answer.probability and (answer.blendshapes or not beside)]
    labels = np.array([answer.coded.codes for answer in kept], np.int64).reshape(len(kept), len(coded.aus))
    people = [answer.coded.person for answer in kept]
    groups = {"all AUs": set(coded.aus), "12 AUs": set(HELD_OUT)}
    if beside:
        groups |= {f"{name} MediaPipe sees": group - BLIND for name, group in groups.items()}

    def table(rows: Sequence[Mapping[int, Any] | None]) -> F64:
        values = [[float((row or {}).get(au, np.nan)) for au in coded.aus] for row in rows]
        return np.array(values, np.float64).reshape(len(kept), len(coded.aus))

    cut = np.array([run.thresholds.get(au, 0.5) for au in coded.aus])
    probability, shown = table([answer.probability for answer in kept]), table([answer.occurrence for answer in kept])
    scores = {"model": score(Answers(probability, cut, shown), labels, coded.aus, people, groups)}
    if beside:
        read = table([answer.blendshapes for answer in kept])
        theirs = Answers(read, np.full(len(coded.aus), CUT), calibrated=False)
        scores[MEDIAPIPE] = score(theirs, labels, coded.aus, people, groups)
    return scores


def report(run: Run, scores: Mapping[str, Scores]) -> dict[str, Any]:
    """The JSON report: all scores, and the answer for each face."""
    faces = [
        {
            **{name: getattr(answer.coded, name) for name in ("file", "frame", "face", "person")},
            "no_answer": answer.reason,
            "probability": _named(answer.probability),
            "occurrence": _named(answer.occurrence),
            "blendshapes": _named(answer.blendshapes),
        }
        for answer in run.answers
    ]
    about = {name: getattr(run, name) for name in ("model", "weights", "note", "engine")}
    figures = {
        who: {"aus": [asdict(row) for row in of.aus], "means": {name: asdict(mean) for name, mean in of.means.items()}}
        for who, of in scores.items()
    }
    return {"format": FORMAT, **about, "thresholds": _named(run.thresholds), "scores": figures, "faces": faces}


def _named(values: Mapping[int, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {f"AU{au}": value for au, value in values.items()}


def _plain(value: Any) -> Any:
    """The value with lists in place of tuples."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


EXAMPLES = """\
  ks-real --media FOLDER --model mine.ks --landmarker face_landmarker.task
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-real",
        "Score a model on real faces that were coded by eye, and MediaPipe's blendshapes for comparison.",
        EXAMPLES,
    )
    made.add_argument("--model", default="", metavar="FILE.ks", help="default: the bundled model")
    made.add_argument(
        "--media", type=Path, required=True, metavar="FOLDER", help="folder with the coded videos and pictures"
    )
    made.add_argument(
        "--labels", type=Path, default=LABELS, metavar="FILE.csv", help="the codes (default: the bundled labels.csv)"
    )
    made.add_argument(
        "--landmarker",
        type=Path,
        metavar="FILE.task",
        help="MediaPipe's face_landmarker.task, to compare with it; it sends usage metrics to Google",
    )
    add_face_model(made)
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    made.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="subtract the person's baseline, if the model was fitted with it (default: on)",
    )
    add_json(made, "all figures, and each face's,")
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _real)


def _real(args: argparse.Namespace) -> None:
    if args.json and args.json.is_dir():
        check_place("--json", args.json)
    taken = ("model", "device", "precision", "threads", "face_model", "face_runtime", "person")
    options = Options(**{name: getattr(args, name) for name in taken})
    coded = read_labels(args.labels)
    answered = run_model(coded, args.media, options, args.landmarker, progress=args.progress)
    scores = score_run(answered, coded, beside=args.landmarker is not None)
    if args.json:
        write_json(args.json, without_nan(_plain(report(answered, scores))))
    print_scores(answered.answers, answered.model, answered.note, scores, stdout_console(wide=120))
