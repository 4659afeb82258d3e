"""Decides which sources are photographs: those of `--policy stills`, and under `auto` by this rule.

    an image, alone                       a photograph
    a folder                              photographs, if
        names                             less than half differ in their last number alone; or of nine spread over it
        EXIF data                         at least half hold an exposure time: a camera took them one by one; or
        sizes                             no more than half have the same width and height
    all other folders, and with --rate    one recording

Only the headers of these nine are read.
"""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.image_file import EXPOSURE_TIME, exif_tags
from knowledge_spreader.realtime.sources.image_folder import is_animated
from knowledge_spreader.realtime.sources.source_spec import Target

log = logging.getLogger(__name__)

_PROBED = 9
_EXIF_BYTES = 1 << 17  # of a JPEG file's beginning
_LAST_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")
_RATE = 25  # images per second of a recording without --rate


def settled(targets: Sequence[Target], policy: str) -> list[Target]:
    """The targets with `stills` set; those that have it set already stay as they are.

    Says for each folder of images what it was taken for. Raises DataError if `policy` is "stills" and a target is
    something else.
    """
    return [target if target.stills is not None else replace(target, stills=_is(target, policy)) for target in targets]


def _is(target: Target, policy: str) -> bool:
    path = Path(target.address)
    pictures = target.kind == "images" and not is_animated(target)
    if policy == "stills":
        if not pictures:
            raise DataError(
                f"{target.name}: --policy stills takes photographs, and this is a video, animation, camera or stream; "
                "leave --policy out"
            )
        if target.rate:
            raise DataError("--rate is for recordings, and --policy stills for photographs; leave one of them out")
        return True
    if policy != "auto" or not pictures or target.rate:
        return False
    if not path.is_dir():
        return True
    images = list_images(path)
    why = _why_photographs(images)
    if why:
        said = "%s: taken as %d photographs, each of its own (%s); --policy every-frame takes them as one recording"
        log.info(said, target.name, len(images), why)
    else:
        said = "%s: taken as one recording, %d images of %d per second; --policy stills takes each as a photograph"
        log.info(said, target.name, len(images), _RATE)
    return bool(why)


def _why_photographs(images: Sequence[Path]) -> str:
    """Why the images of a folder are photographs; "" if they are a recording."""
    if len(images) == 1:
        return "there is one"
    names = Counter(_LAST_NUMBER.sub("\n", path.stem) for path in images)
    if 2 * max((count for name, count in names.items() if "\n" in name), default=0) < len(images):
        return "their names are not numbered"
    probed = [images[i] for i in sorted({round(i) for i in np.linspace(0, len(images) - 1, min(len(images), _PROBED))})]
    if 2 * sum(_is_exposed(path) for path in probed) >= len(probed):
        return "with a camera's EXIF data"
    sizes = Counter(size for path in probed if (size := _size(path)))
    return "of different sizes" if sizes and 2 * max(sizes.values()) <= sizes.total() else ""


def _is_exposed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return EXPOSURE_TIME in exif_tags(file.read(_EXIF_BYTES))
    except OSError:
        return False


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height in the header; None if it cannot be read."""
    try:
        with path.open("rb") as file, av.open(file) as container:  # a file, because FFmpeg reads % and : in names
            stream = container.streams.video[0]
            return stream.width, stream.height
    except (FFmpegError, OSError, IndexError, ValueError) as exc:
        log.debug("%s: the size is not known (%s)", path, one_line(exc))
        return None
