"""Converts a frame's result to table rows. Their names and order are in realtime/sinks/table/columns.py.

First those of OpenFace 2.2, in its order, so that programs that read its CSV can read ours:

    frame           from 1, as in OpenFace; in a live run, missing numbers are dropped frames. Of photographs, their
                    place in the order of their names
    face_id         from 0 within a stream, in a photograph from 0, the largest; -1 in the single row of a frame without
                    a face
    timestamp       time of the frame in seconds by the stream's own clock, continuous across reconnects. The clock of
                    MPEG-TS and others does not start at 0; events and saved videos count from the recording's start.
                    A photograph has no time: 0
    confidence      score of the face detector, 0 to 1; 0 without a face
    success         1: the AUs are predicted; 0: they are not, and every AU cell is empty, never 0. Pose, gaze and
                    points may be there all the same
    gaze_0_x gaze_0_y gaze_0_z     gaze of the person's right eye, a unit vector: x to the picture's right, y down,
                    z away. Experimental; empty where the eye is closed (ks/face/gaze.py)
    gaze_1_x gaze_1_y gaze_1_z     of the left eye
    gaze_angle_x gaze_angle_y      of both, radians: positive to the picture's right, and down
    pose_Tx pose_Ty pose_Tz        the head's place in front of the camera, mm (ks/face/head_pose.py)
    pose_Rx pose_Ry pose_Rz        its rotation R = Rx Ry Rz, radians: positive is nose down, nose to the picture's
                    left, forehead to the picture's right
    x_0 ... x_67 y_0 ... y_67      with landmarks "68": points in pixels of the frame (ks/face/landmarks_68.py)
    AU01_r ... AU45_r              intensity, 0 (absent) to 5 (FACS E), where the model tells it
    AU12_c          1: the AU is present (with hysteresis, but in photographs), 0: it is absent. AU01_c ... AU45_c are
                    those of OpenFace, empty where the model does not have the AU

Then ours:

    face_x face_y face_w face_h    box of the face, brows to chin, in pixels of the frame
    AU24_c          likewise: AUs of the model that OpenFace does not have
    AU12_p          probability that it is present
    AU12_u          how far the model's voices are apart, 0 to 1
    order_p         temporal teacher's probability that the window is in its true order
    window_frames   different frames in the window
    calibrated      1: the person's neutral baseline is subtracted
    head_yaw_deg head_pitch_deg head_roll_deg    degrees, seen from the camera, 0 is a face that looks into it; positive
                    is the nose to the person's left, the nose up, the head leaning to the person's left
    mesh_p          probability of the face mesh that there is a face
    mesh_x_0 ... mesh_z_477        with landmarks "478": x, y and z in pixels of the frame
    blendshape_browDownLeft ...    with blendshapes: 0 to 1 (ks/face/blendshapes.py)
    reason          why success is 0: "no face", "small", "turned", "blurred", "edge"; of an image, "unreadable" or
                    "size", another size than the recording's; empty if success is 1
    stream          name of the source, without secrets
    epoch           increases with each reconnect of the source
    picture         file name of a photograph, or of an image of a folder; else empty
    AU12L_p AU12R_p                probability on the person's left and right side, where the model tells it; the higher
                    is AU12_p

What is not known is empty, never 0 or nan. All that comes from the face mesh is empty without it. The table does not
mark experimental AUs; ks-live lists them when it starts and in --report.
"""

from collections.abc import Sequence

import numpy as np

from knowledge_spreader.face.landmarks_68 import landmarks_68
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.sinks.table.columns import (
    NO_EXTRAS,
    OPENFACE_C,
    OPENFACE_R,
    POINTS_68,
    POINTS_478,
    Extras,
    blendshape_columns,
    columns,
    others,
)
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult, Landmarks

Cell = int | float | bool | str | None  # None: unknown
Row = tuple[Cell, ...]

NO_FACE_ID = -1
NO_FACE = "no face"


def rows(result: FrameResult, extras: Extras = NO_EXTRAS) -> list[Row]:
    """One row per face of the frame, or one row with reason "no face". Values are in the order of columns()."""
    if not result.faces:
        return [_row_without_face(result.frame, len(columns(result.aus, extras)), 2 * len(extras.sided))]
    return [_row(result.frame, face, result.aus, extras) for face in result.faces]


