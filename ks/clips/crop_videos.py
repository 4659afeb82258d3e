"""Crops each video once into the cache: tracks and aligns the face, or resizes pictures that are already aligned."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
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
    write_no_face,
)
from knowledge_spreader.clips.crop_cache_writer import remove_leftovers, writing
from knowledge_spreader.clips.crop_workers import crop_all
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import PointFilter, crop
from knowledge_spreader.face.detector import Box, DetectedFace, FaceDetector, hold, overlap
from knowledge_spreader.face.detector_weights import find_face_model, model_identity
from knowledge_spreader.frame_reader import list_images, read_pictures


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
    """The crops of each video, in the same order; missing ones are added to `folder`.

    aligned: the pictures are aligned crops already, and are only resized. face_model: a path, or "" for the user's
    cache or a download. fps: frame rate of the recordings, for smoothing. workers: processes; 0 and 1: this process.
    Raises DataError if pictures cannot be used or the disk is full, MissingError without a face model; finished videos
    stay in the cache.
    """
    if not aligned and not fps > 0:
        raise DataError(f"smoothing needs a frame rate above 0; got {fps:g}; set it with --fps")
    model = None if aligned else find_face_model(face_model)
    recipe = Recipe(side_px, fps, "" if model is None else model_identity(model), model)
    make_folder(folder)
    remove_leftovers(folder)
    entries = [entry_of(video, recipe, folder) for video in videos]
    todo = [entry for entry in {entry.path: entry for entry in entries}.values() if load(entry) is None]
    if todo:
        check_space(folder, todo)
        crop_all(crop_video, todo, workers, progress)
    crops = [_loaded(entry) for entry in entries]
    write_no_face(folder, videos, crops)
    return crops


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
            for picture, points in made:
                draft.add(picture, points)
                tick()
        if draft.rows != len(video.frames):
            raise DataError(
                f"{video.name}: {video.source} gave {draft.rows} of {len(video.frames)} pictures; copy it again"
            )
        if stamp(video.source) != before:
            raise DataError(f"{video.name}: {video.source} changed while it was read; run again when it is complete")


def _follow_face(entry: Entry) -> Generator[tuple[U8 | None, F64 | None], None, None]:
    """Crop and smoothed key points of each frame's face: the one that overlaps the previous face, else the largest."""
    recipe, damped = entry.recipe, PointFilter()
    assert recipe.model
    near: Box | None = None  # box to search for the tracked face
    last: Box | None = None  # box of the previous face
    expected = -1
    with FaceDetector(recipe.model) as detector:
        for frame, picture in zip(entry.video.frames.tolist(), _pictures(entry.video), strict=False):
            if frame != expected:  # a gap: the face may be elsewhere
                damped.reset()
                near = None
            expected = frame + 1
            face = _next_face(detector, picture, near, last)
            if face is None:
                near = None
                yield None, None
                continue
            box = face.box_xyxy_px
            if last and not overlap(last, box):  # another face, or a jump
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


def _resize_aligned(entry: Entry) -> Generator[tuple[U8, None], None, None]:
    """Resizes each picture to the crop's side. Raises DataError unless all are squares of the same size."""
    side, first = entry.recipe.side_px, (0, 0)
    for row, picture in enumerate(_pictures(entry.video)):
        height, width = picture.shape[:2]
        first = first if row else (height, width)
        if height != width or (height, width) != first:
            wanted = f"squares of the same size; the first has {first[1]} x {first[0]} px" if row else "squares"
            raise DataError(
                f"{_picture_name(entry.video, row)} is {width} x {height} px; aligned pictures must be {wanted}"
            )
        shrinks = side < height
        resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        yield np.asarray(resized, np.uint8), None


def _pictures(video: Video) -> Iterator[U8]:
    """The pictures of a video's frames. Adds the video's name to DataErrors."""
    try:
        for _, picture in read_pictures(video.source, video.pictures):
            yield picture
    except DataError as exc:
        raise DataError(f"{video.name}: {exc}") from exc


def _picture_name(video: Video, row: int) -> str:
    index = int(video.pictures[row])
    return str(list_images(video.source)[index]) if video.source.is_dir() else f"{video.source}: picture {index}"
