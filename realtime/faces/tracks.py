"""Matches the faces of a frame to tracks, by position and time only.

    held    found in the last frame; searched where it was
    lost    not found for up to KEPT_S; a face that appears within its reach continues the track and keeps its id

A face that appears out of reach, or later, gets a new id. Appearance is not used: someone who takes a lost face's place
within KEPT_S inherits its id.

When one person passes in front of another, both tracks find the face in front. The track whose path leads there keeps
it; the other becomes lost at its last place. The person behind keeps their id if they are found again within KEPT_S.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from knowledge_spreader.arrays import F64
from knowledge_spreader.face.alignment import PointFilter
from knowledge_spreader.face.detector import NEW_SCORE, Box, DetectedFace, box_width, hold, overlap
from knowledge_spreader.face.mesh_region import Region
from knowledge_spreader.realtime.types import Landmarks

KEPT_S = 2.0
RIVALS = 0.5  # boxes that overlap more are the same face; two people cheek to cheek reach 0.2
_REACH = 0.5  # largest distance of a face from the track's path, in face widths ...
_REACH_PER_S = 1.0  # ... plus this much per second lost; a person who leans over moves 1 to 2
_GROWTH = 1.25  # largest change of size, as a factor, between frames or while the score is low ...
_GROWTH_PER_S = 0.35  # ... plus this much per second lost, up to one second
_SPEED_S = 0.15  # time constant of the speed's average
_TRUST_S = 0.5  # how long a track lives on low scores, and no longer than it had high scores before


@dataclass(slots=True, eq=False)
class Track:
    """One face over time. Boxes are the detector's own, not smoothed.

    A face that moves behind an object is detected as a smaller and smaller face beside it, with a low score. So place,
    size and speed are only updated when the score is high.
    """

    face_id: int
    box: Box  # at sure_s
    near: Box  # where to search for it, see face.detector.hold
    sure_s: float  # when the score last reached NEW_SCORE
    seen_s: float  # when it was last found
    born_s: float  # when it last started afresh
    speed_px_s: tuple[float, float] = (0.0, 0.0)
    damped: PointFilter = field(default_factory=PointFilter)
    region: Region | None = None  # the square in which the face mesh looks for it; None: the mesh does not see it
    landmarks: Landmarks | None = None  # of this frame
    confirmed_s: float = -math.inf  # when the detector last saw a face there
    rejected: str = ""  # by the quality gate in the previous frame
    fresh: bool = True  # the next frame starts afresh: the filter and the window are emptied

    def see(self, face: DetectedFace, time_s: float) -> tuple[F64, bool]:
        """Updates the track with its face of this frame. Returns the smoothed (6, 2) points and whether it is fresh."""
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
        """Whether a face detected at the track's place continues the track.

        A hand in front of the face or a turn of the head lowers the score for a while; the face must then keep its
        size. A track that has just started gets no such time.
        """
        if face.score >= NEW_SCORE:
            return True
        credit_s = min(self.sure_s - self.born_s, _TRUST_S)
        return _growth(self.box, face.box_xyxy_px) <= _GROWTH and time_s - self.sure_s <= credit_s

    def renew(self, time_s: float) -> None:
        """A new epoch: the face may still be there, but the track starts afresh."""
        self.seen_s = self.sure_s = time_s
        self.speed_px_s, self.fresh = (0.0, 0.0), True

    def expected(self, time_s: float) -> Box:
        """The box moved on by the last speed, for PointFilter.GAP_S at most."""
        gap_s = min(max(time_s - self.sure_s, 0.0), PointFilter.GAP_S)
        x, y = (speed * gap_s for speed in self.speed_px_s)
        return self.box[0] + x, self.box[1] + y, self.box[2] + x, self.box[3] + y

    def places(self, time_s: float) -> list[Box]:
        """Where to search for it while it is lost: where it was going, and where it was."""
        expected = self.expected(time_s)
        return [expected, self.box] if _distance(expected, self.box) > 0.3 * box_width(self.box) else [self.box]

    def misfit(self, box: Box, time_s: float) -> float:
        """Distance of a face from the path between the last and the expected place, in face widths.

        Infinite if it is out of reach.
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
        """A scene cut: all tracks end."""
        self.held, self.lost = [], []

    def renew_all(self, time_s: float) -> None:
        """A new epoch: a face that is still where it was keeps its id."""
        for track in [*self.held, *self.lost]:
            track.renew(time_s)
        self.held, self.lost = [], [*self.held, *self.lost]

    def forget_old(self, time_s: float) -> None:
        self.lost = [track for track in self.lost if time_s - track.sure_s <= KEPT_S]

    def take(self, faces: Sequence[DetectedFace], time_s: float) -> list[Track]:
        """The track of each face that no held track found: a lost one within reach, else a new one.

        The best pair is matched first.
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
    """The tracks to lose where several found the same face: all but the one whose path leads there best."""

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
    """Width of the wider box divided by that of the narrower one."""
    return max(box_width(a), box_width(b)) / min(box_width(a), box_width(b))


def _off_path(start: Box, end: Box, box: Box) -> float:
    """Distance of the centre of `box` from the line between the centres of start and end."""
    (ax, ay), (bx, by), (x, y) = _centre(start), _centre(end), _centre(box)
    length2 = (bx - ax) ** 2 + (by - ay) ** 2
    along = 0.0 if length2 == 0 else min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2))
    return math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def _distance(a: Box, b: Box) -> float:
    return math.dist(_centre(a), _centre(b))


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
