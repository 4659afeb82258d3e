"""Lists, counts and reads the pictures of a video file or of a folder of images, always in the same order.

    video file   picture i is the i-th frame that the decoder returns, from 0; a damaged packet counts as a picture
    folder       picture i is the i-th image of list_images(folder), from 0

All labels, caches and loaders use this index.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from knowledge_spreader.arrays import I64, U8
from knowledge_spreader.displayed import display_matrix, displayed, square_size
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.image_file import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from knowledge_spreader.image_file import ImageReader

_PROBED = 9  # images that tell the size of a recording
_LAST_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")

# Codecs with one picture per packet. Not in the list: VP8 (unseen reference frames), MPEG-1/2, animated images.
_PACKET_IS_PICTURE = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "png", "rawvideo", "ffv1", "huffyuv", "prores")
_SKIPPED_VOP_BYTES = 32  # MPEG-4 repeats a picture by a packet of about 7 bytes; decoders return nothing for it


class OtherSizeError(DataError):
    """An image is not of its recording's size."""


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
        if frame is None:
            continue
        a, b, c, d = display_matrix(frame)
        stretched = square_size(frame.width, frame.height, pixel_aspect) != (frame.width, frame.height)
        return stretched or a * d - b * c < 0
    return False


def read_pictures(
    source: Path, wanted: npt.NDArray[np.integer], damaged: dict[int, DataError] | None = None
) -> Iterator[tuple[int, U8]]:
    """Yield (index, picture) for each wanted index. A picture is uint8 RGB (H, W, 3), upright.

    wanted (T,): strictly increasing picture indices. A video is decoded from its start to the last index. EXIF
    orientation, display matrix and non-square pixels are applied. damaged: takes the error, by index, of each picture
    that cannot be read or, in a folder, is not of the recording's size; it is then left out. Without it, such a
    picture raises DataError.
    """
    indices = [int(index) for index in wanted]
    assert all(a < b for a, b in zip([-1, *indices], indices, strict=False)), "picture indices must increase from 0"
    pictures = _read_folder(source, indices) if source.is_dir() else _read_video(source, indices)
    for index, picture in pictures:
        if not isinstance(picture, DataError):
            yield index, picture
        elif damaged is None:
            raise picture
        else:
            damaged[index] = picture


def _image_names(folder: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != "."]
    except OSError as exc:
        raise DataError(f"{folder}: cannot list this folder of images ({one_line(exc)}); check the path") from exc
    return sorted(names, key=lambda name: (_number(name), name))


def _number(name: str) -> int:
    match = _LAST_NUMBER.search(name.rpartition(".")[0])
    return int(match[0]) if match else -1


def _read_folder(folder: Path, indices: list[int]) -> Iterator[tuple[int, U8 | DataError]]:
    images, reader = list_images(folder), ImageReader()
    beyond = next((index for index in indices if index >= len(images)), None)
    if beyond is not None:
        raise DataError(f"{folder}: picture {beyond} is wanted, but the folder has {len(images)}; load the data again")
    size = _usual_size([images[index] for index in indices])
    for index in indices:
        picture: U8 | DataError
        try:
            picture = reader.read(images[index])
        except DataError as exc:
            picture = exc
        else:
            height, width = picture.shape[:2]
            if (width, height) != size:
                picture = OtherSizeError(
                    f"{images[index]} is {width} x {height} px, but all images of a recording must have the same size, "
                    f"and most are {size[0]} x {size[1]} px; remove it or move it to a folder of its own"
                )
        yield index, picture


def _usual_size(images: list[Path]) -> tuple[int, int]:
    """Width and height of most of a few images, spread over the recording; of as many, that which comes first."""
    sizes: Counter[tuple[int, int]] = Counter()
    reader = ImageReader()
    for place in sorted({round(i) for i in np.linspace(0, len(images) - 1, min(len(images), _PROBED))}):
        try:
            height, width = reader.read(images[place]).shape[:2]
        except DataError:
            continue
        sizes[width, height] += 1
    return max(sizes, key=sizes.__getitem__, default=(0, 0))


def _read_video(path: Path, indices: list[int]) -> Iterator[tuple[int, U8 | DataError]]:
    if not indices:
        return
    waiting = iter(indices)
    index, count = next(waiting), 0
    for count, (frame, pixel_aspect) in enumerate(_decode(path), 1):
        if count - 1 != index:
            continue
        if frame is None or frame.is_corrupt:
            yield index, DataError(f"{path}: picture {index} is damaged; copy the file again or leave this picture out")
        else:
            yield index, displayed(frame, pixel_aspect)
        try:
            index = next(waiting)
        except StopIteration:
            return
    missing = f"{path}: picture {{}} is wanted, but only {count} can be decoded; copy it again or re-encode it"
    for lost in (index, *waiting):
        yield lost, DataError(missing.format(lost))


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


def _decode(path: Path) -> Iterator[tuple[av.VideoFrame | None, Fraction | None]]:
    """Each frame, with its pixel aspect ratio (width / height); None for a packet that cannot be decoded."""
    problem: av.FFmpegError | None = None
    decoded = False
    with _video(path) as (container, stream):
        stream.thread_type = "AUTO"
        pixel_aspect = stream.sample_aspect_ratio
        try:
            for packet in container.demux(stream):
                if not packet.size:  # an empty packet would flush the decoder
                    continue
                try:
                    frames = packet.decode()
                except av.FFmpegError as exc:
                    problem = exc
                    yield None, pixel_aspect
                    continue
                decoded = decoded or bool(frames)
                yield from ((frame, pixel_aspect) for frame in frames)
            last = stream.decode(None)
            decoded = decoded or bool(last)
            yield from ((frame, pixel_aspect) for frame in last)
        except av.FFmpegError as exc:
            raise _broken(path, exc) from exc
    if problem is not None and not decoded:
        raise _broken(path, problem)


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
