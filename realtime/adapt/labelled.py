"""Puts a user's labels on the faces of the recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I8
from knowledge_spreader.datasets.own_labels import OwnLabels, faces_named, on_frames, read_own_labels
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.cache import Watched
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from knowledge_spreader.realtime.play_start import from_file_start
from knowledge_spreader.spec import UNKNOWN, au_label


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    labels: I8  # (T, U) of the faces: 1, 0 or UNKNOWN
    notes: tuple[str, ...]  # what is not used, one line each


def read_labels(paths: Sequence[Path], recordings: Sequence[OwnRecording], aus: Sequence[int]) -> OwnLabels:
    """Raises DataError, one line, if nothing in them can be used for these recordings and AUs."""
    labels = read_own_labels(paths, [recording.path for recording in recordings])
    if not set(labels.aus) & set(aus):
        raise DataError(
            f"{paths[0]}: labels of {_names(labels.aus)}, but the model has {_names(aus)}; label AUs of the model"
        )
    if not any((labels.recordings or {}).values()):
        raise DataError(f"{paths[0]}: names none of the recordings, such as {recordings[0].name}; correct the names")
    return labels


def label_faces(
    labels: OwnLabels, recordings: Sequence[OwnRecording], watched: Watched, aus: Sequence[int]
) -> Labelled:
    """A label that names no face is of the widest one of its frame."""
    faces, widest = watched.faces, watched.faces.widest()
    found = np.full((len(faces), len(aus)), UNKNOWN, np.int8)
    notes = list(labels.notes)
    if others := sorted(set(labels.aus) - set(aus)):
        notes.append(f"labels of {_names(others)} are not used: the model does not know them")
    lost = 0
    for i, recording in enumerate(recordings):
        if not (labels.recordings or {}).get(recording.path):
            continue
        mine = np.flatnonzero(faces.recording == i)
        frames, times_s = watched.frames[i], from_file_start(recording.path, watched.times_s[i])
        for face in (NO_FACE_NAMED, *faces_named(labels, recording.path)):
            said = on_frames(labels, recording.path, frames, times_s, aus, face=face, notes=notes)
            rows = mine[widest[mine]] if face == NO_FACE_NAMED else mine[faces.face[mine] == face]
            new = said[faces.frame[rows]]
            bare = np.ones(len(frames), np.bool_)
            bare[faces.frame[rows]] = False
            lost += int((said[bare] != UNKNOWN).any(axis=1).sum())
            found[rows] = np.where(new == UNKNOWN, found[rows], new)
    if lost:
        notes.append(f"{lost} labels lie on frames in which their face was not found; they teach nothing")
    return Labelled(found, tuple(dict.fromkeys(notes)))


def _names(aus: Sequence[int]) -> str:
    return ", ".join(map(au_label, aus))
