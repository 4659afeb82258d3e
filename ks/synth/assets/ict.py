"""Transfers ICT-FaceKit's scanned expressions to MakeHuman's mesh (hm08).

1. A spline through the mirrored pairs of ict_points warps hm08 into ICT's space.
2. In three rounds each vertex moves towards the nearest ICT points with a similar normal; the moves are smoothed over
   the mesh.
3. Each vertex takes the displacement of the ICT points it lies on, mapped back through the warp's affine part.
4. Vertices that lie on nothing (inside mouth, nose and eye sockets) take the mean of their neighbours.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.synth.assets.formats import Mesh, read_obj
from knowledge_spreader.synth.assets.ict_points import pairs
from knowledge_spreader.synth.assets.mesh_buffers import surface

_SKIN = 11_248  # ICT's first vertices are face, head and neck
_NOT_EXPRESSIONS = ("identity", "generic_neutral_mesh")
_REACH = 0.35  # ICT units (about 1 cm): a vertex farther than this from ICT's points lies on nothing
_LOWEST_DM = 5.6  # below this height (shoulders) nothing moves
_LASHES = slice(14_742, 14_992)  # helper vertices of hm08
_SMALLEST_DM = 2e-4  # smaller displacements are dropped


@dataclass(frozen=True, slots=True, eq=False)
class Ict:
    """ICT's neutral face and its expressions."""

    neutral: F32  # (V, 3) ICT units
    faces: I32  # (F, 3)
    moves: dict[str, F32]  # name -> (V, 3) displacements


def read_ict(files: Sequence[Path]) -> Ict:
    """Reads one packed .npz, or FaceXModel/*.obj of the public repository. Raises MissingError or DataError."""
    if len(files) == 1 and files[0].suffix == ".npz":
        try:
            with np.load(files[0]) as z:
                moves = {
                    str(n): m[:_SKIN].astype(np.float32)
                    for n, m in zip(z["expression_names"], z["expression"], strict=True)
                }
                return _skin_only(z["neutral"], z["faces"], moves)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as exc:
            raise DataError(f"{files[0]}: not an ICT face model ({exc}); copy the asset folder again") from exc
    found = {path.stem: path for path in files}
    if "generic_neutral_mesh" not in found:
        raise MissingError(
            "ict_facekit: neither ict_facekit_compact.npz nor FaceXModel/generic_neutral_mesh.obj is there; "
            "copy the asset folder again"
        )
    neutral = read_obj(found["generic_neutral_mesh"])
    shapes = {name: path for name, path in found.items() if not name.startswith(_NOT_EXPRESSIONS)}
    moves = {name: read_obj(path).vertices[:_SKIN] - neutral.vertices[:_SKIN] for name, path in shapes.items()}
    return _skin_only(neutral.vertices, neutral.faces, moves)


def _skin_only(neutral: F32, faces: I32, moves: dict[str, F32]) -> Ict:
    return Ict(neutral[:_SKIN].astype(np.float32), faces[(faces < _SKIN).all(1)].astype(np.int32), moves)


def carry_over(ict: Ict, base: Mesh) -> dict[str, tuple[I32, F32]]:
    """ "ict/<name>" -> the shape on hm08: vertex numbers (n,) and displacements (n, 3) in dm."""
    body = surface(
        base, (base.group == base.group_names.index("body")) & (base.vertices[base.faces][..., 1].min(1) > _LOWEST_DM)
    )
    mesh, vertices = body
    rest = base.vertices[vertices]
    warp = _spline(base.vertices, ict.neutral)
    placed = warp(rest)
    mean = _neighbours(mesh.faces, len(rest))
    target = surface(_as_mesh(ict))[0]
    target_normals = np.zeros_like(ict.neutral)
    target_normals[: target.around.shape[0]] = target.normals(ict.neutral[np.unique(ict.faces)])
    for _ in range(3):
        index, weight, away = _nearest(placed, mesh.normals(placed), ict.neutral, target_normals)
        pull = np.einsum("vk,vkc->vc", weight, ict.neutral[index]) - placed
        pull[away > 4 * _REACH] = 0
        for _ in range(4):
            pull = 0.5 * pull + 0.5 * mean @ pull
        placed = placed + pull
    index, weight, away = _nearest(placed, mesh.normals(placed), ict.neutral, target_normals)
    on_it = away < _REACH
    back = np.linalg.inv(warp.slope)
    fade = np.clip((rest[:, 1] - _LOWEST_DM) / 0.5, 0, 1)
    carried = np.stack([np.einsum("vk,vkc->vc", weight, moves[index]) @ back.T for moves in ict.moves.values()], 1)
    carried = _filled(mean, carried.reshape(len(rest), -1).astype(np.float32), on_it) * fade[:, None]
    lash_from, lash_share = _lash_roots(base.vertices, vertices, rest)
    found = {}
    for name, moves in zip(ict.moves, carried.reshape(len(rest), -1, 3).swapaxes(0, 1), strict=True):
        whole = np.zeros_like(base.vertices)
        whole[vertices] = moves
        whole[_LASHES] = np.einsum("lk,lkc->lc", lash_share, whole[lash_from])
        moved = np.flatnonzero(np.abs(whole).max(1) > _SMALLEST_DM).astype(np.int32)
        found[f"ict/{name}"] = moved, whole[moved]
    return found


