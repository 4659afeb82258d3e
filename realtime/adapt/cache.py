"""Runs the live pipeline over recordings, once; what it says of each face is kept in a folder.

    <cache>/<key>/tokens.f16    (T, C) branch B's feature of each face, float16
                  rest.npz      all else, and the times of all frames

The key is made of the recording's content and of the model, so another recording under the same name is another entry.
An entry is there whole or not at all: who is stopped goes on with the first recording that is not done. A damaged one
is computed anew.
"""

import hashlib
import os
import shutil
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F32, F64, I64, Floats, logit
from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.face.detector import box_width
from knowledge_spreader.files import check_folder
from knowledge_spreader.frame_reader import list_images, picture_numbers, picture_rate
from knowledge_spreader.geometry.voice import FEATURES, features
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from knowledge_spreader.realtime.measures import measures_of_mesh
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sources.settle import settled
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult
from knowledge_spreader.realtime.watch import Watch, parse_targets, watch

_LAYOUT = 3  # of an entry's files, and of what is computed
_REST = (
    *("frame", "time_s", "face", "width_px", "crops", "in_order", "points"),
    *("box_px", "pose_deg", "differ"),
    *("all_frames", "all_times_s"),
)
_BLOCK = 4096  # faces
_FORSAKEN_S = 3600.0  # an unfinished entry that nobody has written to for so long is of a process that was killed
_ENDS_BYTES = 1 << 20  # of a video that go into its key, from its start and its end

