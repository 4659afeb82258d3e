"""FaceFinder: the faces of each frame with their ids and crops.

    scene cut               all tracks end                                  realtime/faces/scene_cuts.py
    held track              with landmarks, the face mesh where it was      mesh_follower.py, ks/face/face_mesh.py
                            else the detector where it was                  ks/face/detector.py, ks/clips/crop_videos.py
    two tracks on one face  one of them is lost                             realtime/faces/tracks.py
    lost track              search where it was, and where it was going
    every SCAN_S            search the image, or a tile of it, for new faces
    every FINE_S            search all fine tiles of a large image, a few at a time, for small faces
    each face found         smooth the points, crop, check the quality      ks/face/alignment.py, quality.py

The schedule follows the frames' time stamps, so a file gives the same numbers however fast it is read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import PointFilter, crop
from knowledge_spreader.face.detector import (
    NEW_SCORE,
    OPENVINO,
    SAME_FACE,
    Box,
    DetectedFace,
    FaceDetector,
    box_width,
    fine_tiles,
    overlap,
)
from knowledge_spreader.realtime.faces.all_scales import find_at_all_scales
from knowledge_spreader.realtime.faces.head_pose import face_box
from knowledge_spreader.realtime.faces.mesh_follower import MeshFollower, first_region, next_region
from knowledge_spreader.realtime.faces.quality import MIN_FACE_PX, reject
from knowledge_spreader.realtime.faces.scene_cuts import CutWatch
from knowledge_spreader.realtime.faces.tracks import Track, Tracks, rivals
from knowledge_spreader.realtime.types import Face, Frame

# How often to search for new faces. At 720p one search takes 3 ms; the whole image and its six tiles take 25 ms.
SCAN_S = 0.25  # while a face is held: the whole image and one tile in turn
TILES_S = 0.25  # all tiles while there is no face; the whole image is then searched in every frame
FINE_S, FINE_HELD_S = 1.0, 4.0  # one search of all fine tiles (24 at 1080p, 84 at 4K) without and with a held face
CONFIRM_S = 0.5  # the detector looks again at a face that the mesh follows
UNCONFIRMED_S = 2.0  # how long the mesh is believed without it
_SMALL = 0.8  # of min_face_px: smaller faces that only fine tiles show are left out
_LARGER = 1.2  # at max_faces, a new face replaces the smallest held face if it is this many times as wide


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """A face and its crop (side_px, side_px, 3) from face.alignment; rejected faces have a crop too."""

    face: Face
    crop: U8


@dataclass(slots=True, eq=False)
class _StreamState:
    epoch: int
    cuts: CutWatch = field(default_factory=CutWatch)
    tracks: Tracks = field(default_factory=Tracks)
    scanned_s: float | None = None  # Frame.time_s of the last search for new faces
    tiled_s: float | None = None  # Frame.time_s of the last search in all tiles
    scans: int = 0
    fine_s: float = 0.0  # Frame.time_s of the last search in fine tiles
    fine_due: float = 0.0  # fine tiles to search, a fraction left over from the last frame included
    fine_next: int = 0


class FaceFinder:
    """Finds and tracks the faces of all streams of a run. A context manager; use it from one thread at a time.

    A face keeps its id when it is lost for up to 2 s (see tracks.py) and through a reconnect. Raises MissingError or
    DataError like FaceDetector.
    """

    def __init__(
        self,
        model: Path,
        side_px: int,
        *,
        max_faces: int = 0,
        min_face_px: float = MIN_FACE_PX,
        search_px: float = 0.0,
        runtime: str = OPENVINO,
        mesh: bool = False,
    ) -> None:
        """max_faces: keep only the largest; 0: all. min_face_px: narrower faces are rejected as small.

        search_px: search the picture for faces from this width up; 0: min_face_px. Smaller ones are found by luck.

        mesh: follow faces with the face mesh, and give them landmarks.
        """
        self._side_px, self._max_faces, self._min_face_px = side_px, max_faces, min_face_px
        self._search_px = search_px or min_face_px
        self._streams: dict[int, _StreamState] = {}
        self._detector = FaceDetector(model, quick=True, runtime=runtime)
        self._follower = MeshFollower() if mesh else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._detector.close()

    def forget(self, stream_number: int) -> None:
        """Drops the tracks of a stream that has ended. If the stream starts again, ids start at 0."""
        self._streams.pop(stream_number, None)

    def find(self, frame: Frame) -> list[FoundFace]:
        """The faces of this frame, by id. The frames of one stream must be in the order of their time stamps.

        Photographs have nothing to do with each other: in each, the faces are numbered from the largest.
        """
        if frame.stream.stills:
            self.forget(frame.stream.number)
        state = self._streams.setdefault(frame.stream.number, _StreamState(frame.epoch))
        tracks, time_s = state.tracks, frame.time_s
        if frame.epoch != state.epoch:
            tracks.renew_all(time_s)
            state.epoch, state.tiled_s = frame.epoch, None
        if state.cuts.is_cut(frame.image):
            tracks.end_all()
            state.tiled_s = None
        tracks.forget_old(time_s)
        seen = self._look_for_held(tracks, frame)
        found = self._look_for_others(state, frame, [face.box_xyxy_px for _, face in seen])
        entering = self._choose(tracks, found)
        seen = [(track, face) for track, face in seen if track in tracks.held]
        seen += self._enter(tracks.take(entering, time_s), entering, frame)
        shown = [one for track, face in seen if (one := self._show(tracks, track, face, frame))]
        return _by_size(shown) if frame.stream.stills else sorted(shown, key=lambda one: one.face.face_id)

    def _look_for_held(self, tracks: Tracks, frame: Frame) -> list[tuple[Track, DetectedFace]]:
        """The held faces that are found again. The others become lost."""
        seen: list[tuple[Track, DetectedFace]] = []
        followed = self._follow(tracks.held, frame)
        for track in list(tracks.held):
            face = followed.get(track.face_id) or next(iter(self._detector.find(frame.image, track.near)), None)
            if face and track.is_seen_in(face, frame.time_s):
                seen.append((track, face))
                if self._follower and track.region is None:  # the detector saw it, so the face mesh may see it again
                    track.region, track.confirmed_s = first_region(face), frame.time_s
            else:
                tracks.lose(track)
        for track in rivals(seen, frame.time_s):
            tracks.lose(track)
        return [(track, face) for track, face in seen if track in tracks.held]

    def _follow(self, held: Sequence[Track], frame: Frame) -> dict[int, DetectedFace]:
        """The held faces that the face mesh sees, by id. The detector confirms each of them every CONFIRM_S."""
        if self._follower is None:
            return {}
        tracks = [track for track in held if track.region is not None]
        answers = self._follower.follow(frame.image, [track.region for track in tracks if track.region is not None])
        for track in held:
            track.landmarks = None
        faces: dict[int, DetectedFace] = {}
        for track, answer in zip(tracks, answers, strict=True):
            if answer is not None and self._is_confirmed(track, answer[0], frame):
                faces[track.face_id], track.landmarks = answer
                assert track.region is not None
                track.region = next_region(track.region, answer[1])
            else:
                track.region = None
        return faces

    def _is_confirmed(self, track: Track, face: DetectedFace, frame: Frame) -> bool:
        """The face mesh may stay on what is no face, a hand or the back of a head; the detector does not.

        A face that has turned too far for the detector is believed for UNCONFIRMED_S.
        """
        age_s = frame.time_s - track.confirmed_s
        if 0 <= age_s < CONFIRM_S:
            return True
        if self._detector.find(frame.image, face.box_xyxy_px):
            track.confirmed_s = frame.time_s
            return True
        return 0 <= age_s < UNCONFIRMED_S

    def _enter(
        self, tracks: Sequence[Track], faces: Sequence[DetectedFace], frame: Frame
    ) -> list[tuple[Track, DetectedFace]]:
        """Entering faces: what the detector saw, or what the face mesh sees there."""
        if self._follower is None:
            return list(zip(tracks, faces, strict=True))
        regions = [first_region(face) for face in faces]
        entered = []
        answers = self._follower.follow(frame.image, regions)
        for track, face, region, answer in zip(tracks, faces, regions, answers, strict=True):
            track.confirmed_s = frame.time_s
            track.region, track.landmarks = region, None
            if answer is not None:
                track.landmarks = answer[1]
                track.region = next_region(region, answer[1])
            entered.append((track, face if answer is None else answer[0]))
        return entered

    def _look_for_others(self, state: _StreamState, frame: Frame, known: list[Box]) -> list[DetectedFace]:
        """Faces other than the known ones: first at the places of lost tracks, then, when due, in the whole image."""
        image, time_s, tracks = frame.image, frame.time_s, state.tracks
        scans = not known or _is_due(state.scanned_s, SCAN_S, time_s)
        found: list[DetectedFace] = []
        for track in tracks.lost if self._has_room(len(known)) else []:
            just_lost = time_s - track.seen_s <= PointFilter.GAP_S
            for place in track.places(time_s) if scans or just_lost else []:
                face = next(iter(self._detector.find(image, place)), None)
                if face is None or _overlaps(face, [*known, *(other.box_xyxy_px for other in found)]):
                    continue
                within_reach = math.isfinite(track.misfit(face.box_xyxy_px, time_s))
                if face.score >= NEW_SCORE or (within_reach and track.is_seen_in(face, time_s)):
                    found.append(face)
                    break
        if scans:
            found += self._scan(state, frame, [*known, *(face.box_xyxy_px for face in found)])
        return found

    def _scan(self, state: _StreamState, frame: Frame, known: list[Box]) -> list[DetectedFace]:
        """New faces. If a face is held and none is lost, every second scan searches one tile, for small faces."""
        if frame.stream.stills:
            return find_at_all_scales(self._detector, frame.image, self._search_px)
        state.scans, state.scanned_s = state.scans + 1, frame.time_s
        starts = state.tiled_s is None
        if known and not state.tracks.lost and state.scans % 2:
            found = self._detector.find_in_tile(frame.image, state.scans // 2, known=known)
        else:
            tiles = not known and _is_due(state.tiled_s, TILES_S, frame.time_s)
            state.tiled_s = frame.time_s if tiles else state.tiled_s
            found = self._detector.find(frame.image, known=known, tiles=tiles, fine=starts)
        if not starts:
            found += self._scan_fine(state, frame, [*known, *(face.box_xyxy_px for face in found)])
        state.fine_s = frame.time_s
        return [face for face in found if self._detector.bears_a_wider_look(frame.image, face)]

    def _scan_fine(self, state: _StreamState, frame: Frame, known: list[Box]) -> list[DetectedFace]:
        """New small faces in the next few fine tiles; as many as the time since the last search asks for."""
        squares = fine_tiles(frame.image.shape[1], frame.image.shape[0])
        share = (frame.time_s - state.fine_s) / (FINE_HELD_S if known else FINE_S)
        state.fine_due = min(state.fine_due + len(squares) * max(share, 0.0), len(squares))
        count = int(state.fine_due)
        state.fine_due -= count
        due = [squares[(state.fine_next + i) % len(squares)] for i in range(count)]
        state.fine_next += count
        found = self._detector.find_in(frame.image, due, known=known)
        return [face for face in found if box_width(face.box_xyxy_px) >= _SMALL * self._search_px]

    def _choose(self, tracks: Tracks, found: list[DetectedFace]) -> list[DetectedFace]:
        """The found faces to hold. At max_faces, a clearly larger face replaces the smallest held one."""
        chosen: list[DetectedFace] = []
        for face in sorted(found, key=lambda face: -box_width(face.box_xyxy_px)):
            if not self._has_room(len(tracks.held) + len(chosen)):
                smallest = min(tracks.held, key=lambda track: box_width(track.box), default=None)
                if smallest is None or box_width(face.box_xyxy_px) < _LARGER * box_width(smallest.box):
                    break
                tracks.lose(smallest)
            chosen.append(face)
        return chosen

    def _has_room(self, faces: int) -> bool:
        return not self._max_faces or faces < self._max_faces

    def _show(self, tracks: Tracks, track: Track, face: DetectedFace, frame: Frame) -> FoundFace | None:
        """The face with its crop and quality; None, and the track is lost, if its points do not form a face."""
        points, fresh = track.see(face, frame.time_s)
        try:
            picture = crop(frame.image, points, self._side_px)
        except DataError:
            tracks.lose(track)
            return None
        track.rejected = reject(
            box_width(face.box_xyxy_px),
            points,
            picture,
            frame.image,
            min_face_px=self._min_face_px,
            before=track.rejected,
        )
        shown = Face(track.face_id, face_box(points), points, face.score, track.rejected, fresh, track.landmarks)
        return FoundFace(shown, picture)


def _by_size(faces: list[FoundFace]) -> list[FoundFace]:
    """The faces, numbered from the largest."""
    ordered = sorted(faces, key=lambda one: -box_width(one.face.box_xyxy_px))
    return [replace(one, face=replace(one.face, face_id=i)) for i, one in enumerate(ordered)]


def _overlaps(face: DetectedFace, boxes: list[Box]) -> bool:
    return any(overlap(face.box_xyxy_px, box) > SAME_FACE for box in boxes)


def _is_due(last_s: float | None, period_s: float, time_s: float) -> bool:
    return last_s is None or not 0.0 <= time_s - last_s < period_s