def _as_mesh(ict: Ict) -> Mesh:
    nothing = np.zeros((len(ict.faces), 3), np.int32)
    return Mesh(ict.neutral, np.zeros((1, 2), np.float32), ict.faces, nothing, nothing[:, 0], ("",))


class _spline:  # noqa: N801 - a function with fitted coefficients
    """hm08 in dm -> ICT units: an affine map plus a bend |r|, fitted to the pairs with slight smoothing."""

    def __init__(self, here: F32, there: F32) -> None:
        flip = np.array([-1, 1, 1])
        ours, theirs = (np.array(side) for side in zip(*pairs(), strict=True))
        a, b = here[ours].astype(np.float64), there[theirs].astype(np.float64)
        off_middle = np.abs(a[:, 0]) > 0.01
        self._knots = np.concatenate([a, a[off_middle] * flip])
        values = np.concatenate([b, b[off_middle] * flip])
        count = len(self._knots)
        kernel = self._kernel(self._knots) - 0.02 * np.eye(count)  # smoothing; minus because |r| is negative definite
        ones = np.concatenate([self._knots, np.ones((count, 1))], 1)
        system = np.block([[kernel, ones], [ones.T, np.zeros((4, 4))]])
        self._solved = np.linalg.solve(system, np.concatenate([values, np.zeros((4, 3))]))
        flat = np.linalg.lstsq(ones, values, rcond=None)[0]
        self.slope = flat[:3].T  # (3, 3) of the best affine map; the bend's own slope is no better near the knots

    def _kernel(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(points[:, None] - self._knots[None], axis=-1))

    def __call__(self, points: F32) -> F32:
        ones = np.ones((len(points), 1))
        return np.asarray(np.concatenate([self._kernel(points), points, ones], 1) @ self._solved, np.float32)


def _nearest(points: F32, normals: F32, there: F32, there_normals: F32) -> tuple[np.ndarray, F32, F32]:
    """For each point the 4 nearest of `there` with a similar normal: (V, 4) indices, (V, 4) weights that sum to 1,
    and (V,) the distance to the nearest.
    """
    index = np.empty((len(points), 4), np.int64)
    cost = np.empty((len(points), 4), np.float32)
    order, height = np.argsort(points[:, 1]), there[:, 1]
    for first in range(0, len(points), 192):  # a slice of the head at a time
        rows = order[first : first + 192]
        p, n = points[rows], normals[rows]
        slice_of = np.flatnonzero((height > p[0, 1] - 2 * _REACH - 1) & (height < p[-1, 1] + 2 * _REACH + 1))
        slice_of = slice_of if len(slice_of) > 4 else np.arange(len(there))
        q = there[slice_of]
        apart = (p**2).sum(1)[:, None] + (q**2).sum(1) - 2 * p @ q.T
        apart += 1.5 * np.maximum(0.6 - n @ there_normals[slice_of].T, 0)  # keeps upper and lower lip apart
        best = np.argpartition(apart, 4, axis=1)[:, :4]
        index[rows] = slice_of[best]
        cost[rows] = np.take_along_axis(apart, best, 1)
    weight = 1 / (np.maximum(cost, 0) + 1e-3)
    return index, weight / weight.sum(1, keepdims=True), np.sqrt(np.maximum(cost.min(1), 0))


def _neighbours(faces: I32, count: int) -> np.ndarray:
    """(V, V) matrix that takes the mean over each vertex's neighbours along edges."""
    joined = np.zeros((count, count), np.float32)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        joined[faces[:, a], faces[:, b]] = joined[faces[:, b], faces[:, a]] = 1
    return np.asarray(joined / np.maximum(joined.sum(1, keepdims=True), 1))


def _filled(mean: np.ndarray, values: F32, known: np.ndarray) -> F32:
    """Values (V, n) with each unknown one replaced by the mean of its neighbours."""
    unknown = np.flatnonzero(~known)
    system = np.eye(len(unknown)) * 1.0001 - mean[np.ix_(unknown, unknown)]
    filled = values.copy()
    filled[unknown] = np.linalg.solve(system, mean[np.ix_(unknown, np.flatnonzero(known))] @ values[known])
    return filled


def _lash_roots(base: F32, vertices: I32, rest: F32) -> tuple[np.ndarray, F32]:
    """The three skin vertices nearest to each lash vertex, and their weights."""
    apart = np.linalg.norm(base[_LASHES][:, None] - rest[None], axis=-1)
    near = np.argpartition(apart, 3, axis=1)[:, :3]
    weight = 1 / (np.take_along_axis(apart, near, 1) + 1e-3) ** 2
    return vertices[near], (weight / weight.sum(1, keepdims=True)).astype(np.float32)
