"""Glasses built from tubes (rims, bridge, arms) and lenses, to fit one neutral head."""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.assets.formats import Mesh

_ROUND = 6  # corners of a tube's cross-section
_ALONG = 40  # points along a rim


@dataclass(frozen=True, slots=True)
class Glasses:
    """The look of a pair of glasses. Sizes in dm, for a head of the base mesh's size."""

    width: float = 0.26  # half of a lens's width
    height: float = 0.20  # half of a lens's height
    square: float = 2.6  # exponent of the superellipse: 2 is an ellipse, 4 nearly a box
    thick: float = 0.014  # radius of the tubes
    rimless: bool = False
    colour: tuple[float, float, float] = (0.02, 0.02, 0.022)
    dark: float = 0.0  # how much the lenses darken: 0 is clear


def fit(look: Glasses, skin: F32, left_eye: F32, right_eye: F32, scale: float) -> tuple[Mesh, Mesh]:
    """Meshes of frame and lenses, in the head's coordinates (dm).

    skin: (V, 3) of the neutral head. left_eye, right_eye: (3,) centres of the eyeballs. scale: head size relative to
    the base mesh.
    """
    middle = (left_eye + right_eye) / 2
    near = (np.abs(skin[:, 1] - middle[1]) < 0.24 * scale) & (np.abs(skin[:, 0]) < 0.56 * scale)
    near &= np.abs(skin[:, 0]) > 0.16 * scale
    front = float(skin[near, 2].max()) + 0.035 * scale
    temple = (np.abs(skin[:, 1] - middle[1]) < 0.12 * scale) & (skin[:, 2] > middle[2] - 0.50 * scale)
    beside = float(np.abs(skin[temple, 0]).max()) + 0.01 * scale
    ears = np.array([beside, middle[1] + 0.03 * scale, middle[2] - 0.95 * scale])
    tubes, lenses = [], []
    for eye, sign in ((left_eye, 1.0), (right_eye, -1.0)):
        centre = np.array([eye[0] + sign * 0.02 * scale, eye[1] - 0.03 * scale, front])
        rim = _rim(look, scale) * (sign, 1, 1)
        rim[:, 2] -= 0.5 * np.maximum(rim[:, 0] * sign, 0) ** 2 / scale  # lenses curve slightly with the face
        ring = centre + rim
        lenses.append(ring)
        if not look.rimless:
            tubes.append(_tube(np.concatenate([ring, ring[:1]]), look.thick * scale))
        hinge = ring[int(np.argmax(ring[:, 0] * sign))] + np.array([0, 0.05 * scale, 0])
        bend = np.array(
            [sign * (0.6 * abs(hinge[0]) + 0.4 * max(beside, abs(hinge[0]))), hinge[1], hinge[2] - 0.12 * scale]
        )
        ear = ears * (sign, 1, 1)
        arm = np.stack([hinge, bend, ear, ear - np.array([0, 0.16 * scale, 0.16 * scale])])
        tubes.append(_tube(_finer(arm, 8), look.thick * scale))
    inner = [ring[int(np.argmin(np.abs(ring[:, 0])))] for ring in lenses]
    arch = np.stack([inner[0], (inner[0] + inner[1]) / 2 + np.array([0, 0.03 * scale, 0.03 * scale]), inner[1]])
    tubes.append(_tube(_finer(arch, 5), look.thick * scale))
    return _joined(tubes), _joined([_disc(ring) for ring in lenses])


def _rim(look: Glasses, scale: float) -> F32:
    angle = np.linspace(0, 2 * np.pi, _ALONG, endpoint=False)
    power = 2 / look.square
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * look.width
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * look.height
    return (np.stack([x, y, np.zeros_like(x)], 1) * scale).astype(np.float32)


def _finer(points: F32, times: int) -> F32:
    at = np.linspace(0, len(points) - 1, (len(points) - 1) * times + 1)
    return np.stack([np.interp(at, np.arange(len(points)), points[:, k]) for k in range(3)], 1)


def _tube(path: F32, radius: float) -> tuple[F32, np.ndarray]:
    """Vertices and triangles of a tube along the path (P, 3)."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.cross(along, [0.0, 0.31, 0.95])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * other[:, None]
    vertices = (path[:, None] + radius * ring).reshape(-1, 3)
    faces = []
    for i in range(len(path) - 1):
        for j in range(_ROUND):
            a, b = i * _ROUND + j, i * _ROUND + (j + 1) % _ROUND
            faces += [(a, b, a + _ROUND), (b, b + _ROUND, a + _ROUND)]
    return vertices.astype(np.float32), np.array(faces)


def _disc(ring: F32) -> tuple[F32, np.ndarray]:
    """A lens: a triangle fan that bulges slightly. A flat one would mirror a single point of the sky."""
    middle = ring.mean(0) + np.array([0, 0, 0.035])
    count = len(ring)
    faces = np.array([(count, i, (i + 1) % count) for i in range(count)])
    return np.concatenate([ring, middle[None]]).astype(np.float32), faces


def _joined(parts: list[tuple[F32, np.ndarray]]) -> Mesh:
    starts = np.cumsum([0, *(len(v) for v, _ in parts)])
    faces = np.concatenate([f + start for (_, f), start in zip(parts, starts[:-1], strict=True)]).astype(np.int32)
    nothing = np.zeros(len(faces), np.int32)
    uv = np.zeros((1, 2), np.float32)
    return Mesh(np.concatenate([v for v, _ in parts]), uv, faces, np.zeros_like(faces), nothing, ("",))
