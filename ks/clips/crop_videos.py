"""Crops each video once into the cache: tracks and aligns the face, or resizes pictures that are already aligned."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.clips.crop_cache import (
    Entry,
    Recipe,
    VideoCrops,
    check_space,
    entry_of,
    load,
    make_folder,
    stamp,
    write_left_out,
)
from knowledge_spreader.clips.crop_cache_writer import remove_leftovers, writing
from knowledge_spreader.clips.crop_workers import crop_all
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import PointFilter, crop
from knowledge_spreader.face.detector import OPENVINO, Box, DetectedFace, FaceDetector, hold, overlap
from knowledge_spreader.face.detector_weights import find_face_model, model_identity
from knowledge_spreader.frame_reader import list_images, read_pictures
from knowledge_spreader.opencv import cv2

log = logging.getLogger(__name__)


def crop_videos(
    videos: Sequence[Video],
    folder: Path,
    side_px: int,
    *,
    aligned: bool,
    face_model: str,
    face_runtime: str = OPENVINO,
    fps: float,
    workers: int,
    progress: bool,
) -> list[VideoCrops]:
    """The crops of each video, in the same order; missing ones are added to `folder`.

    aligned: the pictures are aligned crops already, and are only resized. face_model: a path, or "" for the packaged
    one. face_runtime: what runs it. fps: frame rate of the recordings, for smoothing. workers: processes; 0 and 1: this
    process.
    A picture that cannot be read is left out, like one without a face, and counted on the log. Raises DataError if half
    of a recording cannot be read, if pictures cannot be used or the disk is full, MissingError without a face model;
    finished videos stay in the cache.
    """
    if not aligned and not fps > 0:
        raise DataError(f"smoothing needs a frame rate above 0; got {fps:g}; set it with --fps")
    model = None if aligned else find_face_model(face_model, face_runtime)
    recipe = Recipe(side_px, fps, "" if model is None else model_identity(model), model, face_runtime)
    make_folder(folder)
    remove_leftovers(folder)
    entries = [entry_of(video, recipe, folder) for video in videos]
    todo = [entry for entry in {entry.path: entry for entry in entries}.values() if load(entry) is None]
    if todo:
        check_space(folder, todo)
        crop_all(crop_video, todo, workers, progress)
    crops = [_loaded(entry) for entry in entries]
    write_left_out(folder, videos, crops)
    _tell_unreadable(folder, videos, crops)
    return crops


def _tell_unreadable(folder: Path, videos: Sequence[Video], crops: Sequence[VideoCrops]) -> None:
    lost = {video.name: crop.unreadable for video, crop in zip(videos, crops, strict=True) if crop.unreadable}
    if not lost:
        return
    pictures, first = sum(map(len, lost.values())), next(iter(lost))
    log.warning(
        "%d picture%s of %d recording%s cannot be read and %s left out, the first in %s: %s; all are in %s",
        *(pictures, "s" * (pictures > 1), len(lost), "s" * (len(lost) > 1), "are" if pictures > 1 else "is"),
        *(first, next(iter(lost[first].values())), folder / "unreadable.csv"),
    )


def _loaded(entry: Entry) -> VideoCrops:
    crops = load(entry)
    if crops is None:
        raise DataError(
            f"{entry.path}: the crops of {entry.video.name} disappeared while other videos were cropped; run again"
        )
    return crops


def crop_video(entry: Entry, tick: Callable[[], None]) -> None:
    """Crops one video and writes its entry. Calls tick after each frame."""
    video, before = entry.video, stamp(entry.video.source)
    make = _follow_face if entry.recipe.model else _resize_aligned
    with writing(entry) as draft:
        with closing(make(entry)) as made:
            for picture, points, unreadable in made:
                draft.add(picture, points, unreadable)
                tick()
        if draft.rows != len(video.frames):
            raise DataError(
                f"{video.name}: {video.source} gave {draft.rows} of {len(video.frames)} pictures; copy it again"
            )
        _check_enough(video, draft.unreadable)
        if stamp(video.source) != before:
            raise DataError(f"{video.name}: {video.source} changed while it was read; run again when it is complete")


def _check_enough(video: Video, unreadable: Mapping[int, str]) -> None:
    """Raises DataError if half or more of a recording cannot be read."""
    if 2 * len(unreadable) >= len(video.frames) and unreadable:
        first = next(iter(unreadable.values()))
        raise DataError(
            f"{video.name}: {len(unreadable)} of {len(video.frames)} pictures cannot be read, the first: {first}"
        )


Row = tuple[U8 | None, F64 | None, str]  # crop, key points, why the picture could not be read


def _follow_face(entry: Entry) -> Generator[Row, None, None]:
    """Crop and smoothed key points of each frame's face: the one that overlaps the previous face, else the largest."""
    recipe, damped = entry.recipe, PointFilter()
    assert recipe.model
    near: Box | None = None  # box to search for the tracked face
    last: Box | None = None  # box of the previous face
    expected = -1
    with FaceDetector(recipe.model, runtime=recipe.runtime) as detector:
        for frame, picture in zip(entry.video.frames.tolist(), _pictures(entry.video), strict=False):
            if frame != expected:  # a gap: the face may be elsewhere
                damped.reset()
                near = None
            expected = frame + 1
            face = None if isinstance(picture, str) else _next_face(detector, picture, near, last)
            if face is None or isinstance(picture, str):
                near = None
                yield None, None, picture if isinstance(picture, str) else ""
                continue
            box = face.box_xyxy_px
            if last and not overlap(last, box):  # another face, or a jump
                damped.reset()
            near, last = hold(near, box) if near else box, box
            points = damped.update(face.points_px, frame / recipe.fps)
            yield crop(picture, points, recipe.side_px), points, ""


