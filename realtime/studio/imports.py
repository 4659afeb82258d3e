"""A label file of another program, or of another project -> statements of a coder.

All formats of ks/datasets/own_labels are read, with levels and sides where a file tells them; without a level an AU
comes in as "present". What cannot be scored comes in of the studio's own label file alone.
Marks in that file come in here, too; those in files of exports/ through import_marks.py.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from knowledge_spreader.arrays import F64, I64
from knowledge_spreader.datasets.own_labels import (
    OwnLabels,
    faces_named,
    levels_on_frames,
    on_frames,
    read_own_labels,
)
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import count_pictures, list_images, picture_number, picture_numbers
from knowledge_spreader.realtime.play_start import from_file_start
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import PRESENT, Statement, Value
from knowledge_spreader.spec import UNKNOWN, au_label

MOST = 300_000  # statements: an hour of 30 frames per second with three AUs
_SIDES = (None, "L", "R")  # as levels_on_frames numbers them
Times = Callable[[Rec], F64]


def statements_of(
    path: Path, recordings: Sequence[Rec], times: Times, aus: Collection[int], coder: str
) -> tuple[list[Statement], list[str]]:
    """What a label file says of recordings, as said by `coder`, and notes on what is not used, one line each.

    times: of a recording's frames, by its clock. aus: those that are taken in. Raises DataError, one line, if the file
    is no label file, nothing in it is about these recordings and AUs, or it says more than MOST.
    """
    if not recordings:
        raise DataError("no recordings in this project; add those that the labels are of, then read the labels")
    if _is_log(path):
        said, notes = _of_log(path, recordings, coder)
        notes += _unused({one.au for one in said}, aus)
        said = [one for one in said if one.au in aus]
    else:
        said, notes = _of_others(path, recordings, times, aus, coder)
    if not said:
        why = f" ({notes[-1]})" if notes else ""
        raise DataError(
            f"{path.name}: no label in there of the recordings and AUs of this project{why}; check its names"
        )
    return said, list(dict.fromkeys(notes))


def _unused(found: Collection[int], aus: Collection[int]) -> list[str]:
    others = ", ".join(au_label(au) for au in sorted(found) if au not in aus)
    return [f"labels of {others} are not used: the model does not know them"] if others else []


def _is_log(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    except OSError as exc:
        raise DataError(f"{path.name}: cannot be read; check the file") from exc


def _of_log(path: Path, recordings: Sequence[Rec], coder: str) -> tuple[list[Statement], list[str]]:
    """What holds in a label file of the studio. The video's hash tells the recording."""
    read_own_labels([path])  # raises with the line
    with TemporaryDirectory() as folder:  # LabelLog mends the end of a file that it opens
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        try:
            said = LabelLog(copy).said()
        except DataError as exc:
            raise DataError(str(exc).replace(str(copy), str(path))) from exc
    whose = _whose(path, {one.coder for one in said}, coder)
    here = {rec.video: rec for rec in recordings}
    mine = [one for one in said if one.coder == whose]
    kept = [
        replace(one, recording=str(here[one.video].path), coder=coder, when="", batch=0)
        for one in mine
        if one.video in here
    ]
    lost = sorted({one.recording for one in mine if one.video not in here})
    return kept, [f"labels of recordings that are not in this project: {len(lost)}, e.g. {lost[0]}"] if lost else []


def _of_others(
    path: Path, recordings: Sequence[Rec], times: Times, aus: Collection[int], coder: str
) -> tuple[list[Statement], list[str]]:
    labels = read_own_labels([path], [rec.path for rec in recordings], levels=True)
    whose = _whose(path, {sheet.coder for sheet in labels.sheets}, coder.casefold())
    labels = _of_coder(labels, whose)
    about = [note for note in labels.notes if not note.startswith("recordings without labels")]  # most have none
    notes = [*about, *_unused(labels.aus, aus)]
    wanted = [au for au in labels.aus if au in aus]
    said: list[Statement] = []
    for rec in recordings:
        if (labels.recordings or {}).get(rec.path):
            for one in _of_recording(labels, rec, times(rec), wanted, coder, notes):
                said.append(one)
                if len(said) > MOST:
                    raise DataError(
                        f"{path.name}: says more than {MOST:,} labels, because all frames count as coded; name the "
                        "spans that were looked at 'coded', or give the file itself to ks-adapt --labels"
                    )
    return said, notes


def _whose(path: Path, found: Collection[str], coder: str) -> str:
    """The coder in the file whose labels are read: the one of this name, or the only one."""
    if coder in found or len(found) == 1:
        return coder if coder in found else next(iter(found))
    if not found:
        raise DataError(f"{path.name}: no label in there; everything was taken back, or a model said it")
    raise DataError(f"{path.name}: labels of {', '.join(sorted(found))}; read them as one of these coders")


def _of_coder(labels: OwnLabels, coder: str) -> OwnLabels:
    of_recordings = {
        path: tuple(sheet for sheet in sheets if sheet.coder == coder)
        for path, sheets in (labels.recordings or {}).items()
    }
    return OwnLabels(tuple(one for one in labels.sheets if one.coder == coder), labels.notes, of_recordings)


def _of_recording(
    labels: OwnLabels, rec: Rec, times_s: F64, aus: Sequence[int], coder: str, notes: list[str]
) -> Iterator[Statement]:
    frames = _frames(rec, len(times_s))
    shown_s = from_file_start(rec.path, times_s)
    named = faces_named(labels, rec.path)
    for face in (NO_FACE_NAMED, *named):
        layer = on_frames(labels, rec.path, frames, shown_s, aus, face, notes)
        levels, sides = levels_on_frames(labels, rec.path, frames, shown_s, aus, face, notes)
        places, columns = np.nonzero(layer != UNKNOWN)
        if face == NO_FACE_NAMED and len(places):
            notes.append(f"{rec.name}: labels that name no face are given to face 0")
        for place, column in zip(places.tolist(), columns.tolist(), strict=True):
            value: Value = 0
            side = None
            if layer[place, column] == 1:
                value = int(levels[place, column]) or PRESENT
                side = _SIDES[int(sides[place, column])]
            time_s = float(times_s[place])
            about = (rec.video, str(rec.path), max(face, 0), place, time_s, aus[column])
            yield Statement(*about, value, side, coder=coder)


def _frames(rec: Rec, count: int) -> I64:
    """The frames that times are of, as on_frames counts them. Raises DataError if some are missing."""
    there = count_pictures(rec.path)
    if there != count:
        raise DataError(
            f"{rec.path}: {there - count} of its {there} frames cannot be decoded, so that labels of another program "
            "cannot be put on it; convert the recording, and add the new one"
        )
    if not rec.path.is_dir():
        return np.arange(count)
    numbers = picture_numbers(rec.path)
    if numbers[0] < 0:
        picture_number(list_images(rec.path)[0])  # raises with the name
    return numbers
