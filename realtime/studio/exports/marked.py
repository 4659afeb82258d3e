"""What the marks of onset, apex and offset make of an AU's labels: events.

An onset begins an event in its frame, an offset ends one after its frame. From an onset to the next offset, with no
other onset between, it is one event of one strength: that of the apex if it has a level, else the highest. In its
frames without a label the AU is present; those that were said to be absent or not scorable stay what they are.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from knowledge_spreader.realtime.studio.exports.coded import LEVELS, is_present
from knowledge_spreader.realtime.studio.store.statement import APEX, OFFSET, ONSET, PRESENT

Marks = Mapping[str, Sequence[int]]  # mark -> the places of its frames, in order


class Piece(NamedTuple):
    """What a frame says; neighbours are one span if all of it is the same."""

    word: str
    event: int = 0


def pairs(marks: Marks) -> list[tuple[int, int]]:
    """(onset, offset) of the events that have both."""
    found: list[tuple[int, int]] = []
    began = -1
    turns = [(place, 0) for place in marks.get(ONSET, ())] + [(place, 1) for place in marks.get(OFFSET, ())]
    for place, is_offset in sorted(turns):  # an event of one frame has both in it
        if not is_offset:
            began = place
        elif began >= 0:
            found.append((began, place))
            began = -1
    return found


def fill(words: dict[int, str], marks: Marks) -> None:
    """words: place of a frame -> what was said. Says present in the other frames of events."""
    for first, last in pairs(marks):
        for place in range(first, last + 1):
            words.setdefault(place, PRESENT)


def pieces(words: Mapping[int, str], marks: Marks) -> dict[int, Piece]:
    """Place -> what it says, cut at onsets and offsets, and of one strength from an onset to its offset."""
    onsets, offsets = marks.get(ONSET, ()), marks.get(OFFSET, ())
    found = {
        place: Piece(word, bisect_right(onsets, place) + bisect_left(offsets, place) if is_present(word) else 0)
        for place, word in words.items()
    }
    for first, last in pairs(marks):
        present = {at: words[at] for at in range(first, last + 1) if is_present(words.get(at, ""))}
        at_apex = [present[at] for at in marks.get(APEX, ()) if at in present]
        told = [word for word in at_apex if _strength(word)[0]] or list(present.values())
        for place in present:
            found[place] = found[place]._replace(word=max(told, key=_strength))
    return found


def _strength(word: str) -> tuple[int, bool]:
    """The level, 0 if none was told; then whether a side was."""
    level, _, side = word.partition(" ")
    return max(LEVELS.find(level), 0), bool(side)
