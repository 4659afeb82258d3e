"""Statement: what a coder says of an AU in a frame: a label, or the mark of an event's onset, apex or offset."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import AU_NAMES

UNSCORABLE, PRESENT = "unscorable", "present"
Value = int | str | None  # 0 absent, 1 to 5 levels A to E, PRESENT without a level, UNSCORABLE; None: taken back

MARKS = ONSET, APEX, OFFSET = "onset", "apex", "offset"  # of an event: first frame, strongest, last
MARKED = "marked"  # the value of a mark that is there

HUMAN, CONFIRMED, MODEL = "human", "confirmed", "model"
BETWEEN = "between"  # a coder's, too: present because the frame lies between an onset and an offset
SOURCES = (HUMAN, CONFIRMED, MODEL, BETWEEN)
_LATEST_S = 1e9


@dataclass(frozen=True, slots=True)
class Statement:
    """What a coder says of one AU of one face in one frame. Raises DataError on a value that is none.

    Without a mark it is a label, and `value` says which. With one, `value` is MARKED, or None if it is taken back; a
    mark says nothing of presence.
    """

    video: str  # SHA-256
    recording: str  # path or name, as Project.spelled
    face: int
    frame: int
    time_s: float
    au: int
    value: Value
    side: str | None = None  # "L" or "R": acts there alone
    coder: str = ""
    source: str = HUMAN
    when: str = ""  # ISO 8601
    batch: int = 0
    mark: str | None = None  # of MARKS

    def __post_init__(self) -> None:
        self._check_value()
        numbers = (self.face, self.frame, self.au)
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < 1 << 31 for n in numbers):
            raise DataError(f"face, frame and AU are whole numbers; got {numbers!r:.80}")
        if self.au not in AU_NAMES or self.side not in (None, "L", "R") or self.source not in SOURCES:
            raise DataError(f"no such label: AU {self.au}, side {self.side!r:.20}, source {self.source!r:.20}")
        time_s = self.time_s
        if not isinstance(time_s, float | int) or isinstance(time_s, bool) or not abs(time_s) < _LATEST_S:
            raise DataError(f"a label's time is in seconds; got {time_s!r:.40}")
        texts = (self.video, self.recording, self.coder, self.when)
        if not all(isinstance(one, str) and is_text(one) for one in texts) or not is_video(self.video):
            raise DataError(f"video, recording, coder and when are texts; got {texts!r:.120}")
        if not self.coder.strip() or len(self.coder) > 40:
            raise DataError("a label needs its coder's initials, at most 40 letters")
        if not isinstance(self.batch, int) or isinstance(self.batch, bool) or not 0 <= self.batch < 1 << 53:
            raise DataError(f"a batch is a whole number; got {self.batch!r:.40}")

    def _check_value(self) -> None:
        if self.mark is not None:
            if self.mark not in MARKS or self.value not in (None, MARKED) or self.side is not None:
                raise DataError(
                    f"a mark is one of {', '.join(MARKS)}, with the value {MARKED!r} or null; got {self.mark!r:.40}, "
                    f"{self.value!r:.40}"
                )
            return
        level = isinstance(self.value, int) and not isinstance(self.value, bool) and 0 <= self.value <= 5
        if not (level or self.value is None or self.value in (PRESENT, UNSCORABLE)):
            raise DataError(f"a label is 0 to 5, {PRESENT!r}, {UNSCORABLE!r} or null; got {self.value!r:.40}")

    def fields(self) -> dict[str, Any]:
        """As they stand in a line of the label file."""
        found = asdict(self)
        if self.mark is None:
            del found["mark"]
        return found


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: a name of a file that is none cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_video(value: str) -> bool:
    """Whether it is a SHA-256 in hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{64}", value) is not None
