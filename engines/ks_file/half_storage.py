"""Stores weights as fp16: large fp32 tensors are cut out of a graph and restored bit by bit when it is read.

Only tensors that fp16 represents exactly are cut, so this is lossless; engines/export/to_onnx.py does the rounding.
ONNX's own way, an fp16 initializer and a Cast, hides the weights from code that looks for them by name: the torch
engine, the int8 quantiser (two quantised tensors instead of nine) and the roofline. Restored here, the graph is a plain
fp32 graph, and neither onnx nor protobuf is needed to read it.
"""

from collections.abc import Iterator, Sequence

import numpy as np

Span = tuple[int, int]  # of a tensor that was cut out: first byte in the whole graph, number of values

LEAST_VALUES = 1024  # biases and norms stay fp32: they are small, and one of them contains the calibration
_GRAPH, _INITIALIZER, _DATA_TYPE, _RAW_DATA, _FLOAT = 7, 5, 2, 9, 1  # onnx.proto: ModelProto.graph, GraphProto. ...
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # the wire types of protocol buffers


def cut(graph: bytes) -> tuple[bytes, tuple[Span, ...]]:
    """The graph with each large fp32 tensor in fp16 where that is exact, and the spans of these tensors.

    Data that is not an ONNX graph is returned unchanged.
    """
    parts: list[bytes] = []
    spans: list[Span] = []
    done = 0
    for start, stop in _float_tensors(graph):
        values = np.frombuffer(graph, "<f4", (stop - start) // 4, start)
        with np.errstate(over="ignore"):
            half = values.astype("<f2")
        if half.astype("<f4").tobytes() == graph[start:stop]:  # bytes: -0 and 0 differ
            parts += [graph[done:start], half.tobytes()]
            spans.append((start, len(values)))
            done = stop
    return b"".join([*parts, graph[done:]]), tuple(spans)


def whole(stored: bytes, spans: Sequence[Span]) -> bytes:
    """Inverse of cut. Raises ValueError unless the spans are in order and inside the graph."""
    view = memoryview(stored)  # avoids copies: a graph can have 100 MB
    parts: list[memoryview] = []
    at = done = 0  # at: position in `stored`; done: position in the whole graph
    for start, count in spans:
        before = start - done
        if before < 0 or count < 0 or at + before + 2 * count > len(stored):
            raise ValueError(f"{count} values at byte {start} do not fit in the stored graph")
        parts.append(view[at : at + before])
        parts.append(np.frombuffer(stored, "<f2", count, at + before).astype("<f4").data.cast("B"))
        at, done = at + before + 2 * count, start + 4 * count
    return b"".join([*parts, view[at:]]) if spans else stored


def _float_tensors(graph: bytes) -> list[Span]:
    """(first byte, one past the last) of the raw data of each large fp32 initializer; none in a broken graph."""
    found = []
    try:
        for number, _, start, stop in _fields(graph, 0, len(graph)):
            if number != _GRAPH:
                continue
            for inner, _, first, last in _fields(graph, start, stop):
                if inner == _INITIALIZER:
                    tensor = {n: (value, a, b) for n, value, a, b in _fields(graph, first, last)}
                    value, a, b = tensor.get(_DATA_TYPE, (0, 0, 0))[0], *tensor.get(_RAW_DATA, (0, 0, 0))[1:]
                    if value == _FLOAT and b - a >= 4 * LEAST_VALUES and (b - a) % 4 == 0:
                        found.append((a, b))
    except (IndexError, ValueError):
        return []
    return found


def _fields(data: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, value, first byte, one past the last) of each field of a message.

    The value is set for varints only, the byte range for all. Raises ValueError or IndexError on a broken message.
    """
    while at < stop:
        key, at = _varint(data, at)
        kind, value, end = key & 7, 0, at
        if kind == _VARINT:
            value, end = _varint(data, at)
        elif kind == _BYTES:
            length, at = _varint(data, at)
            end = at + length
        elif kind in (_FIXED32, _FIXED64):
            end = at + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {kind}")
        if end > stop:
            raise ValueError("a field ends after its message")
        yield key >> 3, value, at, end
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | data[at] << shift, at + 1
