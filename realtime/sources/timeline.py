"""A stream's time that runs on through reconnects and restarts of its clock."""

_JUMP_S = 10.0  # ahead: the clock was set
_LATE_S = 0.1  # back by less: a picture that came twice or out of order, not a clock that restarted


class Timeline:
    """Places each picture of a stream in an epoch, and shifts each epoch so that its time runs on."""

    def __init__(self) -> None:
        self.epoch = 0
        self.shift_s = 0.0
        self._last: tuple[float, float] | None = None  # pts_s and clock_s
        self._reconnected = False

    @property
    def started(self) -> bool:
        """A picture was placed."""
        return self._last is not None

    def reconnected(self) -> None:
        """The next picture starts an epoch."""
        self._reconnected = self._last is not None

    def place(self, pts_s: float, clock_s: float, *, may_jump: bool = False) -> bool:
        """Sets epoch and shift_s for this picture; False where it repeats the last one or comes too late to follow it.

        clock_s: a clock that never restarts, by which time runs on between epochs. may_jump: a long step ahead is no
        restart; a recording may pause for minutes.
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
