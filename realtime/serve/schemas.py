"""SCHEMAS: the messages of ks-serve as JSON Schema. An answer is the object of realtime/sinks/jsonl_sink.py."""

from typing import Any

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_MAYBE_NUMBER: Json = {"type": ["number", "null"]}
_MAYBE_TEXT: Json = {"type": ["string", "null"]}
_SHARE: Json = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_FLAG: Json = {"type": "boolean"}
_AU: Json = {"type": "string", "pattern": "^AU[0-9]+$"}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Json, optional: Json | None = None, *, about: str = "") -> Json:
    """Further fields may come with later versions; those that are named keep their meaning."""
    made: Json = {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}
    return {"description": about, **made} if about else made


def _list(of: Json, count: int | None = None) -> Json:
    return {"type": "array", "items": of} | ({} if count is None else {"minItems": count, "maxItems": count})


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_PER_AU = _object(
    {
        "p": {**_SHARE, "description": "probability that it is present"},
        "c": {"type": ["boolean", "null"], "description": "present or not, with hysteresis"},
        "u": {**_SHARE, "description": "disagreement of the model's voices"},
        "r": {"type": ["number", "null"], "minimum": 0, "maximum": 5, "description": "intensity"},
    },
    {"sides": {**_or_null(_list(_SHARE, 2)), "description": "probabilities on the person's left and right"}},
)
_HEAD = _object(
    {
        "yaw_deg": _NUMBER,
        "pitch_deg": _NUMBER,
        "roll_deg": _NUMBER,
        "translation_mm": _or_null(_list(_NUMBER, 3)),
        "rotation_rad": _or_null(_list(_NUMBER, 3)),
    }
)
_EYE = _or_null(_list(_NUMBER, 3))
_GAZE = _object({"right": _EYE, "left": _EYE, "angle_rad": _or_null(_list(_NUMBER, 2))})
_FACE = _object(
    {
        "face_id": {"type": "integer", "minimum": 0},
        "box_xyxy_px": {**_list(_NUMBER, 4), "description": "left, top, right, bottom"},
        "score": _SHARE,
        "success": _FLAG,
        "reason": {**_MAYBE_TEXT, "description": "why success is false: small, turned, blurred, edge"},
        "aus": {
            **_or_null({"type": "object", "propertyNames": _AU, "additionalProperties": _PER_AU}),
            "description": "by name, like AU12; null if success is false",
        },
        "order_p": _SHARE,
        "window_frames": {"type": "integer", "minimum": 0},
        "calibrated": _FLAG,
        "head": {**_or_null(_HEAD), "description": "null without a face mesh"},
        "gaze": {**_or_null(_GAZE), "description": "null without a face mesh; experimental"},
        "mesh_p": _SHARE,
    },
    {
        "landmarks_px": {**_or_null(_list(_list(_NUMBER))), "description": "with --landmarks"},
        "blendshapes": {
            **_or_null({"type": "object", "additionalProperties": _SHARE}),
            "description": "with --blendshapes",
        },
    },
)
_EVENT = _object(
    {"face_id": {"type": "integer"}, "au": _AU, "onset_s": _NUMBER, "end_s": _MAYBE_NUMBER, "peak": _SHARE},
)
_ANSWER = _object(
    {
        "stream": {**_TEXT, "description": "name of the stream"},
        "epoch": {"type": "integer", "minimum": 0, "description": "increases when the stream's clock restarts"},
        "frame": {"type": "integer", "minimum": 1, "description": "from 1; missing numbers are dropped frames"},
        "pts_s": {**_NUMBER, "description": "the time that was sent"},
        "time_s": {**_NUMBER, "description": "the same, continuous across epochs"},
        "captured_unix_s": {**_MAYBE_NUMBER, "description": "when the frame arrived, in seconds since 1970"},
        "picture": _MAYBE_TEXT,
        "unreadable": _MAYBE_TEXT,
        "latency_ms": {**_MAYBE_NUMBER, "description": "from the arrival of the frame to this result"},
        "faces": _list(ref("Face")),
        "events": {**_list(_EVENT), "description": "onsets and offsets at this frame"},
        "notes": _list(_TEXT),
        "experimental": _list(_AU),
    },
    about="One analysed frame: the object of `ks-live --jsonl`",
)
_HELLO = _object(
    {"format": {"enum": ["jpeg", "h264", "rtsp"]}},
    {
        "name": {**_TEXT, "description": "of the stream, in its answers"},
        "address": {**_TEXT, "description": "rtsp:// or rtsps://, with the format rtsp alone"},
    },
    about="The client's first message",
)
_READY = _object(
    {
        "type": {"const": "ready"},
        "aus": _list({"type": ["integer", "string"]}),
        "thresholds": {**_list(_NUMBER), "description": "in the order of aus"},
        "experimental": {
            **_list({"type": ["integer", "string"]}),
            "description": "AUs that are not shown to work on real faces",
        },
        "weights": {**_TEXT, "description": "id of the model's weights"},
        "engine": _TEXT,
        "version": _TEXT,
    },
    about="The server's answer to Hello",
)

SCHEMAS: Json = {
    "Hello": _HELLO,
    "Ready": _READY,
    "Answer": _ANSWER,
    "Face": _FACE,
    "Error": _object({"type": {"const": "error"}, "error": _TEXT}, about="One line; the server closes after it"),
    "Refusal": _object({"error": _TEXT}, about="One line: what came, what was wanted, what to do"),
}
