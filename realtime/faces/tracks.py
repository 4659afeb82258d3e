"""Identity: which face of this frame is which face of the frames before. Geometry and time, no pictures.

    held    seen in the last frame; looked for where it was
    lost    out of sight for up to KEPT_S; what turns up within its reach is the same face, and keeps the number

A face that turns up out of reach, or later, has a new number. Nothing here knows what a person looks like: who takes
the very place of another within KEPT_S is taken for them.

When one person passes in front of another, both tracks come to see the face in front. The one whose path leads there
keeps it, the other is lost and waits where it was; the person behind has their number back when they are seen again
within KEPT_S, and a new one after that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from knowledge_spreader.arrays import F64
from knowledge_spreader.face.alignment import PointFilter
from knowledge_spreader.face.detector import NEW_SCORE, Box, DetectedFace, box_width, hold, overlap

KEPT_S = 2.0
RIVALS = 0.5  # overlap of two boxes that hold one face; two people cheek to cheek have up to 0.2
_REACH = 0.5  # face widths that a face may be away from its path at once ...
_REACH_PER_S = 1.0  # ... and this much more for each second out of sight; a person who leans over makes 1 to 2
_GROWTH = 1.25  # times larger or smaller that it may be at once, or while it is seen poorly ...
_GROWTH_PER_S = 0.35  # ... and this much more for each second, up to a second
_SPEED_S = 0.15  # over how long the speed is averaged
_TRUST_S = 0.5  # how long a face may be seen poorly; and no longer than it had been seen well


@dataclass(slots=True, eq=False)
class Track:
    """One face through time. Boxes are those of the finder, undamped.

    A face that slides behind something is seen as a smaller and smaller one beside it, with a poor score. So its place,
    size and speed are those of the last time that the finder was sure of it.
    """

    face_id: int
    box: Box  # where it was at sure_s
    near: Box  # where it is held, see face.detector.hold
    sure_s: float  # when the finder was last as sure of it as of a new face
    seen_s: float  # when it was last seen
    born_s: float  # when it last started afresh
    speed_px_s: tuple[float, float] = (0.0, 0.0)
    damped: PointFilter = field(default_factory=PointFilter)
    rejected: str = ""  # by the quality gate, a frame ago
    fresh: bool = True  # what came before does not count

    def see(self, face: DetectedFace, time_s: float) -> tuple[F64, bool]:
        """Takes the face of this frame: its damped (6, 2) points, and whether the track starts afresh with it."""
        box, gap_s = face.box_xyxy_px, time_s - self.seen_s
        fresh = self.fresh or not 0.0 < gap_s <= PointFilter.GAP_S or not overlap(self.near, box)
        if fresh:
            self.damped.reset()
            self.born_s = time_s
        self.near = box if fresh else hold(self.near, box)
        if fresh or face.score >= NEW_SCORE:
            self.speed_px_s = (0.0, 0.0) if fresh else self._speed_to(box, time_s)
            self.box, self.sure_s = box, time_s
        self.seen_s, self.fresh = time_s, False
        return self.damped.update(face.points_px, time_s), fresh

    def _speed_to(self, box: Box, time_s: float) -> tuple[float, float]:
        gap_s = time_s - self.sure_s
        share = -math.expm1(-gap_s / _SPEED_S)
        moved = (b - a for a, b in zip(_centre(self.box), _centre(box), strict=True))
        x, y = (old + share * (way / gap_s - old) for old, way in zip(self.speed_px_s, moved, strict=True))
        return x, y

    def is_seen_in(self, face: DetectedFace, time_s: float) -> bool:
        """Whether what lies where this face was, is this face.

        A hand before it or a turn of the head makes the finder less sure for a while; then it must at least keep its
        size. What has only just resembled a face has no such credit.
        """
        if face.score >= NEW_SCORE:
            return True
        credit_s = min(self.sure_s - self.born_s, _TRUST_S)
        return _growth(self.box, face.box_xyxy_px) <= _GROWTH and time_s - self.sure_s <= credit_s

    def renew(self, time_s: float) -> None:
        """A new epoch: it may be there still, but what came before does not count."""
        self.seen_s = self.sure_s = time_s
        self.speed_px_s, self.fresh = (0.0, 0.0), True

    def expected(self, time_s: float) -> Box:
        """Where its last motion leads; nobody moves on unseen for longer than PointFilter.GAP_S."""
        gap_s = min(max(time_s - self.sure_s, 0.0), PointFilter.GAP_S)
        x, y = (speed * gap_s for speed in self.speed_px_s)
        return self.box[0] + x, self.box[1] + y, self.box[2] + x, self.box[3] + y

    def places(self, time_s: float) -> list[Box]:
        """Where to look for it while it is lost: where it was going, and where it was."""
        expected = self.expected(time_s)
        return [expected, self.box] if _distance(expected, self.box) > 0.3 * box_width(self.box) else [self.box]

    def misfit(self, box: Box, time_s: float) -> float:
        """How far, in face widths, a face lies from the path between where this one was and where it was going.

        Infinite out of reach.
        """
        width = box_width(self.box)
        away = _off_path(self.box, self.expected(time_s), box) / width
        gap_s = max(time_s - self.sure_s, 0.0)
        alike = _growth(self.box, box) <= _GROWTH + _GROWTH_PER_S * min(gap_s, 1.0)
        return away if alike and away <= _REACH + _REACH_PER_S * gap_s else math.inf


class Tracks:
    """The faces of one stream."""

    def __init__(self) -> None:
        self.held: list[Track] = []
        self.lost: list[Track] = []
        self._next_id = 0

    def lose(self, track: Track) -> None:
        self.held.remove(track)
        self.lost.append(track)

    def end_all(self) -> None:
        """A scene cut: other people, as far as anyone can tell."""
        self.held, self.lost = [], []

    def renew_all(self, time_s: float) -> None:
        """A new epoch: each face may be where it was, and keeps its number if it is."""
        for track in [*self.held, *self.lost]:
            track.renew(time_s)
        self.held, self.lost = [], [*self.held, *self.lost]

    def forget_old(self, time_s: float) -> None:
        self.lost = [track for track in self.lost if time_s - track.sure_s <= KEPT_S]

    def take(self, faces: Sequence[DetectedFace], time_s: float) -> list[Track]:
        """The track of each face that no held track has seen: a lost one within reach, else a new one.

        The pair that fits best is matched first.
        """
        fits = [(lost.misfit(face.box_xyxy_px, time_s), i, lost) for i, face in enumerate(faces) for lost in self.lost]
        taken: dict[int, Track] = {}
        for misfit, i, lost in sorted(fits, key=lambda fit: fit[:2]):
            if math.isfinite(misfit) and i not in taken and lost in self.lost:
                self.lost.remove(lost)
                taken[i] = lost
        tracks = [taken.get(i) or self._new(face.box_xyxy_px, time_s) for i, face in enumerate(faces)]
        self.held += tracks
        return tracks

    def _new(self, box: Box, time_s: float) -> Track:
        self._next_id += 1
        return Track(self._next_id - 1, box, box, time_s, time_s, time_s)


def rivals(seen: Sequence[tuple[Track, DetectedFace]], time_s: float) -> list[Track]:
    """The tracks to lose, where two of them came to see one face: those whose path leads there less well."""

    def off_path(pair: tuple[Track, DetectedFace]) -> float:
        track, face = pair
        return _distance(track.expected(time_s), face.box_xyxy_px) / box_width(track.box)

    kept: list[DetectedFace] = []
    losers = []
    for track, face in sorted(seen, key=off_path):
        if any(overlap(face.box_xyxy_px, other.box_xyxy_px) > RIVALS for other in kept):
            losers.append(track)
        else:
            kept.append(face)
    return losers


def _growth(a: Box, b: Box) -> float:
    """How many times as wide the wider one is."""
    return max(box_width(a), box_width(b)) / min(box_width(a), box_width(b))


def _off_path(start: Box, end: Box, box: Box) -> float:
    """Distance of a box's centre from the line between the centres of two others."""
    (ax, ay), (bx, by), (x, y) = _centre(start), _centre(end), _centre(box)
    length2 = (bx - ax) ** 2 + (by - ay) ** 2
    along = 0.0 if length2 == 0 else min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2))
    return math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def _distance(a: Box, b: Box) -> float:
    return math.dist(_centre(a), _centre(b))


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
