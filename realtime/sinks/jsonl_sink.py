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
        aus             {"AU12": {"p": probability, "c": present or not, "u": disagreement of the branches}};
                        null if success is false
        order_p         probability that the window is in its true order; null if success is false
        window_frames   different frames in the window
        calibrated      whether the person's neutral baseline is subtracted
    events          onsets and offsets at this frame: {face_id, au: "AU12", onset_s, end_s, peak}; end_s is null
                    for an onset
    notes           warnings for the reader, for example that the model is untrained
    experimental    ["AU7", ...]: AUs of the model that are not shown to work on real faces

Always valid JSON in ASCII: nan is null. Later versions may add fields but do not change their meaning.
"""

import json
import time
from typing import Any

from knowledge_spreader.realtime.sinks.result_file import ResultFile
from knowledge_spreader.realtime.sinks.rows import known, known_number, printable
from knowledge_spreader.realtime.types import Event, FaceAUs, FrameResult
from knowledge_spreader.spec import au_label

_DIGITS = 6  # of shares


class JsonlSink:
    """path: a file, or "-" for standard output. Raises DataError if it cannot be written.

    If the reader of standard output closes early, as `| head` does, the sink ends without a failure.
    """

    def __init__(self, path: str) -> None:
        self.name = f"--jsonl {path}"
        self._file = ResultFile(path)
        self._unix_minus_perf_s = time.time() - time.perf_counter()  # once, so that times of a run stay consistent
        self._encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

    def write(self, result: FrameResult) -> None:
        self._file.write(self._encode(as_dict(result, self._unix_minus_perf_s)) + "\n")

    def close(self) -> None:
        self._file.close()


def as_dict(result: FrameResult, unix_minus_perf_s: float) -> dict[str, Any]:
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
        "faces": [_face(face, result.aus) for face in result.faces],
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


def _aus(answer: FaceAUs, aus: tuple[int, ...]) -> dict[str, Any]:
    p, u = known(answer.probability), known(answer.disagreement)
    return {
        au_label(au): {
            "p": None if p_au is None else round(p_au, _DIGITS),
            "c": None if p_au is None else on,
            "u": None if u_au is None else round(u_au, _DIGITS),
        }
        for au, p_au, on, u_au in zip(aus, p, answer.occurrence.tolist(), u, strict=True)
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
