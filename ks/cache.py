"""Crop each video once: raw crops on disk, one row per frame, read back by row.

    <folder>/<key>/crops.u8     (T, side, side, 3) uint8; row i is video.frames[i], zeros where no face was found
                   found.npy    (T,) bool
                   points.npy   (T, 6, 2) float32, damped key points; NaN without a face and for aligned pictures
                   meta.json    what it was made from; written last
    <folder>/no_face.csv        video,frame of each frame without a face, for the videos asked for last

The key is a checksum of all that decides what the crops look like. An entry is written to <key>.tmp-<pid>-<random>/ and
then renamed, so a kill leaves a whole entry or none. Raw: live crops are not compressed either, and reading is free.
"""

import csv
import fcntl
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise
from multiprocessing.connection import wait as wait_for_handles
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ks.crop import CROP_VERSION, PointFilter, crop
from ks.datasets.types import Video
from ks.errors import DataError, KSError
from ks.faces import Box, DetectedFace, FaceDetector, find_face_model, hold, model_identity, overlap
from ks.pictures import list_images, read_pictures

log = logging.getLogger(__name__)

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
_LAYOUT = 1  # of an entry's files
_OPEN_FILES = 64  # per process


@dataclass(frozen=True, slots=True, eq=False)
class VideoCrops:
    """The crops of one video. Row i belongs to video.frames[i]."""

    path: Path  # crops.u8
    side_px: int
    found: npt.NDArray[np.bool_]  # (T,)

    def read(self, rows: npt.NDArray[np.integer]) -> U8:
        """The crops of rows (n,), in any order: (n, side, side, 3). Raises DataError where there is no such row.

        Reads runs of neighbours at once, into memory of the caller's own: mapped memory would grow with what was read.
        """
        rows = np.asarray(rows)
        crops = np.empty((len(rows), self.side_px, self.side_px, 3), np.uint8)
        if not len(rows):
            return crops
        if rows.min() < 0 or rows.max() >= len(self.found):
            raise DataError(f"{self.path}: rows are 0 to {len(self.found) - 1}; got {rows.min()} to {rows.max()}")
        file = _open(self.path)
        starts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for start, end in pairwise(starts):
            file.read_into(crops[start:end], int(rows[start]) * crops[0].size)
        return crops


def crop_videos(
    videos: Sequence[Video],
    folder: Path,
    side_px: int,
    *,
    aligned: bool,
    face_model: str,
    fps: float,
    workers: int,
    progress: bool,
) -> list[VideoCrops]:
    """The crops of each video, in their order; made where `folder` has none yet.

    aligned: the pictures are crops already and are only resized. face_model: a path, or "" for the user's cache or a
    download. fps: of the recordings, for damping. workers: processes; 0 and 1 work in this one. Raises DataError on
    pictures that cannot be used and on a full disk, MissingError without a face model; what is finished stays.
    """
    if not aligned and not fps > 0:
        raise DataError(f"damping needs the frame rate of the recordings, above 0; got {fps:g}; give it with --fps")
    model = None if aligned else find_face_model(face_model)
    recipe = _Recipe(side_px, fps, "" if model is None else model_identity(model), model)
    _make_folder(folder)
    _remove_leftovers(folder)
    jobs = [_Job(video, folder / _key(video, recipe), recipe) for video in videos]
    todo = [job for job in {job.entry: job for job in jobs}.values() if _load(job) is None]
    if todo:
        _check_space(folder, todo)
        _run(todo, workers, progress)
        _open.cache_clear()  # an entry that was made anew is another file
    crops = [_loaded(job) for job in jobs]
    _write_no_face(folder / "no_face.csv", videos, crops)
    return crops


@dataclass(frozen=True, slots=True)
class _Recipe:
    """All that decides what crops look like, besides the video."""

    side_px: int
    fps: float
    model_identity: str  # "": the pictures are aligned
    model: Path | None


@dataclass(frozen=True, slots=True)
class _Job:
    video: Video
    entry: Path
    recipe: _Recipe

    @property
    def bytes(self) -> int:
        return len(self.video.frames) * self.recipe.side_px**2 * 3


