"""Small videos of many kinds, whose pictures all differ: for whoever picks one of them."""

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from knowledge_spreader.arrays import U8
from tests.own_priority import own_priority

N = 90  # pictures
_X264 = {"g": "12", "sc_threshold": "0"}


@dataclass(frozen=True)
class Clip:
    quick: bool  # whether decoding may begin within it
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: dict(_X264))
    pix_fmt: str = "yuv420p"
    jittered: bool = False
    form: str | None = None


def x264(params: str, **options: str) -> dict[str, str]:
    return {**_X264, **options, "x264-params": params}


CLIPS = {
    "b_frames.mp4": Clip(True),
    "b_frames.mkv": Clip(True),
    "b_frames.ts": Clip(True),
    "b_frames.flv": Clip(True),
    "b_frames.avi": Clip(True),  # without presentation times
    "none.mp4": Clip(True, options={**_X264, "bf": "0"}),
    "one_group.mp4": Clip(False, options={"g": "1000", "sc_threshold": "0"}),
    "open_gop.mp4": Clip(False, options=x264("open-gop=1:bframes=3:b-adapt=0")),
    "open_gop.ts": Clip(False, options=x264("open-gop=1:bframes=3:b-adapt=0")),
    "intra_refresh.mp4": Clip(False, options=x264("intra-refresh=1")),
    "slices.mp4": Clip(True, options=x264("slices=4")),
    "interlaced.mp4": Clip(True, options=x264("interlaced=1")),
    "variable.mp4": Clip(True, jittered=True),
    "variable.mkv": Clip(True, jittered=True),
    "raw.h264": Clip(False, form="h264"),
    "ten_bits.mp4": Clip(True, pix_fmt="yuv420p10le"),
    "open.hevc.mp4": Clip(False, "libx265", {"x265-params": "keyint=12:min-keyint=12:scenecut=0:log-level=none"}),
    "closed.hevc.mp4": Clip(
        True, "libx265", {"x265-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=0:log-level=none"}
    ),
    "closed.hevc.ts": Clip(
        True, "libx265", {"x265-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=0:log-level=none"}
    ),
    "vp9.webm": Clip(True, "libvpx-vp9", {"g": "12", "lag-in-frames": "10", "auto-alt-ref": "1", "cpu-used": "8"}),
    "av1.mkv": Clip(True, "libsvtav1", {"g": "12", "preset": "12"}),
    "vp8.webm": Clip(False, "libvpx", {"g": "12", "auto-alt-ref": "1"}),
    "mpeg4.mp4": Clip(True, "mpeg4", {"g": "12", "bf": "2"}),
    "mpeg4.avi": Clip(False, "mpeg4", {"g": "12", "bf": "2"}),
    "mpeg2.mpg": Clip(False, "mpeg2video", {"g": "12", "bf": "2"}),
    "mjpeg.avi": Clip(True, "mjpeg", {}, "yuvj420p"),
    "mjpeg.mov": Clip(True, "mjpeg", {}, "yuvj420p"),
    "prores.mov": Clip(True, "prores_ks", {}, "yuv422p10le"),
    "ffv1.mkv": Clip(True, "ffv1", {"g": "12"}),
    "wmv.wmv": Clip(False, "wmv2", {"g": "12"}),
    "sound.mp4": Clip(True),
}


def write(path: Path, clip: Clip) -> Path:
    """N pictures of 96 x 64 px."""
    shown = np.arange(N) * 40
    if clip.jittered:
        shown += np.random.default_rng(0).integers(-15, 15, N)
        shown[N // 2 :] += 2000
        shown -= shown[0]
    with own_priority(), av.open(str(path), "w", format=clip.form) as container:
        stream = container.add_stream(clip.codec, rate=25, options=clip.options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 96, 64, clip.pix_fmt, 400_000
        stream.thread_count = 1
        unit = Fraction(1, 1000) if clip.jittered else Fraction(1, 25)
        stream.codec_context.time_base = unit
        sound = container.add_stream("aac", rate=16_000, layout="mono") if "sound" in path.name else None
        for i in range(N):
            frame = av.VideoFrame.from_ndarray(_picture(i), format="rgb24")
            frame.pts, frame.time_base = (int(shown[i]) if clip.jittered else i), unit
            container.mux(stream.encode(frame))
            if sound is not None:
                quiet = av.AudioFrame.from_ndarray(np.zeros((1, 640), np.float32), format="fltp", layout="mono")
                quiet.sample_rate, quiet.pts, quiet.time_base = 16_000, 640 * i, Fraction(1, 16_000)
                container.mux(sound.encode(quiet))
        container.mux(stream.encode(None))
    return path


def told(picture: U8) -> str:
    """Tells pictures apart to the bit."""
    return hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def _picture(i: int) -> U8:
    """A bright square that moves over a pattern that moves less."""
    y, x = np.mgrid[:64, :96]
    picture = np.stack([(x * 2 + i) % 256, (y * 3 + 2 * i) % 256, (x + y + i) % 256], -1).astype(np.uint8)
    picture[(i * 3) % 48 : (i * 3) % 48 + 12, (i * 5) % 80 : (i * 5) % 80 + 12] = 255
    return picture
