"""Meshes as OpenGL draws them: one vertex per pair of position and texture coordinate, with normals and tangents."""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.synth.assets.formats import Mesh


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles to draw. A mesh vertex with several texture coordinates becomes several drawn vertices."""

    corner: I32  # (R,) drawn vertex -> mesh vertex
    uv: F32  # (R, 2)
    triangles: I32  # (F, 3) into drawn vertices
    faces: I32  # (F, 3) into vertices
    around: I32  # (V, K) faces at each vertex, padded with F

    def normals(self, vertices: F32) -> F32:
        """(V, 3) unit normals of vertices (V, 3), weighted by area; smooth across texture seams."""
        a, b, c = (np.take(vertices, self.faces[:, k], 0).T for k in range(3))
        u, v = b - a, c - a
        crossed = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        at = self.faces.T.ravel()
        summed = np.stack([np.bincount(at, np.tile(side, 3), len(vertices)) for side in crossed], 1)
        length = np.sqrt(np.einsum("vk,vk->v", summed, summed))[:, None]
        return np.asarray(summed / (length + 1e-12), np.float32)

    def tangents(self, vertices: F32) -> F32:
        """(V, 3) unit directions in which the texture's v grows, which is along the strands of hair."""
        a, b, c = (vertices[self.faces[:, k]] for k in range(3))
        ta, tb, tc = (self.uv[self.triangles[:, k]] for k in range(3))
        du1, dv1 = (tb - ta).T
        du2, dv2 = (tc - ta).T
        area = du1 * dv2 - du2 * dv1
        along = ((c - a) * du1[:, None] - (b - a) * du2[:, None]) * np.sign(area)[:, None]
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-12
        summed = np.concatenate([along, np.zeros((1, 3))]).astype(np.float32)[self.around].sum(1)
        return np.asarray(summed / (np.linalg.norm(summed, axis=1, keepdims=True) + 1e-12), np.float32)


def surface(mesh: Mesh, keep_faces: np.ndarray | None = None) -> tuple[Surface, I32]:
    """The surface of a mesh, or of some of its faces, and (V,) the mesh vertices that it uses."""
    faces, faces_uv = mesh.faces, mesh.faces_uv
    if keep_faces is not None:
        faces, faces_uv = faces[keep_faces], faces_uv[keep_faces]
    used, flat = np.unique(faces, return_inverse=True)
    faces = flat.reshape(-1, 3).astype(np.int32)
    pairs = np.stack([faces.ravel(), faces_uv.ravel()], 1)
    drawn, drawn_flat = np.unique(pairs, axis=0, return_inverse=True)
    around = _faces_around(faces, len(used))
    triangles = drawn_flat.reshape(-1, 3).astype(np.int32)
    corner = drawn[:, 0].astype(np.int32)
    return Surface(corner, mesh.uv[drawn[:, 1]], triangles, faces, around), used.astype(np.int32)


def _faces_around(faces: I32, count: int) -> I32:
    vertex = faces.ravel()
    order = np.argsort(vertex, kind="stable")
    face = np.repeat(np.arange(len(faces), dtype=np.int32), 3)[order]
    vertex = vertex[order]
    degree = np.bincount(vertex, minlength=count)
    starts = np.concatenate([[0], np.cumsum(degree)[:-1]])
    around = np.full((count, int(degree.max())), len(faces), np.int32)
    around[vertex, np.arange(len(vertex)) - starts[vertex]] = face
    return around


def turned(vertices: F32, pivot: F32, rotation: F32, share: F32) -> F32:
    """vertices (V, 3) rotated about pivot (3,) by share (V,) or (1,) of the rotation vector (3,), in radians.

    Shares between 0 and 1 bend the neck. Rodrigues' formula.
    """
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-7:
        return vertices
    axis = (rotation / angle).astype(np.float32)
    across = np.array([[0, axis[2], -axis[1]], [-axis[2], 0, axis[0]], [axis[1], -axis[0], 0]], np.float32)
    along = np.outer(axis, axis)
    part = (vertices - pivot).astype(np.float32)
    cos, sin = (f(np.asarray(angle * share, np.float32))[:, None] for f in (np.cos, np.sin))
    if len(share) == 1:
        return np.asarray(
            pivot + part @ (np.eye(3, dtype=np.float32) * cos + across * sin + along * (1 - cos)), np.float32
        )
    return np.asarray(pivot + part * cos + (part @ across) * sin + (part @ along) * (1 - cos), np.float32)
