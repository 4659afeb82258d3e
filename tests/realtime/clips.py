"""Small real videos. Picture i has grey level 40 + 7 (i mod 24), which tells its number."""

from fractions import Fraction

import av
import numpy as np

STEP, FIRST, CYCLE = 7, 40, 24
SOUND_RATE = 16_000


def write_clip(
    path,
    n=30,
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    size=(64, 48),
    fps=25,
    times_ms=None,
    sound=False,
    noise=False,
    **how,
):
    """Writes a video. times_ms: each picture's time, for a variable rate. noise: large pictures. how: for av.open."""
    options = how.pop("options", {})
    with av.open(str(path), "w", **how) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.bit_rate = 8_000_000
        unit = Fraction(1, 1000) if times_ms else Fraction(1, fps)
        stream.codec_context.time_base = unit
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        spoken = 0
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(_picture(i, size, noise), format="rgb24")
            frame.pts, frame.time_base = (times_ms[i] if times_ms else i), unit
            container.mux(stream.encode(frame))
            while audio and spoken < (i + 1) * SOUND_RATE / fps:
                container.mux(audio.encode(_silence(spoken)))
                spoken += 1024
        container.mux(stream.encode(None))
        if audio:
            container.mux(audio.encode(None))
    return path


def write_sound(path, seconds=1):
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for at in range(0, seconds * SOUND_RATE, 1024):
            container.mux(audio.encode(_silence(at)))
        container.mux(audio.encode(None))
    return path


def number(image, channel=1):
    """The number, within its cycle of 24, of the picture that an image shows."""
    return round((float(np.median(image[..., channel])) - FIRST) / STEP)


def numbers(n):
    return [i % CYCLE for i in range(n)]


def _picture(i, size, noise):
    width, height = size
    picture = np.full((height, width, 3), FIRST + STEP * (i % CYCLE), np.uint8)
    if noise:
        picture[::2] = np.random.default_rng(i).integers(0, 256, picture[::2].shape, np.uint8)
        picture[::2, ::2] = FIRST + STEP * (i % CYCLE)
    return picture


def _silence(at):
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
    return frame


def repeat_clip(source, path, times):
    """Writes a video's packets `times` times in a row: long to decode, quick to make. Without B-frames."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        video = container.streams.video[0]
        packets = [p for p in container.demux(video) if p.size]
        copy = out.add_stream_from_template(video)
        length = round(len(packets) / video.average_rate / video.time_base)
        for again in range(times):
            for packet in packets:
                twin = av.Packet(bytes(packet))
                twin.stream, twin.time_base, twin.is_keyframe = copy, packet.time_base, packet.is_keyframe
                twin.pts, twin.dts = packet.pts + again * length, packet.dts + again * length
                out.mux(twin)
    return path


def piece(source, path, frames, fps=25):
    """Writes these frames, a range, of a video, at another rate. Without B-frames."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"crf": "18", "tune": "zerolatency"})
        for i, frame in enumerate(clip.decode(video=0)):
            if i == frames.start:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            if i in frames:
                shown = frame.reformat(format="yuv420p")
                shown.pts, shown.time_base = i - frames.start, Fraction(1, fps)
                out.mux(stream.encode(shown))
        out.mux(stream.encode(None))
    return path


def slowed(source, path, fps):
    """Writes a video's packets at this rate: the same pictures, for as long as they last at it. Quick to make."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        video = container.streams.video[0]
        copy = out.add_stream_from_template(video)
        times = video.average_rate / fps
        for packet in container.demux(video):
            if packet.size:
                packet.pts, packet.dts, packet.stream = round(packet.pts * times), round(packet.dts * times), copy
                out.mux(packet)
    return path
