"""A source of pictures, a video file or a folder of images: listed, counted and read in one order.

    video file   picture i is the i-th frame that the decoder hands out, from 0
    folder       picture i is the i-th image of list_images(folder), from 0

All labels, caches and loaders point at pictures by this index.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from knowledge_spreader.arrays import I64, U8
from knowledge_spreader.displayed import display_matrix, displayed, square_size
from knowledge_spreader.errors import DataError, one_line

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_LAST_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")

# One packet, one picture. Not in the list: VP8 (unseen reference frames), MPEG-1/2, animated images.
_PACKET_IS_PICTURE = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "png", "rawvideo", "ffv1", "huffyuv", "prores")
_SKIPPED_VOP_BYTES = 32  # MPEG-4 says "as before" in a packet of about 7 bytes, for which decoders hand out nothing


def list_images(folder: Path) -> tuple[Path, ...]:
    """Images of a folder by the last number in their names, then by name: 643.jpg < 0644.jpg < 1000.jpg.

    Images without a number come first. Hidden files are no images. Raises DataError when there is no such folder.
    """
    return tuple(folder / name for name in _image_names(folder))


def picture_number(path: Path) -> int:
    """The last number in a file's name: "F001_T1_0643.jpg" -> 643. Raises DataError when it has none."""
    number = _number(path.name)
    if number < 0:
        raise DataError(f"{path}: the name of an image must hold its frame number, like 0643.jpg; rename it")
    return number


def picture_numbers(folder: Path) -> I64:
    """picture_number of each image of list_images(folder), increasing; -1, at the front, for names without a number.

    Raises DataError when two images have the same number.
    """
    names = _image_names(folder)
    numbers = np.array([_number(name) for name in names], np.int64)
    twice = np.flatnonzero((np.diff(numbers) == 0) & (numbers[1:] >= 0))
    if len(twice):
        first, second = names[twice[0]], names[twice[0] + 1]
        raise DataError(f"{folder}: {first} and {second} are both picture {numbers[twice[0]]}; keep one of them")
    return numbers


def count_pictures(source: Path) -> int:
    """How many pictures a folder or a video has. Raises DataError when it cannot be read.

    A video is counted by its packets, without decoding, where a packet is surely a picture.
    """
    if source.is_dir():
        return len(_image_names(source))
    packets = _count_packets(source)
    return sum(1 for _ in _decode(source)) if packets is None else packets


def picture_rate(source: Path) -> float | None:
    """Average pictures per second of a video; None for a folder, and where the file does not say."""
    if source.is_dir():
        return None
    with _video(source) as (_, stream):
        rate = stream.average_rate or stream.guessed_rate
        return float(rate) if rate else None


def is_turned_or_stretched(source: Path) -> bool:
    """Whether a video's pictures are mirrored or have pixels that are not square; rotation alone does not count.

    Raises DataError when it cannot be read.
    """
    if source.is_dir():
        return False
    for frame, pixel_aspect in _decode(source):
        a, b, c, d = display_matrix(frame)
        stretched = square_size(frame.width, frame.height, pixel_aspect) != (frame.width, frame.height)
        return stretched or a * d - b * c < 0
    return False


def read_pictures(source: Path, wanted: npt.NDArray[np.integer]) -> Iterator[tuple[int, U8]]:
    """Yield (index, picture) for each wanted index; a picture is uint8 RGB (H, W, 3), upright.

    wanted (T,) holds strictly increasing picture indices. A video is decoded from its start up to the last of them.
    EXIF orientation, a video's display matrix and pixels that are not square are honoured. Raises DataError when a
    picture cannot be read or is not there, and when two images of a folder differ in size.
    """
    indices = [int(index) for index in wanted]
    assert all(a < b for a, b in zip([-1, *indices], indices, strict=False)), "picture indices must increase from 0"
    return _read_folder(source, indices) if source.is_dir() else _read_video(source, indices)


