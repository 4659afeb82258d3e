"""Detects that decoding falls behind a live stream, and chooses how much to decode until it has caught up."""

import math

EVERYTHING, REFERENCES, KEY_FRAMES = 0, 1, 2  # how much is decoded

_BEHIND_S = 0.3  # above the smallest delay: skip frames that no other frame is predicted from
_FAR_BEHIND_S = 0.6  # above the smallest delay: decode key frames only
_CAUGHT_UP_S = 0.1
_WAITED_S = 0.010  # a read that takes longer found the queue empty
_FORGET_S = 30.0  # the smallest delay is taken over the last 30 to 60 s, because clocks drift


class Backlog:
    """Compares the stream's clock with ours.

    A packet that arrives late may have been sent late. Decoding is behind only if packets are late *and* can be read
    without waiting, because then they were queued.
    """

    def __init__(self) -> None:
        self.level = EVERYTHING
        self._least_s = self._least_before_s = math.inf
        self._since_s = self._last_stamp_s = -math.inf

    def update(self, stamp_s: float, now_s: float, waited_s: float, is_key: bool) -> int:
        """The level for this packet. stamp_s: its decoding time stamp; waited_s: how long its read took."""
        delay_s = now_s - stamp_s
        restarted = stamp_s < self._last_stamp_s
        self._last_stamp_s = stamp_s
        if restarted or waited_s > _WAITED_S:  # the queue was empty: this is the current transport delay
            if restarted or delay_s > self._least_s + _BEHIND_S:
                self._least_s = self._least_before_s = delay_s
            late_s = 0.0
        else:
            late_s = delay_s - min(self._least_s, self._least_before_s, delay_s)
        self._remember(delay_s, now_s)
        self._choose(late_s, is_key)
        return self.level

    def _remember(self, delay_s: float, now_s: float) -> None:
        if now_s - self._since_s > _FORGET_S:
            self._least_before_s, self._least_s, self._since_s = self._least_s, math.inf, now_s
        self._least_s = min(self._least_s, delay_s)

    def _choose(self, late_s: float, is_key: bool) -> None:
        if late_s > _FAR_BEHIND_S:
            self.level = KEY_FRAMES
        elif late_s > _BEHIND_S:
            self.level = max(self.level, REFERENCES)
        elif late_s < _CAUGHT_UP_S and (self.level < KEY_FRAMES or is_key):  # needs a key frame to restart
            self.level = EVERYTHING
