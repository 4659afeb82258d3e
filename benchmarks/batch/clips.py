"""Short clips, each of other content, made of one recording without encoding it again."""

from pathlib import Path

import av

from knowledge_spreader.errors import DataError

_BOX_BYTES = 16


def write_clips(source: Path, folder: Path, count: int, frames: int) -> float:
    """Writes clip0000.mp4 and so on, the first `frames` frames of a recording each; returns the seconds of one.

    They differ in a number in an MP4 box that no reader looks at: equal work, and yet no two are the same recording.
    Raises DataError if the recording is shorter.
    """
    folder.mkdir(parents=True)
    first = folder / "clip0000.mp4"
    seconds = _cut(source, first, frames)
    data = first.read_bytes()
    for number in range(count):
        box = _BOX_BYTES.to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (folder / f"clip{number:04d}.mp4").write_bytes(data + box)
    return seconds


def _cut(source: Path, target: Path, frames: int) -> float:
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        video = container.streams.video[0]
        copy, written = out.add_stream_from_template(video), 0
        for packet in container.demux(video):
            if packet.size and written < frames:
                packet.stream, written = copy, written + 1
                out.mux(packet)
        rate = float(video.average_rate or 25)
    if written < frames:
        raise DataError(f"{source}: has {written} frames, and --frames asks for {frames}; give a longer --recording")
    return frames / rate
