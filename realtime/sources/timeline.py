"""Keeps a stream's time increasing across reconnects and restarts of its clock."""

_JUMP_S = 10.0  # a longer step forward means that the stream's clock was set
_LATE_S = 0.1  # a shorter step back is a repeated or out-of-order picture, not a restarted clock


class Timeline:
    """Assigns each picture of a stream to an epoch, and shifts each epoch so that time keeps increasing."""

    def __init__(self) -> None:
        self.epoch = 0
        self.shift_s = 0.0
        self._last: tuple[float, float] | None = None  # pts_s and clock_s
        self._reconnected = False

    @property
    def started(self) -> bool:
        """Whether a picture was placed."""
        return self._last is not None

    def reconnected(self) -> None:
        """The next picture starts a new epoch."""
        self._reconnected = self._last is not None

    def place(self, pts_s: float, clock_s: float, *, may_jump: bool = False) -> bool:
        """Sets epoch and shift_s for this picture; False if it repeats the last picture or is older.

        clock_s: a clock that never restarts; it measures the gap between epochs. may_jump: a long step forward does not
        start an epoch, because a recording may pause for minutes.
        """
        if self._last is not None:
            last_pts_s, last_clock_s = self._last
            step_s = pts_s - last_pts_s
            if not self._reconnected and -_LATE_S < step_s <= 0:
                return False
            if self._reconnected or step_s <= 0 or (step_s > _JUMP_S and not may_jump):
                self.epoch += 1
                gone_s = max(clock_s - last_clock_s, 0.001)
                self.shift_s += last_pts_s + gone_s - pts_s
        self._last, self._reconnected = (pts_s, clock_s), False
        return True