def _next_face(detector: FaceDetector, picture: U8, near: Box | None, last: Box | None) -> DetectedFace | None:
    if near and (held := detector.find(picture, near)):
        return held[0]
    faces = detector.find(picture)  # largest first
    if last:
        faces.sort(key=lambda face: -overlap(face.box_xyxy_px, last))
    return faces[0] if faces else None


def _resize_aligned(entry: Entry) -> Generator[Row, None, None]:
    """Resizes each picture to the crop's side. Raises DataError unless all are squares of the same size."""
    side, first = entry.recipe.side_px, (0, 0)
    for row, picture in enumerate(_pictures(entry.video)):
        if isinstance(picture, str):
            yield None, None, picture
            continue
        height, width = picture.shape[:2]
        begun = first != (0, 0)
        first = first if begun else (height, width)
        if height != width or (height, width) != first:
            wanted = f"squares of the same size; the first has {first[1]} x {first[0]} px" if begun else "squares"
            raise DataError(
                f"{_picture_name(entry.video, row)} is {width} x {height} px; aligned pictures must be {wanted}"
            )
        shrinks = side < height
        resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        yield np.asarray(resized, np.uint8), None, ""


def _pictures(video: Video) -> Iterator[U8 | str]:
    """The picture of each frame of a video, or why it cannot be read. Adds the video's name to DataErrors."""
    damaged: dict[int, DataError] = {}
    place = 0  # of the next frame
    try:
        for index, picture in read_pictures(video.source, video.pictures, damaged):
            while place < len(video.pictures) and video.pictures[place] < index:
                yield str(damaged[int(video.pictures[place])])
                place += 1
            yield picture
            place += 1
    except DataError as exc:
        raise DataError(f"{video.name}: {exc}") from exc
    for left in video.pictures[place:].tolist():
        if left not in damaged:
            return  # crop_video says that the reader stopped early
        yield str(damaged[left])


def _picture_name(video: Video, row: int) -> str:
    index = int(video.pictures[row])
    return str(list_images(video.source)[index]) if video.source.is_dir() else f"{video.source}: picture {index}"
