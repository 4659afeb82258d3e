"""JSON lines: one object per frame, written without buffering to a file or to standard output.

    stream          name of the source, without secrets
    epoch           increases with each reconnect of the source
    frame           from 1; in a live run, missing numbers are dropped frames
    pts_s, time_s   presentation time; the same, continuous across reconnects. Fewest digits that are exact
    captured_unix_s when the frame arrived, in seconds since 1970; null for a recording
    picture         file name of the image, of a folder of images; else null
    unreadable      why the image could not be used: "unreadable" or "size"; else null
    latency_ms      from the arrival of the frame to this result
    faces           a list, empty without a face:
        face_id, box_xyxy_px [left, top, right, bottom], score 0 to 1, success true or false
        reason          why success is false: "small", "turned", "blurred", "edge"; else null
        aus             {"AU12": {"p": probability, "c": present or not, "u": disagreement of the voices,
                        "r": intensity 0 to 5, or null}}; null if success is false. Where the model tells sides,
                        "sides": [left, right], their probabilities, or null without a face mesh
        order_p         probability that the window is in its true order; null if success is false
        window_frames   different frames in the window
        calibrated      whether the person's neutral baseline is subtracted
        head            null without a face mesh; else
            yaw_deg, pitch_deg, roll_deg    seen from the camera, 0 is a face that looks into it; positive is the nose
                        to the person's left, the nose up, the head leaning to the person's left
            translation_mm [x, y, z], rotation_rad [Rx, Ry, Rz]    pose_T and pose_R of the CSV
        gaze            null without a face mesh; else right, left: unit vectors [x, y, z], null where an eye is closed;
                        angle_rad [x, y] of both, or null. Experimental
        mesh_p          probability of the face mesh that there is a face; null without one
        landmarks_px    with landmarks "68" [[x, y], ...], with "478" [[x, y, z], ...]; null without a face mesh
        blendshapes     with blendshapes, {"jawOpen": 0 to 1, ...}; null without a face mesh
    events          onsets and offsets at this frame: {face_id, au: "AU12", onset_s, end_s, peak}; end_s is null
                    for an onset
    notes           warnings for the reader, for example that the model is untrained
    experimental    ["AU7", ...]: AUs of the model that are not shown to work on real faces

Always valid JSON in ASCII: nan is null. Later versions may add fields but do not change their meaning.
Pose and gaze are in the camera's coordinates, as realtime/sinks/rows.py says; what they mean is there, too.
"""

import json
import time
from typing import Any

from knowledge_spreader.arrays import Floats
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.face.landmarks_68 import landmarks_68
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.sinks.result_file import ResultFile
from knowledge_spreader.realtime.sinks.rows import known, known_number, printable
from knowledge_spreader.realtime.sinks.table.columns import NO_EXTRAS, Extras
from knowledge_spreader.realtime.types import Event, FaceAUs, Frame, FrameResult, Landmarks
from knowledge_spreader.spec import au_label

_DIGITS = 6  # of shares


class JsonlSink:
    """path: a file, or "-" for standard output. Raises DataError if it cannot be written.

    If the reader of standard output closes early, as `| head` does, the sink ends without a failure.
    """

    def __init__(self, path: str, extras: Extras = NO_EXTRAS) -> None:
        self.name = f"--jsonl {path}"
        self._file, self._extras = ResultFile(path), extras
        self._unix_minus_perf_s = time.time() - time.perf_counter()  # once, so that times of a run stay consistent
        self._encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

    def write(self, result: FrameResult) -> None:
        self._file.write(self._encode(as_dict(result, self._unix_minus_perf_s, self._extras)) + "\n")

    def close(self) -> None:
        self._file.close()