def _row(frame: Frame, answer: FaceAUs, aus: Sequence[int], extras: Extras) -> Row:
    face, mesh = answer.face, answer.face.landmarks
    left, top, right, bottom = face.box_xyxy_px
    c, p, u = _by_au(answer, aus)
    intensity = _intensities(answer, aus)
    gaze_and_pose, degrees = _from_mesh(answer, frame)
    return (
        *_start(frame, face.face_id, face.score, success=answer.success),
        *gaze_and_pose,
        *(_flat(landmarks_68(mesh.points_px) if mesh else None, 2 * POINTS_68) if extras.landmarks == "68" else ()),
        *[intensity.get(au) for au in OPENFACE_R],
        *[c.get(au) for au in OPENFACE_C],
        float(left),
        float(top),
        float(right - left),
        float(bottom - top),
        *[c[au] for au in others(aus)],
        *p,
        *u,
        known_number(answer.in_order) if answer.success else None,
        int(answer.window_frames),
        bool(answer.calibrated),
        *degrees,
        known_number(mesh.presence) if mesh else None,
        *(_flat(mesh.points_px if mesh else None, 3 * POINTS_478) if extras.landmarks == "478" else ()),
        *(_blendshapes(mesh) if extras.blendshapes else ()),
        *_end(frame, face.rejected),
        *_sides(answer, extras.sided),
    )


def _row_without_face(frame: Frame, n_columns: int, n_sides: int) -> Row:
    start, end = _start(frame, NO_FACE_ID, 0.0, success=False), _end(frame, frame.unreadable or NO_FACE)
    return (*start, *[None] * (n_columns - len(start) - len(end) - n_sides), *end, *[None] * n_sides)


def _start(frame: Frame, face_id: int, confidence: float, *, success: bool) -> Row:
    return frame.index + 1, face_id, float(frame.time_s), float(confidence), success


def _end(frame: Frame, reason: str) -> Row:
    return printable(reason) or None, printable(frame.stream.name), frame.epoch, printable(frame.picture) or None


def _by_au(
    answer: FaceAUs, aus: Sequence[int]
) -> tuple[dict[int, bool | None], list[float | None], list[float | None]]:
    """Occurrence by AU, probabilities, disagreements; all unknown without an answer."""
    if not answer.success:
        unknown = [None] * len(aus)
        return dict.fromkeys(aus), list(unknown), list(unknown)
    p = known(answer.probability)
    there = [None if share is None else on for share, on in zip(p, answer.occurrence.tolist(), strict=True)]
    return dict(zip(aus, there, strict=True)), p, known(answer.disagreement)


def _intensities(answer: FaceAUs, aus: Sequence[int]) -> dict[int, float | None]:
    return {} if answer.intensity is None else dict(zip(aus, known(answer.intensity), strict=True))


def _from_mesh(answer: FaceAUs, frame: Frame) -> tuple[list[float | None], list[float | None]]:
    """Gaze and pose, 14 cells as OpenFace has them; yaw, pitch and roll in degrees."""
    measured = measures_of(answer, frame)
    if measured is None:
        return [None] * 14, [None] * 3
    pose, gaze = measured
    cells = (*gaze.right, *gaze.left, *gaze.angle_rad, *pose.translation_mm, *pose.rotation_rad)
    return known(np.array(cells)), known(np.array(pose.angles_deg))


def _sides(answer: FaceAUs, sided: Sequence[int]) -> list[float | None]:
    """Left and right of each AU."""
    if answer.sides is None:
        return [None] * (2 * len(sided))
    return [known_number(p) for au in sided for p in answer.side_of(au)]


def _flat(points: np.ndarray | None, n_cells: int) -> list[float | None]:
    """All x, then all y, and so on."""
    return [None] * n_cells if points is None else known(points.T.ravel())


def _blendshapes(mesh: Landmarks | None) -> list[float | None]:
    values = mesh.blendshapes if mesh else None
    return [None] * len(blendshape_columns()) if values is None else known(values)


def known(values: np.ndarray) -> list[float | None]:
    """Floats, None for nan."""
    return [value if value == value else None for value in values.tolist()]


def known_number(value: float) -> float | None:
    return float(value) if value == value else None


def printable(text: str) -> str:
    """Text that is valid in UTF-8 and XML; bytes of a file name that are not UTF-8 are escaped."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else "".join([mark if mark >= " " or mark in "\t\n\r" else "?" for mark in text])
