"""Ambient occlusion of a neutral head, from depth maps seen from many directions. Computed once per person."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.rendering.camera import lamp_view
from knowledge_spreader.synth.rendering.gl import put
from knowledge_spreader.synth.rendering.head import Layer, Moved

_SIDES = 72
_MAP_PX = 192
_BIAS = 0.012  # of the depth range


class Drawable(Protocol):
    layer: Layer
    texture: Any

    def draw(self, program: str) -> None: ...


def sky_share(gl: Any, layers: Mapping[str, Drawable], moved: Mapping[str, Moved], depth: Any) -> dict[str, F32]:
    """Layer -> (V,) cosine-weighted share of the hemisphere over each vertex that skin and hair leave free."""
    centre = _centre(moved["skin"].position)
    total = {name: np.zeros(len(m.position), np.float32) for name, m in moved.items()}
    weight = {name: np.full(len(m.position), 1e-6, np.float32) for name, m in moved.items()}
    target = gl.framebuffer(depth_attachment=gl.depth_renderbuffer((_MAP_PX, _MAP_PX)))
    target.use()
    for direction in _sphere(_SIDES):
        matrix = lamp_view(centre, direction, 2.9)
        target.clear(depth=1.0)
        for name in ("skin", "hair"):
            if name in layers:
                gl.enable_only(gl.DEPTH_TEST | (gl.CULL_FACE if name == "skin" else 0))  # hair has two sides
                put(
                    depth,
                    {"view_projection": matrix.T, "inflate": 0.0, "low": 0.5 if name == "hair" else 0.0, "picture": 0},
                )
                layers[name].texture.use(0)
                layers[name].draw("depth")
        nearest = np.frombuffer(target.read(attachment=-1, dtype="f4", components=1), np.float32).reshape(
            _MAP_PX, _MAP_PX
        )
        for name, m in moved.items():
            cosine = m.normal @ direction
            facing = np.abs(cosine) if name == "hair" else np.maximum(cosine, 0)
            at = (m.position @ matrix[:3, :3].T + matrix[:3, 3]) * 0.5 + 0.5
            column, row = (np.clip((at[:, k] * _MAP_PX).astype(int), 0, _MAP_PX - 1) for k in (0, 1))
            bias = 3.0 * _BIAS if name == "hair" else _BIAS
            seen = (at[:, 2] - bias <= nearest[row, column]) | (direction[1] < -0.9)
            total[name] += facing * seen
            weight[name] += facing
    target.release()
    shares = {name: total[name] / weight[name] for name in total}
    for name in ("brows", "lashes"):
        shares[name] = np.full_like(shares[name], 0.8)
    return shares


def _centre(skin: F32) -> F32:
    top = skin[:, 1].max()
    head = skin[skin[:, 1] > top - 2.4]
    return np.asarray((head.min(0) + head.max(0)) / 2, np.float32)


def _sphere(count: int) -> F32:
    """(count, 3) evenly spread directions (Fibonacci spiral), without the lowest ones, where the body is."""
    k = np.arange(count) + 0.5
    y = 1 - 1.85 * k / count
    angle = k * 2.399963
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(angle), y, ring * np.sin(angle)], 1).astype(np.float32)
