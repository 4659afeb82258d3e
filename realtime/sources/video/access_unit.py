"""What kinds of units a packet of H.264 or HEVC holds: whether it is an IDR picture, and brings its own parameters.

ITU-T H.264, table 7-1, and H.265, table 7-1. Units begin with their length (MP4, Matroska) or after 00 00 01 (Annex B).
"""

from collections.abc import Iterator

_IDR = {"h264": (5,), "hevc": (19, 20)}
_SLICES = {"h264": range(1, 6), "hevc": range(32)}
_PARAMETERS = {"h264": (7, 8), "hevc": (33, 34)}  # of the sequence, of the picture


class Units:
    """Reads packet after packet of a stream."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        at = 4 if codec == "h264" else 21  # avcC and hvcC, ISO/IEC 14496-15
        has_lengths = len(extradata) > at and not extradata.startswith((b"\0\0\0\1", b"\0\0\1"))
        self._length = (extradata[at] & 3) + 1 if has_lengths else 0  # bytes; 0: Annex B
        self.broken = False  # a packet's units do not fill it
        self.own_parameters: list[bool] = []  # of each packet: whether it brings all it needs
        self.parameters_inside = False  # whether any packet brings parameters

    def starts(self, packet: bytes) -> bool:
        """Whether the packet is an IDR picture."""
        kinds = [self._kind(packet[at]) for at in (self._by_length(packet) if self._length else _annex_b(packet))]
        slices = [kind for kind in kinds if kind in _SLICES[self._codec]]
        own = set(_PARAMETERS[self._codec]) & set(kinds)
        self.broken |= not slices
        self.parameters_inside |= bool(own)
        self.own_parameters.append(len(own) == len(_PARAMETERS[self._codec]))
        return bool(slices) and all(kind in _IDR[self._codec] for kind in slices)

    def _kind(self, head: int) -> int:
        self.broken |= bool(head & 0x80)  # forbidden_zero_bit
        return head & 31 if self._codec == "h264" else head >> 1 & 63

    def _by_length(self, packet: bytes) -> Iterator[int]:
        at = 0
        while at + self._length < len(packet):
            size = int.from_bytes(packet[at : at + self._length])
            at += self._length
            if not size:
                continue
            yield at
            at += size
        self.broken |= at != len(packet)


def _annex_b(packet: bytes) -> Iterator[int]:
    at = packet.find(b"\0\0\1")
    while 0 <= at < len(packet) - 3:
        yield at + 3
        at = packet.find(b"\0\0\1", at + 3)