# ---- keys and entries


def _key(video: Video, recipe: _Recipe) -> str:
    if (np.diff(video.pictures) <= 0).any():
        raise DataError(f"{video.name}: its frames must point at pictures in increasing order")
    how: list[Any] = [_LAYOUT, recipe.side_px]
    if recipe.model_identity:
        how += [CROP_VERSION, recipe.model_identity, float(recipe.fps), video.frames.tolist()]
    what = [str(video.source.resolve()), _stamp(video.source), video.pictures.tolist()]
    return hashlib.sha256(json.dumps([how, what]).encode()).hexdigest()


def _stamp(source: Path) -> list[tuple[str, int, int]]:
    """(name, size, mtime_ns) of the video, or of each image of the folder."""
    try:
        stats = [(path.name, path.stat()) for path in (list_images(source) if source.is_dir() else (source,))]
    except OSError as exc:
        raise DataError(f"{exc.filename or source}: cannot be read ({exc.strerror}); check the path") from exc
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _load(job: _Job) -> VideoCrops | None:
    """The finished crops of a job; None when there are none, or damaged ones, which are removed."""
    if not job.entry.is_dir():
        return None
    path = job.entry / "crops.u8"
    try:
        json.loads((job.entry / "meta.json").read_bytes())
        found = np.load(job.entry / "found.npy")
        size = path.stat().st_size
        if found.shape == job.video.frames.shape and found.dtype == np.bool_ and size == job.bytes:
            return VideoCrops(path, job.recipe.side_px, found)
        reason = f"{size} bytes in place of {job.bytes}" if size != job.bytes else "found.npy is another's"
    except (OSError, ValueError, EOFError) as exc:
        reason = str(exc)
    log.warning("%s: the crops of %s are damaged (%s); they are made anew", job.entry, job.video.name, reason)
    shutil.rmtree(job.entry)
    return None


def _loaded(job: _Job) -> VideoCrops:
    crops = _load(job)
    if crops is None:
        raise DataError(f"{job.entry}: the crops of {job.video.name} vanished while others were made; run again")
    return crops