Seen = Callable[[Path, int], None]  # called with a recording and the number of its frames that are done


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What is shown of the T faces, and teaches nothing."""

    box_px: F32  # (T, 4) left, top, right, bottom in the frame
    pose_deg: F32  # (T, 3) yaw, pitch, roll (ks/face/head_pose.py); nan without landmarks
    differ: F32  # (T, U) how far the branches, or crops and landmarks, are apart: 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """All faces of the recordings, and the frames of each recording, with a face or without."""

    faces: Faces
    views: Views
    frames: tuple[I64, ...]  # of each recording: (T_i,) frame numbers as labels count them
    times_s: tuple[F64, ...]


def default_cache() -> Path:
    return Path(user_cache_path("knowledge-spreader")) / "faces"


def watch_recordings(
    recordings: Sequence[OwnRecording], options: Options, cache: Path, seen: Seen = lambda path, n: None
) -> Watched:
    """What the model says of all recordings, from the cache where it is there. Raises KSError."""
    model = open_model(options.model or bundled_model())
    places = {recording.path: cache / _key(recording.path, model, options) for recording in recordings}
    kept = {entry: _open(entry, model) for entry in places.values()}
    if todo := {entry: path for path, entry in places.items() if kept[entry] is None}:
        check_folder("--cache", cache)
        for path in todo.values():
            _check_recording(path, options)
        _compute(todo, model, options, seen)
        kept |= {entry: _open(entry, model) for entry in todo}
    if lost := [path for path, entry in places.items() if kept[entry] is None]:
        raise DataError(f"{lost[0]}: no frame could be read; mend the recording or leave it out")
    entries = [one for entry in places.values() if (one := kept[entry]) is not None]
    rows = [len(one["frame"]) for one in entries]
    voices = [_voices(one, model) for one in entries]

    def joined(name: str) -> Any:
        return np.concatenate([one[name] for one in entries])

    faces = Faces(
        recording=np.repeat(np.arange(len(rows)), rows).astype(np.int32),
        person=np.repeat([one.person for one in recordings], rows),
        **{name: joined(name) for name in ("frame", "time_s", "face", "width_px", "in_order")},
        crops=np.concatenate([crops for crops, _ in voices]),
        heard=np.concatenate([heard for _, heard in voices]),
        points=joined("points"),
        tokens=[one["tokens"] for one in entries],
    )
    differ = np.concatenate([_differ(one, model) for one in entries])
    return Watched(
        faces,
        Views(joined("box_px"), joined("pose_deg"), differ),
        tuple(one["all_frames"] for one in entries),
        tuple(one["all_times_s"] for one in entries),
    )


def is_watched(path: Path, model: ModelFile, options: Options, cache: Path) -> bool:
    """Whether watch_recordings finds an entry for it. It is not read, so it may be damaged. Raises DataError.

    model: the one of the options.
    """
    return (cache / _key(path, model, options) / "rest.npz").is_file()


def _check_recording(path: Path, options: Options) -> None:
    """Raises DataError if it is no recording: before any is watched, which takes long."""
    picture_rate(path)
    if any(target.stills for target in settled(parse_targets([path], options), "auto")):
        raise DataError(
            f"{path}: these are photographs, each of its own moment, and the model learns from recordings; "
            "give videos, or folders of their frames"
        )


def _key(path: Path, model: ModelFile, options: Options) -> str:
    run = f"{options.rate} {options.min_face_px} {options.precision} {sorted(model.precision.items())}"
    digest = hashlib.sha256(f"{_LAYOUT} {model.base_id} {run}".encode())
    try:
        for part in list_images(path) if path.is_dir() else [path]:
            about = part.stat()
            digest.update(f"{part.name} {about.st_size} {about.st_mtime_ns}".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(file.read(_ENDS_BYTES))
                file.seek(max(path.stat().st_size - _ENDS_BYTES, 0))
                digest.update(file.read(_ENDS_BYTES))
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the file") from exc
    return digest.hexdigest()[:32]


def _compute(todo: Mapping[Path, Path], model: ModelFile, options: Options, seen: Callable[[Path, int], None]) -> None:
    """Fills the entries (entry -> recording), one after another, with one engine."""
    options = replace(
        options,
        policy="every-frame",
        voices="paper",  # the crops alone; what is heard beside them is computed from what is kept
        person=model.geometry is None,
        neutral_s=0.0,
        blendshapes=True,
        features=True,
    )
    entries = list(todo)
    with watch(*todo.values(), options=options) as results:
        for number, of_recording in groupby(results, lambda result: result.frame.stream.number):
            entry = entries[number]
            with _new_entry(entry, model) as unfinished:
                _fill(unfinished, todo[entry], model, of_recording, partial(seen, todo[entry]))
                _check_whole(results)
        _check_whole(results)


def _check_whole(results: Watch) -> None:
    """Raises DataError if a recording broke off: its last frames would be missing for ever."""
    if results.tally.failures:
        lost = results.tally.failures[0]
        raise DataError(f"{lost['source']}: {lost['error']}; mend the recording or leave it out")


@contextmanager
def _new_entry(entry: Path, model: ModelFile) -> Iterator[Path]:
    """A folder that becomes the entry if the block ends well."""
    unfinished = entry.with_name(f".{entry.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        _remove_forsaken(entry)
        yield unfinished
        if (unfinished / "rest.npz").is_file():
            _put(unfinished, entry, model)
    except OSError as exc:
        raise DataError(f"--cache {entry.parent}: cannot be written ({one_line(exc)}); name another folder") from exc
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put(unfinished: Path, entry: Path, model: ModelFile) -> None:
    """What lies there already stays if it is whole: another one was quicker, and may be reading it."""
    try:
        unfinished.replace(entry)
    except OSError:
        if _open(entry, model) is None:
            shutil.rmtree(entry, ignore_errors=True)
            unfinished.replace(entry)


def _remove_forsaken(entry: Path) -> None:
    for other in entry.parent.glob(f".{entry.name}.*"):
        written = [part.stat().st_mtime for part in (other, *other.glob("*"))]
        if time.time() - max(written) > _FORSAKEN_S:
            shutil.rmtree(other, ignore_errors=True)


def _fill(
    folder: Path, source: Path, model: ModelFile, results: Iterable[FrameResult], seen: Callable[[int], None]
) -> None:
    rows: list[tuple[Any, ...]] = []
    times: list[tuple[int, float]] = []
    with (folder / "tokens.f16").open("wb") as tokens:
        for result in results:
            times.append((result.frame.index, result.frame.time_s))
            for row in result.faces:
                if row.success:
                    rows.append(_row(row, result.frame))
                    assert row.feature is not None
                    tokens.write(row.feature.astype("<f2").tobytes())
            seen(len(times))
    _save(folder / "rest.npz", source, model, rows, times)


def _row(row: FaceAUs, frame: Frame) -> tuple[Any, ...]:
    mesh, box = row.face.landmarks, row.face.box_xyxy_px
    points, pose_deg = np.full(len(FEATURES), np.nan), np.full(3, np.nan)
    if mesh is not None and mesh.blendshapes is not None:
        pose = measures_of_mesh(mesh, frame).pose
        points, pose_deg = features(mesh.points_px, mesh.blendshapes, pose), np.array(pose.angles_deg)
    crops = logit(row.probability)
    about = frame.index, frame.time_s, row.face.face_id, box_width(box)
    return *about, crops, row.in_order, points, box, pose_deg, row.disagreement


def _save(
    path: Path, source: Path, model: ModelFile, rows: list[tuple[Any, ...]], times: list[tuple[int, float]]
) -> None:
    u, k = len(model.spec.aus), len(FEATURES)
    columns = zip(*rows, strict=True) if rows else ((),) * 10
    frame, time_s, face, width, crops, in_order, points, box_px, pose_deg, differ = columns
    numbers = np.array([index for index, _ in times], np.int64)
    if source.is_dir() and len(pictures := picture_numbers(source)) > numbers.max(initial=-1) and pictures[0] >= 0:
        numbers = pictures[numbers]
    np.savez(
        path,
        frame=np.array(frame, np.int64),
        time_s=np.array(time_s, np.float64),
        face=np.array(face, np.int32),
        width_px=np.array(width, np.float32),
        crops=np.array(crops, np.float32).reshape(len(rows), u),
        in_order=np.array(in_order, np.float32),
        points=np.array(points, np.float32).reshape(len(rows), k),
        box_px=np.array(box_px, np.float32).reshape(len(rows), 4),
        pose_deg=np.array(pose_deg, np.float32).reshape(len(rows), 3),
        differ=np.array(differ, np.float16).reshape(len(rows), u),
        all_frames=numbers,
        all_times_s=np.array([t for _, t in times], np.float64),
    )


class _TokensOnDisk:
    """(T, C) float16 in a file that is open only while rows are read: thousands of recordings are no problem."""

    def __init__(self, path: Path, rows: int, width: int) -> None:
        self._path, self._shape = path, (rows, width)

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, rows: slice, /) -> Floats:
        start, stop, _ = rows.indices(len(self))
        count, width = max(stop - start, 0), self._shape[1]
        read = np.fromfile(self._path, "<f2", count * width, offset=start * width * 2)
        return np.asarray(read.reshape(count, width), np.float32)


def _open(entry: Path, model: ModelFile) -> dict[str, Any] | None:
    """None: it is not there, or not whole."""
    try:
        with (entry / "rest.npz").open("rb") as file, np.load(file, allow_pickle=False) as rest:
            found = {name: rest[name] for name in _REST}
        tokens = _TokensOnDisk(entry / "tokens.f16", len(found["frame"]), feature_width(model.spec))
        if (entry / "tokens.f16").stat().st_size != 2 * len(tokens) * feature_width(model.spec):
            return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return {**found, "tokens": tokens}


def _voices(entry: dict[str, Any], model: ModelFile) -> tuple[F32, F32]:
    """(T, U) logits without landmarks, and of all voices, as realtime/voices.py gives them."""
    crops, points = entry["crops"], entry["points"]
    without = ~np.isfinite(points[:, :1])
    voice = model.geometry
    if voice is None:
        return crops, np.where(without, np.float32(np.nan), crops)
    alone, heard = np.empty_like(crops), np.empty_like(crops)
    for at in range(0, len(crops), _BLOCK):
        rows = slice(at, at + _BLOCK)
        tokens = entry["tokens"][rows]
        alone[rows] = voice.heard(crops[rows].astype(np.float64), None, tokens)
        heard[rows] = voice.heard(crops[rows].astype(np.float64), voice.logits(points[rows]), tokens)
    return alone, np.where(without, np.float32(np.nan), heard)


def _differ(entry: dict[str, Any], model: ModelFile) -> F32:
    """(T, U) as the live pipeline's FaceAUs.disagreement."""
    branches, points = entry["differ"].astype(np.float32), entry["points"]
    has = np.isfinite(points[:, 0])
    if model.geometry is not None and has.any():
        apart = model.geometry.apart(entry["crops"][has].astype(np.float64), model.geometry.logits(points[has]))
        branches[has] = np.maximum(branches[has], apart)
    return np.asarray(branches, np.float32)