def as_dict(result: FrameResult, unix_minus_perf_s: float, extras: Extras = NO_EXTRAS) -> dict[str, Any]:
    """The object that the module's docstring describes."""
    frame = result.frame
    live = frame.stream.live
    return {
        "stream": printable(frame.stream.name),
        "epoch": frame.epoch,
        "frame": frame.index + 1,
        "pts_s": float(frame.pts_s),
        "time_s": float(frame.time_s),
        "captured_unix_s": round(frame.captured_s + unix_minus_perf_s, _DIGITS) if live else None,
        "picture": printable(frame.picture) or None,
        "unreadable": frame.unreadable or None,
        "latency_ms": _rounded(result.latency_ms, 3),
        "faces": [_face(face, result.aus) | _mesh(face, frame, extras) for face in result.faces],
        "events": [_event(event) for event in result.events],
        "notes": [printable(note) for note in result.notes],
        "experimental": [au_label(au) for au in result.experimental],
    }


def _face(answer: FaceAUs, aus: tuple[int, ...]) -> dict[str, Any]:
    face = answer.face
    return {
        "face_id": face.face_id,
        "box_xyxy_px": [round(float(side), 2) for side in face.box_xyxy_px],
        "score": _rounded(face.score),
        "success": answer.success,
        "reason": printable(face.rejected) or None,
        "aus": _aus(answer, aus) if answer.success else None,
        "order_p": _rounded(answer.in_order) if answer.success else None,
        "window_frames": int(answer.window_frames),
        "calibrated": bool(answer.calibrated),
    }


def _mesh(answer: FaceAUs, frame: Frame, extras: Extras) -> dict[str, Any]:
    """What comes from the face mesh."""
    mesh, measured = answer.face.landmarks, measures_of(answer, frame)
    found: dict[str, Any] = {"head": None, "gaze": None, "mesh_p": _rounded(mesh.presence) if mesh else None}
    if measured:
        pose, gaze = measured
        angles = dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), _list(pose.angles_deg, 2) or (), strict=True))
        place = {"translation_mm": _list(pose.translation_mm, 1), "rotation_rad": _list(pose.rotation_rad, 4)}
        found["head"] = angles | place
        eyes = {"right": _list(gaze.right, _DIGITS), "left": _list(gaze.left, _DIGITS)}
        found["gaze"] = eyes | {"angle_rad": _list(gaze.angle_rad, 4)}
    if extras.landmarks != "none":
        found["landmarks_px"] = mesh and [_list(point, 2) for point in _points(mesh, extras)]
    if extras.blendshapes:
        values = mesh.blendshapes if mesh else None
        found["blendshapes"] = None if values is None else dict(zip(NAMES, _list(values, _DIGITS) or (), strict=True))
    return found


def _points(mesh: Landmarks, extras: Extras) -> Floats:
    return landmarks_68(mesh.points_px) if extras.landmarks == "68" else mesh.points_px


def _list(values: Floats | tuple[float, ...], digits: int) -> list[float] | None:
    """None if they are not known."""
    numbers = [float(value) for value in values]
    return [round(number, digits) for number in numbers] if all(number == number for number in numbers) else None


def _aus(answer: FaceAUs, aus: tuple[int, ...]) -> dict[str, Any]:
    p, u = known(answer.probability), known(answer.disagreement)
    r = [None] * len(aus) if answer.intensity is None else known(answer.intensity)
    return {
        au_label(au): {
            "p": None if p_au is None else round(p_au, _DIGITS),
            "c": None if p_au is None else on,
            "u": None if u_au is None else round(u_au, _DIGITS),
            "r": None if r_au is None else round(r_au, 2),
        }
        | ({"sides": _list(answer.side_of(au), _DIGITS)} if au in answer.sided else {})
        for au, p_au, on, u_au, r_au in zip(aus, p, answer.occurrence.tolist(), u, r, strict=True)
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "face_id": event.face_id,
        "au": au_label(event.au),
        "onset_s": float(event.onset_s),
        "end_s": None if event.end_s is None else float(event.end_s),
        "peak": _rounded(event.peak),
    }


def _rounded(value: float, digits: int = _DIGITS) -> float | None:
    number = known_number(value)
    return None if number is None else round(number, digits)
