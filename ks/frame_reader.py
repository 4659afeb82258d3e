"""Lists, counts and reads the pictures of a video file or of a folder of images, always in the same order.

    video file   picture i is the i-th frame that the decoder returns, from 0
    folder       picture i is the i-th image of list_images(folder), from 0

All labels, caches and loaders use this index.
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

# Codecs with one picture per packet. Not in the list: VP8 (unseen reference frames), MPEG-1/2, animated images.
_PACKET_IS_PICTURE = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "png", "rawvideo", "ffv1", "huffyuv", "prores")
_SKIPPED_VOP_BYTES = 32  # MPEG-4 repeats a picture by a packet of about 7 bytes; decoders return nothing for it


def list_images(folder: Path) -> tuple[Path, ...]:
    """Images of a folder by the last number in their names, then by name: 643.jpg < 0644.jpg < 1000.jpg.

    Images without a number come first; hidden files are ignored. Raises DataError if there is no such folder.
    """
    return tuple(folder / name for name in _image_names(folder))


def picture_number(path: Path) -> int:
    """The last number in a file's name: "F001_T1_0643.jpg" -> 643. Raises DataError if there is none."""
    number = _number(path.name)
    if number < 0:
        raise DataError(f"{path}: the name of an image must contain its frame number, e.g. 0643.jpg; rename it")
    return number


def picture_numbers(folder: Path) -> I64:
    """picture_number of each image of list_images(folder), increasing; -1, at the front, for names without a number.

    Raises DataError if two images have the same number.
    """
    names = _image_names(folder)
    numbers = np.array([_number(name) for name in names], np.int64)
    twice = np.flatnonzero((np.diff(numbers) == 0) & (numbers[1:] >= 0))
    if len(twice):
        first, second = names[twice[0]], names[twice[0] + 1]
        raise DataError(f"{folder}: {first} and {second} are both picture {numbers[twice[0]]}; keep one of them")
    return numbers


def count_pictures(source: Path) -> int:
    """The number of pictures of a folder or a video. Raises DataError if it cannot be read.

    Packets are counted without decoding if each packet is certain to be one picture.
    """
    if source.is_dir():
        return len(_image_names(source))
    packets = _count_packets(source)
    return sum(1 for _ in _decode(source)) if packets is None else packets


def picture_rate(source: Path) -> float | None:
    """Average frame rate of a video; None for a folder, and if the file does not contain it."""
    if source.is_dir():
        return None
    with _video(source) as (_, stream):
        rate = stream.average_rate or stream.guessed_rate
        return float(rate) if rate else None


def is_turned_or_stretched(source: Path) -> bool:
    """Whether the display mirrors a video or stretches its pixels; rotation alone does not count.

    Raises DataError if the video cannot be read.
    """
    if source.is_dir():
        return False
    for frame, pixel_aspect in _decode(source):
        a, b, c, d = display_matrix(frame)
        stretched = square_size(frame.width, frame.height, pixel_aspect) != (frame.width, frame.height)
        return stretched or a * d - b * c < 0
    return False


def read_pictures(source: Path, wanted: npt.NDArray[np.integer]) -> Iterator[tuple[int, U8]]:
    """Yield (index, picture) for each wanted index. A picture is uint8 RGB (H, W, 3), upright.

    wanted (T,): strictly increasing picture indices. A video is decoded from its start to the last index. EXIF
    orientation, display matrix and non-square pixels are applied. Raises DataError if a picture does not exist or
    cannot be read, or if two images of a folder differ in size.
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
            raise DataError(
                f"{folder}: picture {index} is wanted, but the folder has {len(images)}; load the data again"
            )
        picture = _read_image(images[index])
        height, width = picture.shape[:2]
        first = first or (images[index].name, height, width)
        if first[1:] != (height, width):
            sizes = f"{first[0]} is {first[2]} x {first[1]} px, {images[index].name} {width} x {height} px"
            raise DataError(f"{folder}: all images of a recording must have the same size; {sizes}")
        yield index, picture


def _read_image(path: Path) -> U8:
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread fails on some systems for non-ASCII names
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error) as exc:
        raise DataError(f"{path}: cannot read this image ({exc}); replace or remove it") from exc
    if picture is None:
        raise DataError(f"{path}: this image cannot be read; replace or remove it")
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
    raise DataError(
        f"{path}: picture {index} is wanted, but only {count} can be decoded; copy it again or re-encode it"
    )


def _count_packets(path: Path) -> int | None:
    """The number of packets, or None if it may differ from the number of pictures."""
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
                    return None  # decoders drop packets before the first key frame
                if first.pts is not None and packet.pts is not None and packet.pts < first.pts:
                    return None  # shown before the first key frame: may depend on pictures that were cut off
                if codec == "mpeg4" and packet.size < _SKIPPED_VOP_BYTES:
                    return None
                count += not packet.is_discard  # hidden by an edit list: decoded, but not returned
        except av.FFmpegError as exc:
            raise _broken(path, exc) from exc
    return count


def _decode(path: Path) -> Iterator[tuple[av.VideoFrame, Fraction | None]]:
    """Each frame, with its pixel aspect ratio (width / height)."""
    with _video(path) as (container, stream):
        stream.thread_type = "AUTO"
        pixel_aspect = stream.sample_aspect_ratio
        try:
            for packet in container.demux(stream):
                if packet.size:  # an empty packet would flush the decoder
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
