"""Small videos of many kinds: container, codec, rate, time base, B-frames, rotation, pixel aspect, sound, name.

A picture has four quarters: grey 40 + 7 (i mod 12) for picture i, 150, 190 and 230, in reading order.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

from knowledge_spreader.arrays import U8
from tests.own_priority import own_priority

SIZE = (64, 48)
CYCLE, STEP, FIRST = 12, 7, 40
_HZ = 48_000
OTHERS = (150, 190, 230)
RATES = (Fraction(24), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(60))
MATRICES = ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0),
            (0, -1, -1, 0))  # fmt: skip
ASPECTS = (Fraction(1), Fraction(4, 3), Fraction(8, 9), Fraction(16, 11))
NAMES = ("talk", "größe 顔", "a b'c&d", "100%", "#1?x=2", "-dash", "a:b@c", "caf\udce9", "x" * 120, "new\nline")

_X264, _MPEG4 = "libx264", "mpeg4"
# suffix: (container, codecs, sounds, whether times may be uneven, the largest step of its clock in seconds)
KINDS = {
    ".mp4": ("mp4", (_X264, "libx265", _MPEG4, "libsvtav1"), ("aac", "libmp3lame", "ac3"), True, 1e-5),
    ".mov": ("mov", (_X264, "prores_ks", "mjpeg"), ("aac", "pcm_s16le"), True, 1e-5),
    ".mkv": ("matroska", (_X264, "libx265", "libvpx-vp9", "ffv1", "mjpeg"), ("aac", "flac", "libopus"), True, 1e-3),
    ".webm": ("webm", ("libvpx", "libvpx-vp9"), ("libopus",), True, 1e-3),
    ".avi": ("avi", (_X264, _MPEG4, "mjpeg", "msmpeg4v3", "huffyuv", "ffv1"), ("libmp3lame", "pcm_s16le"), False, 1e-5),
    ".mts": ("mpegts", (_X264, "libx265", "mpeg2video"), ("aac", "mp2", "ac3"), True, 2e-5),
    ".flv": ("flv", (_X264, "flv"), ("aac", "libmp3lame"), True, 1e-3),
    ".wmv": ("asf", ("wmv2", "msmpeg4v3"), ("wmav2",), False, 1e-3),
    ".mpg": ("mpeg", ("mpeg2video", "mpeg1video"), ("mp2",), False, 2e-5),
    ".3gp": ("3gp", (_X264,), ("aac",), True, 1e-5),
    ".nut": ("nut", (_X264, "ffv1"), ("aac", "flac"), True, 1e-5),
}  # fmt: skip
_PIXELS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le", "huffyuv": "yuv422p"}
_WITH_ASPECT = (_X264, "libx265", _MPEG4)
_COARSE = (_MPEG4, "mpeg2video", "libsvtav1", "flv")  # encoders whose time base is their rate
_QUIET = {
    "libx265": {"x265-params": "log-level=none"},
    "libsvtav1": {"crf": "20", "preset": "10"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


@dataclass(frozen=True)
class Case:
    """One video to write."""

    suffix: str
    codec: str
    sound: str  # "" = none
    times: tuple[Fraction, ...]  # seconds, of each picture as shown
    time_base: Fraction
    rate: Fraction
    b_frames: bool
    matrix: tuple[int, int, int, int]
    aspect: Fraction
    name: str

    @property
    def tick_s(self) -> float:
        return KINDS[self.suffix][4]

    def __str__(self) -> str:
        turned = "".join(map(str, self.matrix)) if self.matrix != MATRICES[0] else "upright"
        return f"{self.suffix[1:]}-{self.codec}-{self.sound or 'silent'}-{len(self.times)}-{turned}-{self.aspect}"


def cases(seed: int, count: int) -> Iterator[Case]:
    """`count` videos, the same for the same seed; the containers in turn."""
    draw = random.Random(seed)
    for i in range(count):
        suffix = list(KINDS)[i % len(KINDS)]
        _, codecs, sounds, uneven, _ = KINDS[suffix]
        codec = codecs[i // len(KINDS) % len(codecs)]
        rate = draw.choice(RATES)
        n = draw.randint(8, 40)
        if uneven and codec not in _COARSE and draw.random() < 0.4:
            steps = [0, *(draw.choice((1, 2, 3, 7, 40)) for _ in range(n - 1))]
            times = tuple(Fraction(sum(steps[: k + 1])) / rate for k in range(n))
        else:
            times = tuple(k / rate for k in range(n))
        yield Case(
            suffix,
            codec,
            draw.choice(("", *sounds)),
            times,
            1 / rate if codec in _COARSE or not uneven or draw.random() < 0.5 else Fraction(1, 90_000),
            rate,
            codec in (_X264, "libx265", "mpeg2video", _MPEG4) and draw.random() < 0.6,
            draw.choice(MATRICES) if suffix in (".mp4", ".mov", ".3gp") else MATRICES[0],
            draw.choice(ASPECTS) if codec in _WITH_ASPECT else Fraction(1),
            draw.choice(NAMES),
        )


def picture(i: int) -> U8:
    """(48, 64, 3) picture i as people should see it."""
    width, height = SIZE
    made = np.empty((height, width, 3), np.uint8)
    for quarter, level in enumerate((FIRST + STEP * (i % CYCLE), *OTHERS)):
        y, x = divmod(quarter, 2)
        made[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = level
    return made


def write(case: Case, folder: Path) -> Path:
    """Writes the video, its pictures stored upright and turned by the case's matrix."""
    path = folder / f"{case.name}{case.suffix}"
    with own_priority(), path.open("wb") as file, av.open(file, "w", format=KINDS[case.suffix][0]) as container:
        options = dict(_QUIET.get(case.codec, {})) | ({"bf": "3", "g": "12"} if case.b_frames else {})
        stream = container.add_stream(case.codec, rate=case.rate, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = _PIXELS.get(case.codec, "yuv420p")
        stream.bit_rate = 0 if case.codec == "libsvtav1" else 4_000_000
        stream.codec_context.time_base = case.time_base
        if case.aspect != 1:
            stream.sample_aspect_ratio = case.aspect
        sound = container.add_stream(case.sound, rate=_HZ, layout="mono", bit_rate=96_000) if case.sound else None
        spoken = 0
        for i, time_s in enumerate(case.times):
            if sound is not None:
                spoken = _speak(container, sound, spoken, float(time_s))
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = round(time_s / case.time_base), case.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    if case.matrix != MATRICES[0]:
        _turn(path, case.matrix)
    return path


def _speak(container: OutputContainer, sound: av.AudioStream, spoken: int, until_s: float) -> int:
    """Silence from sample `spoken` to just after until_s; returns the next sample."""
    while spoken <= until_s * _HZ:
        size = sound.codec_context.frame_size or 1024
        frame = av.AudioFrame(format=sound.codec_context.format.name, layout="mono", samples=size)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = _HZ, spoken, Fraction(1, _HZ)
        container.mux(sound.encode(frame))
        spoken += size
    return spoken


def _turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Writes the matrix of the video's track header (ISO/IEC 14496-12, tkhd version 0; the sound's has no size)."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd")
    while at >= 0:
        place = at + 4 + 4 + 20 + 8 + 8
        if struct.unpack(">I", data[place + 36 : place + 40])[0]:  # its width
            a, b, c, d = matrix
            data[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        at = data.find(b"tkhd", at + 4)
    path.write_bytes(data)


def expected(case: Case, i: int) -> list[int]:
    """The grey of the quarters of picture i, in reading order, as people see it.

    The picture is stored upright and turned by the matrix: a stored point (x, y) is shown at (a x + c y, b x + d y).
    """
    a, b, c, d = case.matrix
    shown = [0] * 4
    for quarter, level in enumerate((FIRST + STEP * (i % CYCLE), *OTHERS)):
        y, x = divmod(quarter, 2)
        sx, sy = 2 * x - 1, 2 * y - 1
        tx, ty = a * sx + c * sy, b * sx + d * sy
        shown[(ty + 1) // 2 * 2 + (tx + 1) // 2] = level
    return shown