@contextmanager
def _new_entry(entry: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A folder and its crops.u8 to write to; it becomes `entry` when all went well and vanishes when not."""
    draft: Path | None = None
    try:
        draft, file = _new_draft(entry)
        with file:
            yield draft, file
            file.flush()
            for path in [*draft.iterdir(), draft]:
                _sync(path)
            try:
                draft.rename(entry)
            except OSError:
                if not entry.is_dir():  # else another run made the same crops meanwhile
                    raise
        _sync(entry.parent)
    except OSError as exc:
        raise DataError(f"{entry.parent}: crops cannot be written ({exc.strerror or exc}); check --cache") from exc
    finally:
        if draft:
            shutil.rmtree(draft, ignore_errors=True)


def _new_draft(entry: Path) -> tuple[Path, BinaryIO]:
    """A folder beside the entry. The lock on its crops.u8 says that its writer lives, on whichever machine."""
    while True:
        draft = entry.with_name(f"{entry.name}.tmp-{os.getpid()}-{token_hex(4)}")
        draft.mkdir()
        file = (draft / "crops.u8").open("wb")
        with suppress(OSError):  # a file system without locks: drafts of killed runs stay
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return draft, file
        file.close()  # between open and lock, another run took it for a leftover


def _remove_leftovers(folder: Path) -> None:
    """Drafts of runs that were killed: nobody holds their lock."""
    for path in folder.glob("*.tmp-*/crops.u8"):
        with suppress(OSError), path.open("r+b") as file:  # BlockingIOError: it is being written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{folder}: cannot be made ({exc.strerror}); give another folder with --cache") from exc


def _check_space(folder: Path, todo: Sequence[_Job]) -> None:
    needed, free = sum(job.bytes for job in todo), shutil.disk_usage(folder).free
    if needed > free:
        frames = sum(len(job.video.frames) for job in todo)
        raise DataError(
            f"{folder}: crops of {frames} frames need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; "
            "make room or name a folder on another disk with --cache"
        )


def _write_no_face(path: Path, videos: Sequence[Video], crops: Sequence[VideoCrops]) -> None:
    draft = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    with draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("video", "frame"))
        for video, one in zip(videos, crops, strict=True):
            writer.writerows((video.name, frame) for frame in video.frames[~one.found].tolist())
    draft.replace(path)


# ---- one video


def _crop_video(job: _Job, tick: Callable[[], None]) -> None:
    """Crops one video and puts its entry in place. Calls tick after each frame."""
    video, recipe, before = job.video, job.recipe, _stamp(job.video.source)
    found = np.zeros(len(video.frames), np.bool_)
    points = np.full((len(video.frames), 6, 2), np.nan, np.float32)
    nothing = np.zeros((recipe.side_px, recipe.side_px, 3), np.uint8)
    make = _follow_face if recipe.model else _resize_aligned
    with _new_entry(job.entry) as (draft, file):
        rows = 0
        with closing(make(job)) as made:
            for rows, (picture, at) in enumerate(made, 1):
                file.write((nothing if picture is None else picture).data)
                found[rows - 1] = picture is not None
                points[rows - 1] = np.nan if at is None else at
                tick()
        if rows != len(found):
            raise DataError(f"{video.name}: {video.source} gave {rows} of the {len(found)} pictures asked for")
        if _stamp(video.source) != before:
            raise DataError(f"{video.name}: {video.source} changed while it was read; run again when it is complete")
        np.save(draft / "found.npy", found)
        np.save(draft / "points.npy", points)
        (draft / "meta.json").write_text(json.dumps(_meta(job, int(found.sum()))))


def _follow_face(job: _Job) -> Generator[tuple[U8 | None, F64 | None], None, None]:
    """Crop and damped key points of each frame's face: the one that overlaps the last accepted, else the largest."""
    recipe, damped = job.recipe, PointFilter()
    assert recipe.model
    near: Box | None = None  # where the face is held
    last: Box | None = None
    expected = -1
    with FaceDetector(recipe.model) as detector:
        for frame, picture in zip(job.video.frames.tolist(), _pictures(job.video), strict=False):
            if frame != expected:  # a gap: who knows where the face is now
                damped.reset()
                near = None
            expected = frame + 1
            face = _next_face(detector, picture, near, last)
            if face is None:
                near = None
                yield None, None
                continue
            box = face.box_xyxy_px
            if last and not overlap(last, box):  # another face, or it jumped
                damped.reset()
            near, last = hold(near, box) if near else box, box
            points = damped.update(face.points_px, frame / recipe.fps)
            yield crop(picture, points, recipe.side_px), points


def _next_face(detector: FaceDetector, picture: U8, near: Box | None, last: Box | None) -> DetectedFace | None:
    if near and (held := detector.find(picture, near)):
        return held[0]
    faces = detector.find(picture)  # largest first
    if last:
        faces.sort(key=lambda face: -overlap(face.box_xyxy_px, last))
    return faces[0] if faces else None


def _resize_aligned(job: _Job) -> Generator[tuple[U8, None], None, None]:
    """Each picture at the crop's side. Raises DataError unless all are squares of one size."""
    side, first = job.recipe.side_px, (0, 0)
    for row, picture in enumerate(_pictures(job.video)):
        height, width = picture.shape[:2]
        first = first if row else (height, width)
        if height != width or (height, width) != first:
            wanted = f"squares of one size, like the first, {first[1]} x {first[0]} px" if row else "squares"
            raise DataError(f"{_picture_name(job.video, row)} is {width} x {height} px; aligned pictures are {wanted}")
        shrinks = side < height
        resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        yield np.asarray(resized, np.uint8), None


def _pictures(video: Video) -> Iterator[U8]:
    """The pictures of a video's frames. Raises DataError with the video's name."""
    try:
        for _, picture in read_pictures(video.source, video.pictures):
            yield picture
    except DataError as exc:
        raise DataError(f"{video.name}: {exc}") from exc


def _picture_name(video: Video, row: int) -> str:
    index = int(video.pictures[row])
    return str(list_images(video.source)[index]) if video.source.is_dir() else f"{video.source}: picture {index}"


def _meta(job: _Job, n_found: int) -> dict[str, Any]:
    recipe = job.recipe
    how = {"crop_version": CROP_VERSION, "face_model_sha256": recipe.model_identity, "fps": recipe.fps}
    return {
        "video": job.video.name,
        "source": str(job.video.source.resolve()),
        "frames": len(job.video.frames),
        "found": n_found,
        "side_px": recipe.side_px,
        **(how if recipe.model else {"crop_version": 0}),
    }


# ---- all videos


def _run(todo: Sequence[_Job], workers: int, progress: bool) -> None:
    frames, started = sum(len(job.video.frames) for job in todo), time.perf_counter()
    with _progress_bar(frames, progress) as show:
        if workers > 1 and len(todo) > 1:
            _run_pool(sorted(todo, key=lambda job: -job.bytes), min(workers, len(todo)), show)
        else:
            ticks = count(1)
            for job in todo:
                _crop_video(job, lambda: show(next(ticks)))
    took_s = time.perf_counter() - started
    log.info("cropped %d frames of %d videos in %.1f s, %.0f frames/s", frames, len(todo), took_s, frames / took_s)


def _run_pool(todo: Sequence[_Job], workers: int, show: Callable[[int], None]) -> None:
    """Crops the videos in `workers` processes, which end with the first error and with this process."""
    folder, others = todo[0].entry.parent, set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    jobs: dict[Future[None], _Job] = {}
    done = 0
    try:
        with _no_ctrl_c():  # each submit may start a process
            jobs |= {pool.submit(_crop_video, job, _no_tick): job for job in todo}
        while jobs:
            for finished in wait(jobs, timeout=0.2, return_when=FIRST_COMPLETED).done:
                finished.result()
                done += len(jobs.pop(finished).video.frames)
            show(done + _frames_in_drafts(folder, jobs.values()))
    except BrokenProcessPool as exc:
        raise KSError(
            f"a process that cropped faces was killed, perhaps for memory; use fewer than {workers} workers"
        ) from exc
    finally:
        if jobs:
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
        pool.shutdown(cancel_futures=True)
        _remove_leftovers(folder)


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal. Those begun here never see it, this one sees it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # the workers share the cores already
    parent = multiprocessing.parent_process()
    assert parent
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A killed parent cannot end its workers."""
    wait_for_handles([parent])
    os._exit(1)


def _no_tick() -> None:
    """The parent sees a worker's progress by the size of its draft."""


def _frames_in_drafts(folder: Path, jobs: Iterable[_Job]) -> int:
    row_bytes = {job.entry.name: job.recipe.side_px**2 * 3 for job in jobs}
    frames = 0
    for path in folder.glob("*.tmp-*/crops.u8"):
        with suppress(FileNotFoundError):  # renamed this moment
            frames += path.stat().st_size // row_bytes.get(path.parent.name.partition(".")[0], 1 << 62)
    return frames


@contextmanager
def _progress_bar(frames: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """Gives a function that shows how many frames are done: on stderr, where that is a terminal."""
    console, started = Console(stderr=True), time.perf_counter()
    columns = (
        TextColumn("cropping faces"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task("", total=frames, rate="")

        def show(done: int) -> None:
            bar.update(task, completed=done, rate=f"{done / (time.perf_counter() - started):.0f} frames/s")

        yield show


# ---- reading


class _File:
    """A file open for reading at any place, closed when nobody holds it any more.

    Positions are no state of it: processes that fork with it open do not disturb each other.
    """

    def __init__(self, path: Path) -> None:
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except OSError as exc:
            raise DataError(f"{path}: the crops cannot be read ({exc.strerror}); run again to make them anew") from exc
        self._path = path

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self._handle >= 0:
            close(self._handle)

    def read_into(self, target: U8, offset: int) -> None:
        left = target.data.cast("B")
        while left:
            n = os.preadv(self._handle, [left], offset)
            if not n:
                raise DataError(f"{self._path}: the crops end early; run again to make them anew")
            left, offset = left[n:], offset + n


@lru_cache(maxsize=_OPEN_FILES)
def _open(path: Path) -> _File:
    return _File(path)
