"""gather(): what the crops and the points say about the faces of recordings, for what is learned from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from knowledge_spreader.arrays import F32, F64, I64, logit
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import box_width
from knowledge_spreader.geometry.voice import features
from knowledge_spreader.realtime.measures import measures_of_mesh
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult
from knowledge_spreader.realtime.watch import watch


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The widest face of T frames; frames without an answer or without landmarks are left out."""

    source: I64  # (T,) which of the sources
    frame: I64  # (T,) index within the source, from 0
    picture: tuple[str, ...]  # name of the picture, "" in a video
    crops: F64  # (T, U) logits of the crops, without baselines
    features: F64  # (T, K) of ks/geometry/voice.py
    tokens: F32  # (T, C) branch B's feature


def gather(sources: Sequence[Path], options: Options, *, progress: bool = False) -> Gathered:
    """Runs the pipeline over the sources. Raises KSError if one cannot be read, and if no face has an answer."""
    options = replace(options, voices="paper", person=False, neutral_s=0.0, blendshapes=True, features=True)
    rows: list[tuple[int, int, str, F64, F64, F32]] = []
    bar = Progress(console=stderr_console(), disable=not progress, transient=True)
    with watch(*sources, options=options) as results, bar:
        task = bar.add_task("recordings", total=len(results.targets))
        for result in results:
            bar.update(task, completed=result.frame.stream.number)
            if said := _said(result):
                rows.append((result.frame.stream.number, result.frame.index, result.frame.picture, *said))
        lost = results.tally.failures
    if lost:
        raise DataError(f"{lost[0]['source']}: {lost[0]['error']}; mend it or leave it out")
    if not rows:
        raise DataError(f"{sources[0]}: no face with an answer; give recordings of faces")
    source, frame, picture, crops, found, tokens = zip(*rows, strict=True)
    return Gathered(np.array(source), np.array(frame), picture, np.stack(crops), np.stack(found), np.stack(tokens))


def _said(result: FrameResult) -> tuple[F64, F64, F32] | None:
    """(U,) logits, (K,) features and (C,) branch B's feature of the widest face that has all."""
    faces = [row for row in result.faces if row.success and row.face.landmarks is not None]
    if not faces:
        return None
    widest = max(faces, key=lambda row: box_width(row.face.box_xyxy_px))
    assert widest.feature is not None
    return logit(widest.probability).astype(np.float64), _features(widest, result.frame), widest.feature


def _features(row: FaceAUs, frame: Frame) -> F64:
    mesh = row.face.landmarks
    assert mesh is not None
    assert mesh.blendshapes is not None
    return features(mesh.points_px, mesh.blendshapes, measures_of_mesh(mesh, frame).pose)
