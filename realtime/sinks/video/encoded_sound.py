"""Encodes sound to AAC for containers, or players, that do not take the input's own."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from knowledge_spreader.arrays import F32
from knowledge_spreader.realtime.types import Frame

_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # of AAC
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_BLOCK = 1024  # samples in a packet of AAC
_JITTER_S = Fraction(1, 20)  # a packet's time stamp is rounded; a larger difference is a gap, or sound that comes twice
_LONGEST_SILENCE_S = 10  # a longer gap, as after a lost connection, is left empty


@dataclass(frozen=True, slots=True)
class AacForm:
    """Sample rate and channel layout of AAC."""

    rate: int
    layout: str


def aac_form(template: AudioStream) -> AacForm | None:
    """What sound like this becomes: the same, or the next that AAC knows. None if it cannot be decoded or encoded."""
    source = template.codec_context
    if not source.codec.is_decoder:
        return None
    rate = source.sample_rate or 48_000
    rate = rate if rate in _RATES else next((r for r in _RATES if r >= rate), _RATES[-1])
    layout = source.layout.name if source.layout.nb_channels else "stereo"
    for tried in (layout, _LAYOUTS.get(source.layout.nb_channels, "")):
        if tried and _encodes(AacForm(rate, tried)):
            return AacForm(rate, tried)
    return None


class EncodedSound:
    """Decodes packets, and encodes them as one track without gaps: a gap is filled with silence.

    Holds less than a block of samples. Packets that cannot be decoded become silence.
    """

    def __init__(self, container: OutputContainer, template: AudioStream, form: AacForm) -> None:
        self._container, self._form = container, form
        # A decoder of its own: the template's may serve other files, too.
        self._decoder = av.open(io.BytesIO(), "w", format="null").add_stream_from_template(template).codec_context
        self._track = container.add_stream("aac", rate=form.rate)
        _set_up(self._track.codec_context, form)
        self._resampler: AudioResampler | None = None
        self._heard: tuple[Any, ...] = ()  # form of the last decoded piece
        self._channels = self._track.codec_context.layout.nb_channels
        self._waiting: F32 = np.zeros((self._channels, 0), np.float32)
        self._end: int | None = None  # the sample after the last one that waits, from the container's 0

    def add(self, packet: Any, frame: Frame, origin_s: Fraction) -> None:
        if not packet.size:
            return
        try:
            pieces = self._decoder.decode(packet)
        except av.FFmpegError:
            return
        for piece in pieces:
            at = None
            if piece.pts is not None and piece.time_base:
                at = round((piece.pts * piece.time_base + Fraction(frame.shift_s) - origin_s) * self._form.rate)
            for samples in self._resampled(piece):
                self._place(samples, at)
                at = None

    def close(self) -> None:
        try:
            pieces = self._decoder.decode(None)
        except av.FFmpegError:  # nothing was ever decoded
            pieces = []
        for piece in pieces:
            for samples in self._resampled(piece):
                self._place(samples, None)
        for samples in self._left():
            self._place(samples, None)
        if self._waiting.size:
            self._encode(self._waiting.shape[1])
        for packet in self._track.encode(None):
            self._container.mux(packet)

    def _resampled(self, piece: AudioFrame) -> Iterator[F32]:
        """(C, n) samples in the form that is encoded."""
        heard = piece.format.name, piece.layout.name, piece.sample_rate
        if heard != self._heard:  # also after a reconnect to a source that has changed
            yield from self._left()
            self._heard = heard
            self._resampler = AudioResampler("fltp", self._form.layout, self._form.rate)
        assert self._resampler
        for converted in self._resampler.resample(piece):
            yield self._samples(converted)

    def _left(self) -> Iterator[F32]:
        """What the resampler holds back."""
        resampler, self._resampler, self._heard = self._resampler, None, ()
        for converted in resampler.resample(None) if resampler else ():
            yield self._samples(converted)

    def _samples(self, piece: AudioFrame) -> F32:
        return np.asarray(piece.to_ndarray()[: self._channels], np.float32)

    def _place(self, samples: F32, at: int | None) -> None:
        """Adds samples whose first belongs at this place; None: after those before."""
        if self._end is None:  # the first; what lies before 0 is cut off
            samples, at = samples[:, max(-(at or 0), 0) :], max(at or 0, 0)
            if not samples.size:
                return
            self._end = at
        gap = 0 if at is None else at - self._end
        if gap > _LONGEST_SILENCE_S * self._form.rate:
            after = self._end + gap
            self._append(self._silence(-self._waiting.shape[1] % _BLOCK))  # only the last block may be short
            self._end = after
        elif gap > _JITTER_S * self._form.rate:
            self._append(self._silence(gap))
        elif gap < -_JITTER_S * self._form.rate:
            samples = samples[:, -gap:]
        self._append(samples)

    def _silence(self, n: int) -> F32:
        return np.zeros((self._channels, n), np.float32)

    def _append(self, samples: F32) -> None:
        assert self._end is not None
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        self._end += samples.shape[1]
        while self._waiting.shape[1] >= _BLOCK:
            self._encode(_BLOCK)

    def _encode(self, n: int) -> None:
        """Encodes the first n samples that wait."""
        assert self._end is not None
        block = AudioFrame("fltp", self._form.layout, n)
        for plane, channel in zip(block.planes, self._waiting[:, :n], strict=False):  # of 8 channels PyAV has 9 planes
            plane.update(channel.tobytes())
        block.sample_rate, block.time_base = self._form.rate, Fraction(1, self._form.rate)
        block.pts = self._end - self._waiting.shape[1]
        self._waiting = self._waiting[:, n:]
        for packet in self._track.encode(block):
            self._container.mux(packet)


def _set_up(encoder: Any, form: AacForm) -> None:
    encoder.sample_rate, encoder.layout, encoder.format = form.rate, form.layout, "fltp"
    encoder.bit_rate = min(96_000, 6 * form.rate) * encoder.layout.nb_channels  # AAC holds 6 bits per sample
    encoder.time_base = Fraction(1, form.rate)


def _encodes(form: AacForm) -> bool:
    encoder = av.CodecContext.create("aac", "w")
    try:
        _set_up(encoder, form)
        encoder.open()
    except (ValueError, av.FFmpegError):
        return False
    return True
