"""A clip as messages that are ready to be sent: encoded once, forwards and backwards, again and again."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import count_pictures, picture_rate, read_pictures
from knowledge_spreader.realtime.client.pictures import encoder

_MOST = 120  # pictures of a turn
_QUALITY = 90


def messages(clip: Path, fps: float, name: str) -> list[bytes]:
    """One turn of the clip at this rate, encoded as `name` says (jpeg, h264); it begins and ends alike."""
    there = _pictures(clip, fps)
    encode = encoder(name, _QUALITY)
    turn = [*there, *there[-2:0:-1]]
    return [encode(i / fps, picture, first=i == 0) for i, picture in enumerate(turn)]


def endless(turn: list[bytes], begin: int = 0) -> Iterator[bytes]:
    """The turn again and again, from its message `begin` on."""
    return cycle([*turn[begin:], *turn[:begin]])


def _pictures(clip: Path, fps: float) -> list[U8]:
    count, rate = count_pictures(clip), picture_rate(clip) or 25.0
    wanted = np.unique((np.arange(_MOST) * rate / fps).astype(int))
    pictures = [picture for _, picture in read_pictures(clip, wanted[wanted < count])]
    if len(pictures) < 2:
        raise DataError(f"{clip}: too short; give a clip of two pictures or more")
    return pictures
