"""The every-frame policy: every frame of a recording, in order, as fast as the consumer takes them."""

import logging
from collections import Counter
from collections.abc import Iterator

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.open_reader import open_reader
from knowledge_spreader.realtime.sources.reader import Intake, Picture, Reader
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.timeline import Timeline
from knowledge_spreader.realtime.types import Frame, Stream

log = logging.getLogger(__name__)

_MISSING_S = 1.0  # a file that ends this much before its stated duration is truncated


class Recording:
    """Reads a recording. Only frames that the decoder marks as corrupt are dropped; nothing is read ahead.

    __enter__ raises DataError or MissingError if the target cannot be opened, and frames() if no frame can be decoded.
    If reading fails later in the file, the frames end there with a warning. `loss` then says what is missing.
    """

    def __init__(self, target: Target, number: int = 0, *, audio: bool = False, timeout_s: float = 5.0) -> None:
        self._target, self._number, self._audio, self._timeout_s = target, number, audio, timeout_s
        self._intake = Intake()
        self._reader: Reader | None = None
        self._stream: Stream | None = None
        self.loss = ""  # one line: what could not be read, when the frames have ended; "" = nothing

    @property
    def stream(self) -> Stream:
        assert self._stream, "enter the recording first"
        return self._stream

    @property
    def received(self) -> int:
        return self._intake.received

    @property
    def dropped(self) -> Counter[str]:
        return Counter(self._intake.dropped)

    def __enter__(self) -> "Recording":
        reader = open_reader(self._target, self._intake, live=False, audio=self._audio, timeout_s=self._timeout_s)
        self._reader = reader
        self._stream = stream_of(self._target, self._number, reader, live=False)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None

    def frames(self) -> Iterator[Frame]:
        """The frames in order. Call it once, inside the context."""
        assert self._reader, "enter the recording first"
        name, timeline = self._target.name, Timeline()
        step_s = 1 / float(self._reader.rate or 25)
        seen, first_s, last_s = 0, 0.0, 0.0
        try:
            for picture in self._reader.pictures():
                if not timeline.place(picture.pts_s, picture.index * step_s, may_jump=True):
                    log.debug("%s: the time stamp of frame %d does not increase", name, picture.index)
                last_s = picture.pts_s + timeline.shift_s
                first_s = first_s if seen else last_s
                seen += 1
                yield frame_of(picture, self.stream, timeline.epoch, timeline.shift_s)
            if self._reader:  # not closed by the consumer
                # Some files state where the pictures end, counted from 0, and not how long they last.
                self._check_end(seen, max(last_s - first_s, last_s) + step_s)
        except DataError as exc:
            if not seen:
                raise
            self._lost(f"{exc}; the {seen} frames before it are kept")

    def _check_end(self, seen: int, played_s: float) -> None:
        name, promised_s = self._target.name, self.stream.duration_s
        if not seen:
            raise DataError(f"{name}: no frame can be decoded; copy it again or re-encode it")
        for line in damage(name, self._intake):
            self._lost(line)
        if promised_s is not None and played_s < promised_s - _MISSING_S:
            self._lost(f"{name}: ends after {played_s:.1f} s of its stated {promised_s:.1f} s; the file is truncated")

    def _lost(self, what: str) -> None:
        log.warning("%s", what)
        self.loss = f"{self.loss}; {what}" if self.loss else what


def damage(name: str, intake: Intake) -> list[str]:
    """What of a recording could not be read, a line for each cause."""
    what = {
        "corrupt": "frames are damaged and dropped",
        "unreadable": "images cannot be read; their rows have no answer",
        "size": "images are not of the recording's size; their rows have no answer",
    }
    return [f"{name}: {intake.dropped[c]} of {intake.received} {said}" for c, said in what.items() if intake.dropped[c]]


def stream_of(target: Target, number: int, reader: Reader, *, live: bool) -> Stream:
    return Stream(target.name, number, live, target.path, reader.rate, reader.duration_s, reader.audio)


def frame_of(picture: Picture, stream: Stream, epoch: int, shift_s: float) -> Frame:
    return Frame(
        picture.rgb(),
        stream,
        picture.index,
        picture.pts,
        picture.time_base,
        picture.captured_s,
        epoch,
        shift_s,
        picture.audio,
        picture.file,
        picture.unreadable,
    )
