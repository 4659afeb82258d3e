"""Decodes the packets of a container: pictures with their arrival times, and the audio packets between them."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import av.error
from av.packet import Packet

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Picture, recent
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.video.catch_up import EVERYTHING, KEY_FRAMES, Backlog
from knowledge_spreader.realtime.sources.video.clockless import Clockless
from knowledge_spreader.realtime.sources.video.frame_times import LOOK_AHEAD, FrameTimes
from knowledge_spreader.realtime.sources.video.open_container import open_video, reason, without_address

_ARRIVALS = 256  # arrival times kept; more than a decoder holds back
_HEAL_S = 2.0  # after damage, wait this long for a key frame
_DECODING_TIMES_ONLY = ("avi",)  # containers without presentation times


class VideoReader:
    """Reads a target with PyAV. Close it in the thread that reads it.

    live: start at a key frame, drop corrupt pictures, use one decoder thread (no delay), and skip pictures when
    decoding falls behind. Otherwise: every picture that the decoder returns and does not mark as corrupt.
    pace: plays a recording in real time; with live only.
    """

    def __init__(
        self,
        target: Target,
        intake: Intake,
        *,
        live: bool,
        audio: bool,
        timeout_s: float,
        pace: Pace | None = None,
    ) -> None:
        self._target, self._intake, self._live, self._timeout_s = target, intake, live, timeout_s
        self._opened = open_video(target, live=live, audio=audio, timeout_s=timeout_s)
        self.rate, self.duration_s, self.audio = self._opened.rate, self._opened.duration_s, self._opened.template
        self.finite = not target.live or (target.kind == "stream" and self.duration_s is not None)
        plays = not target.live or (self.finite and target.address.lower().startswith("http"))  # else the server paces
        self._pace = pace if plays else None
        self._await_key_until_s = math.inf if live else 0.0
        self._backlog = Backlog()
        self._arrivals: dict[int, tuple[float, int]] = {}  # pts of packets in the decoder -> (arrival, level)
        self._arrived_s = 0.0  # of the last packet
        self._sound: tuple[Any, ...] = ()  # packets
        form = self._opened.container.format.name
        self._times = FrameTimes(self.rate, by_decoding=form in _DECODING_TIMES_ONLY)
        self._clockless: Clockless | None = None
        if not self._opened.clock:
            arrives = target.live and self._pace is None
            self._clockless = Clockless(target.name, self.rate, arrives=arrives, asked=target.rate is not None)
        self._first: list[av.VideoFrame] | None = None if live else []  # of a recording, until its times are known
        self._closed = False

    def pictures(self) -> Iterator[Picture]:
        """The pictures in presentation order. Raises DataError, one line, when reading fails before the end."""
        if self._live or self.audio is None:
            yield from self._pictures()
            return
        held: Picture | None = None  # the last picture also carries the audio that follows it
        for picture in self._pictures():
            if held is not None:
                yield held
            held = picture
        if held is not None:
            yield replace(held, audio=(*held.audio, *self._sound))

    def _pictures(self) -> Iterator[Picture]:
        problem: av.error.FFmpegError | None = None
        while True:
            try:
                yield from self._read()
                return
            except av.error.BlockingIOError:  # avfoundation: no picture yet
                time.sleep(0.002)
            except av.error.FFmpegError as exc:
                problem = exc
                break
        yield from self._pictures_of(self._looked_at(self._flush(), end=True))  # pictures from before the error
        raise self._broken(problem) from without_address(problem)

    def close(self) -> None:
        closed, self._closed = self._closed, True
        if not closed:
            self._opened.close()
        self._arrivals.clear()
        self._sound = ()

    def _read(self) -> Iterator[Picture]:
        video, audio = self._opened.video, self._opened.audio
        # Live: read all streams, to notice when audio arrives but no pictures do.
        packets = self._opened.container.demux(*([] if self._live else [video, audio] if audio else [video]))
        asked_s = last_video_s = time.perf_counter()
        for packet in packets:
            now_s = time.perf_counter()
            if self._target.live and now_s - last_video_s > self._timeout_s:
                # Only audio arrived, or the read timed out and ffmpeg first returns a partial picture.
                raise av.error.ExitError(0, "no pictures")
            if audio and packet.stream_index == audio.index:
                self._keep_sound(packet)
            elif (
                packet.stream_index == video.index and packet.size
            ):  # an empty packet in the middle would end the decoder
                yield from self._pictures_of(self._looked_at(self._decode(packet, now_s, now_s - asked_s)))
                if self._closed:  # PyAV would crash
                    return
                last_video_s = time.perf_counter()
            asked_s = time.perf_counter()
        yield from self._pictures_of(self._looked_at(self._flush(), end=True))

    def _decode(self, packet: "Packet[Any]", now_s: float, waited_s: float) -> list[av.VideoFrame]:
        level = EVERYTHING
        stamp = packet.dts if packet.dts is not None else packet.pts
        stamp_s = float(stamp * packet.time_base) if stamp is not None and packet.time_base else None
        if self._clockless:
            stamp_s = self._clockless.sent(now_s, waited_s)
        if self._live and stamp_s is not None:
            if self._pace:
                stamp_s = now_s = self._pace(stamp_s)
                waited_s = self._pace.waited_s
            level = self._backlog.update(stamp_s, time.perf_counter(), waited_s, packet.is_keyframe)
        self._arrived_s = now_s
        if self._live and not self._wanted(packet, level):
            return []
        if packet.pts is not None and not packet.is_discard:
            self._arrivals[packet.pts] = now_s, level
            while len(self._arrivals) > _ARRIVALS:
                del self._arrivals[next(iter(self._arrivals))]
        if not packet.is_discard:
            self._times.sent(packet.dts)
        return self._decoded(packet)

    def _wanted(self, packet: "Packet[Any]", level: int) -> bool:
        awaited = self._arrived_s < self._await_key_until_s
        if not packet.is_keyframe and (awaited or level == KEY_FRAMES):
            self._intake.lose("behind" if level == KEY_FRAMES else "before key frame")
            return False
        self._await_key_until_s = 0.0
        self._opened.video.codec_context.skip_frame = "DEFAULT" if level == EVERYTHING else "NONREF"
        return True

    def _decoded(self, packet: "Packet[Any]") -> list[av.VideoFrame]:
        try:
            return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
        except av.error.FFmpegError:
            self._intake.lose("corrupt")
            self._heal()
            if packet.pts is not None:
                self._arrivals.pop(packet.pts, None)
            self._times.lost(packet.dts)
            return []

    def _looked_at(self, frames: list[av.VideoFrame], *, end: bool = False) -> list[av.VideoFrame]:
        """Holds back a recording's first frames until it is known whether their times can be used."""
        if self._first is None:
            return frames
        self._first += frames
        if len(self._first) < LOOK_AHEAD and not end:
            return []
        first, self._first = self._first, None
        self._times.look([frame.pts for frame in first])
        return first

    def _flush(self) -> list[av.VideoFrame]:
        try:
            return self._opened.video.decode(None)
        except av.error.FFmpegError:
            return []  # nothing in it, or flushed before

    def _pictures_of(self, frames: list[av.VideoFrame]) -> Iterator[Picture]:
        for frame in frames:
            if self._closed:  # by the consumer of the picture before; PyAV would crash
                return
            captured_s = self._arrival(frame.pts)
            if self._live and frame.pts is None and not self._clockless and self._times.may_wait():
                self._intake.lose("no time stamp")
                continue
            index = self._intake.next_index()
            time_base = frame.time_base or self._opened.video.time_base or Fraction(1, 1000)
            if self._clockless:
                pts, time_base = self._clockless.shown(index, captured_s)
            else:
                pts = self._times.shown(frame.pts, time_base)
            if frame.is_corrupt:
                self._intake.dropped["corrupt"] += 1
                self._heal()
                continue
            sound, self._sound = self._sound, ()
            aspect = self._opened.video.sample_aspect_ratio
            yield Picture(frame, index, pts, time_base, captured_s, sound, aspect)

    def _heal(self) -> None:
        """After damage, skip to the next key frame, for 2 s at most: streams with intra refresh have no key frames."""
        if self._live:
            self._await_key_until_s = self._arrived_s + _HEAL_S

    def _arrival(self, pts: int | None) -> float:
        """When the packet of a picture arrived. Earlier packets without a picture are counted as skipped."""
        if pts is None:
            return self._arrived_s
        arrived_s, _ = self._arrivals.pop(pts, (self._arrived_s, EVERYTHING))
        for earlier in [held for held in self._arrivals if held < pts]:
            _, level = self._arrivals.pop(earlier)
            if level != EVERYTHING:
                self._intake.lose("behind")
        return arrived_s

    def _keep_sound(self, packet: "Packet[Any]") -> None:
        if packet.size:
            self._sound = (*self._sound, packet)
            if self._live:
                self._sound = recent(self._sound)

    def _broken(self, exc: av.error.FFmpegError) -> DataError:
        if self._target.live and isinstance(exc, av.error.ExitError | av.error.TimeoutError):
            return DataError(f"{self._target.name}: no picture for {self._timeout_s:g} s")
        if self._target.live:
            return DataError(f"{self._target.name}: the connection was lost ({exc.strerror or type(exc).__name__})")
        return DataError(str(reason(self._target, exc, self._timeout_s)))
