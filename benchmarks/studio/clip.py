"""The recording that is played live: a clip, forwards and backwards, at a camera's rate, as long as it is needed."""

import math
from fractions import Fraction
from pathlib import Path

import av

from knowledge_spreader.benchmarks.speed.live_videos import MOST, write_video
from knowledge_spreader.frame_reader import count_pictures

FPS = 30.0


def write_long(clip: Path, target: Path, seconds: float) -> None:
    """Writes at least `seconds` of the clip at 1280 x 720 and FPS. Raises DataError if the clip cannot be read.

    One turn is encoded; an hour of it is its packets again and again.
    """
    once = target.with_name(f"{target.stem}-once.mp4")
    turn_s = 2 * max(min(count_pictures(clip), MOST) - 1, 1) / FPS
    write_video(clip, once, faces=1, seconds=turn_s, fps=FPS)
    with av.open(str(target), "w") as made, av.open(str(once)) as read:
        video = read.streams.video[0]
        stream = made.add_stream_from_template(video)
        assert video.time_base is not None
        turn = round(Fraction(turn_s).limit_denominator(1001) / video.time_base)
        for n in range(math.ceil(seconds / turn_s)):
            read.seek(0)
            for packet in read.demux(video):
                if packet.pts is None or packet.dts is None:
                    continue  # the end
                packet.pts, packet.dts = packet.pts + n * turn, packet.dts + n * turn
                packet.stream = stream
                made.mux(packet)
    once.unlink()
