"""Detects whether a file was written by knowledge-spreader; only such files are overwritten without --overwrite."""

import json
import os
from pathlib import Path

import av
import av.error

from knowledge_spreader.realtime.sinks.bids_tsv import HEADER as EVENTS_HEADER

VIDEO_MARK = "knowledge-spreader"  # in the metadata of a saved video or picture
_NOTE_BYTES = 128  # a saved picture has it there
_HEAD_BYTES = 1 << 16
_FIRST_COLUMNS = ("frame", "face_id", "timestamp", "confidence", "success")  # those of OpenFace, too
_OUR_COLUMNS = {"face_x", "order_p", "window_frames", "stream", "epoch"}
_JSONL_KEYS = {"stream", "epoch", "frame", "pts_s", "faces", "events"}
_REPORT_KEYS = {"frames", "sources", "engine", "model", "latency_ms"}


def is_ours(path: Path) -> bool:
    """Decides by the first bytes, not by the name. An empty file counts as ours."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    if not head:
        return True
    if head[:4] == b"PAR1":
        return _is_our_parquet(path)
    if head[:2] == b"\xff\xd8" or head[:4] == b"\x89PNG":
        return VIDEO_MARK.encode() in head[:_NOTE_BYTES]
    text = head.decode("utf-8", "replace")
    return _is_our_table(text) or _is_our_json(text) or _is_our_elan(text) or _is_our_video(path, head)


def _is_our_table(text: str) -> bool:
    first = text.partition("\n")[0]
    if tuple(first.split("\t")) == EVENTS_HEADER:
        return True
    return _are_our_columns([cell.strip() for cell in first.split(",")])


def _are_our_columns(names: list[str]) -> bool:
    return tuple(names[: len(_FIRST_COLUMNS)]) == _FIRST_COLUMNS and set(names) >= _OUR_COLUMNS


def _is_our_json(text: str) -> bool:
    """A line of --jsonl, a --report, the sidecar of --events, or a journal of --events."""
    if text[:1] != "{":
        return False
    try:
        found = json.loads(text.partition("\n")[0])
    except ValueError:
        try:
            found = json.loads(text)
        except ValueError:
            return False
    keys = set(found)
    generated = found.get("GeneratedBy", [{}])
    by_us = isinstance(generated, list) and any(VIDEO_MARK in str(entry) for entry in generated)
    return keys >= _JSONL_KEYS or keys >= _REPORT_KEYS or by_us or keys >= {"trial_type", "face_id", "peak"}


def _is_our_elan(text: str) -> bool:
    return "<ANNOTATION_DOCUMENT" in text and f'AUTHOR="{VIDEO_MARK}"' in text


def _is_our_parquet(path: Path) -> bool:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        return False
    try:
        with path.open("rb") as file:  # pyarrow opens no names that are not UTF-8
            names = pq.read_schema(file).names
    except (OSError, ValueError):
        return False
    return _are_our_columns(names)


def _is_our_video(path: Path, head: bytes) -> bool:
    if head[4:8] != b"ftyp" and head[:4] != b"\x1aE\xdf\xa3":  # MP4 and MOV; Matroska
        return False
    try:
        with av.open(os.path.abspath(path)) as container:  # FFmpeg reads text before a colon as a protocol
            return any(VIDEO_MARK in value for value in container.metadata.values())
    except (av.error.FFmpegError, OSError):
        return False