def _image_names(folder: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != "."]
    except OSError as exc:
        raise DataError(f"{folder}: cannot list this folder of images ({one_line(exc)}); check the path") from exc
    return sorted(names, key=lambda name: (_number(name), name))


def _number(name: str) -> int:
    match = _LAST_NUMBER.search(name.rpartition(".")[0])
    return int(match[0]) if match else -1


def _read_folder(folder: Path, indices: list[int]) -> Iterator[tuple[int, U8]]:
    images = list_images(folder)
    first: tuple[str, int, int] | None = None
    for index in indices:
        if index >= len(images):
            raise DataError(f"{folder}: picture {index} was asked for, but it has {len(images)}; load the data anew")
        picture = _read_image(images[index])
        height, width = picture.shape[:2]
        first = first or (images[index].name, height, width)
        if first[1:] != (height, width):
            sizes = f"{first[0]} is {first[2]} x {first[1]} px, {images[index].name} {width} x {height} px"
            raise DataError(f"{folder}: images of one recording must have one size; {sizes}")
        yield index, picture


def _read_image(path: Path) -> U8:
    try:
        data = np.fromfile(path, np.uint8)  # not cv2.imread, which fails on some systems for names beyond ASCII
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error) as exc:
        raise DataError(f"{path}: cannot read this image ({exc}); replace or remove it") from exc
    if picture is None:
        raise DataError(f"{path}: this is no image that can be read; replace or remove it")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _read_video(path: Path, indices: list[int]) -> Iterator[tuple[int, U8]]:
    if not indices:
        return
    waiting = iter(indices)
    index, count = next(waiting), 0
    for count, (frame, pixel_aspect) in enumerate(_decode(path), 1):
        if count - 1 != index:
            continue
        yield index, displayed(frame, pixel_aspect)
        try:
            index = next(waiting)
        except StopIteration:
            return
    raise DataError(f"{path}: picture {index} was asked for, but only {count} can be decoded; copy or re-encode it")


def _count_packets(path: Path) -> int | None:
    """Packets that decode to a picture, or None when they may differ from the pictures."""
    count = 0
    first: av.Packet[VideoStream] | None = None
    with _video(path) as (container, stream):
        codec = stream.codec_context.codec.canonical_name
        if codec not in _PACKET_IS_PICTURE:
            return None
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                first = first or packet
                if not first.is_keyframe or packet.is_corrupt:
                    return None  # decoders drop what comes before the first key frame
                if first.pts is not None and packet.pts is not None and packet.pts < first.pts:
                    return None  # shown before the first key frame: it may lean on pictures that were cut away
                if codec == "mpeg4" and packet.size < _SKIPPED_VOP_BYTES:
                    return None
                count += not packet.is_discard  # an edit list hides it: decoded, never handed out
        except av.FFmpegError as exc:
            raise _broken(path, exc) from exc
    return count


def _decode(path: Path) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
    """Each frame, with the width of its pixels by their height."""
    with _video(path) as (container, stream):
        stream.thread_type = "AUTO"
        pixel_aspect = stream.sample_aspect_ratio
        try:
            for packet in container.demux(stream):
                if packet.size:  # an empty packet in the middle would end the decoder
                    yield from ((frame, pixel_aspect) for frame in packet.decode())
            yield from ((frame, pixel_aspect) for frame in stream.decode(None))
        except av.FFmpegError as exc:
            raise _broken(path, exc) from exc


@contextmanager
def _video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    if not path.is_file():
        raise DataError(f"{path}: no such video or folder of images; check the path")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as exc:
        raise _broken(path, exc) from exc
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise DataError(f"{path}: the file has no video track; give a video or a folder of images")
        yield container, stream


def _broken(path: Path, exc: Exception) -> DataError:
    return DataError(f"{path}: this video cannot be decoded ({one_line(exc)}); copy it again or re-encode it")
