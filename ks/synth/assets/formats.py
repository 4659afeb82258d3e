"""Reads MakeHuman's text files: .obj meshes, .target shapes and .mhclo fits."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.errors import DataError, MissingError

Colour = tuple[float, float, float]  # linear RGB


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangles over vertices, with a second index into texture coordinates. Quads are cut along one diagonal."""

    vertices: F32  # (V, 3)
    uv: F32  # (T, 2) texture coordinates, v upwards
    faces: I32  # (F, 3) into vertices
    faces_uv: I32  # (F, 3) into uv
    group: I32  # (F,) into group_names
    group_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How an asset sits on the base mesh. Each vertex lies at sum(weights * base[index]) + offset * scale."""

    index: I32  # (A, 3)
    weights: F32  # (A, 3)
    offset: F32  # (A, 3)
    scale: tuple[tuple[int, int, float], ...]  # per axis: two base vertices and their distance on the resting mesh


def read_text(path: Path) -> str:
    """The text of a file, or of the same name with .gz added. Raises MissingError, or DataError if it is cut off."""
    packed = path.with_name(path.name + ".gz")
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
        return gzip.decompress(packed.read_bytes()).decode(errors="replace")
    except FileNotFoundError as exc:
        raise MissingError(f"{path}: no such file, nor one ending in .gz; copy the asset folder again") from exc
    except (OSError, EOFError) as exc:
        raise DataError(f"{path}: cannot be read to its end ({exc}); copy the asset folder again") from exc


def read_obj(path: Path) -> Mesh:
    """A Wavefront .obj mesh. Raises MissingError or DataError."""
    vertices, uv, faces, faces_uv, group, names = [], [], [], [], [], [""]
    try:
        for line in read_text(path).splitlines():
            key, _, rest = line.partition(" ")
            if key == "v":
                vertices.append([float(x) for x in rest.split()[:3]])
            elif key == "vt":
                uv.append([float(x) for x in rest.split()[:2]])
            elif key == "g":
                names.append(rest.strip())
            elif key == "f":
                corners = [corner.split("/") for corner in rest.split()]
                v = [int(c[0]) - 1 for c in corners]
                t = [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners]
                for second in range(1, len(v) - 1):
                    faces.append((v[0], v[second], v[second + 1]))
                    faces_uv.append((t[0], t[second], t[second + 1]))
                    group.append(len(names) - 1)
    except (ValueError, IndexError) as exc:
        raise DataError(f"{path}: not a complete mesh ({exc}); copy the asset folder again") from exc
    if not faces or max(map(max, faces)) >= len(vertices):
        raise DataError(f"{path}: its faces need more than {len(vertices)} vertices; copy the asset folder again")
    return Mesh(
        np.array(vertices, np.float32).reshape(-1, 3),
        np.array(uv or [[0, 0]], np.float32).reshape(-1, 2),
        np.array(faces, np.int32),
        np.array(faces_uv, np.int32),
        np.array(group, np.int32),
        tuple(names),
    )


def read_target(path: Path) -> tuple[I32, F32]:
    """(n,) vertex numbers and (n, 3) displacements. n may be 0: MakeHuman's average shapes move nothing."""
    words = " ".join(line for line in read_text(path).splitlines() if not line.startswith("#")).split()
    try:
        rows = np.array(words, np.float64).reshape(-1, 4)
    except ValueError as exc:
        raise DataError(
            f"{path}: a row is not a vertex and three numbers ({exc}); copy the asset folder again"
        ) from exc
    return rows[:, 0].astype(np.int32), rows[:, 1:].astype(np.float32)


def read_mhclo(path: Path) -> Fit:
    """How an asset sits on the base mesh. Some files (braid01, eyebrow010) have keys between `verts` and the rows."""
    index: list[tuple[int, ...]] = []
    weights: list[tuple[float, ...]] = []
    offset: list[tuple[float, ...]] = []
    scale: dict[str, tuple[int, int, float]] = {}
    rows = False
    try:
        for line in read_text(path).splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] in ("weights", "delete_verts"):
                rows = False
            elif words[0] == "verts":
                rows = True
            elif words[0] in ("x_scale", "y_scale", "z_scale"):
                scale[words[0][0]] = int(words[1]), int(words[2]), float(words[3])
            elif rows and words[0].isdigit():
                if len(words) == 1:  # a copy of a base vertex
                    words = [*words, words[0], words[0], "1", "0", "0", "0", "0", "0"]
                index.append(tuple(int(x) for x in words[:3]))
                weights.append(tuple(float(x) for x in words[3:6]))
                offset.append(tuple(float(x) for x in words[6:9]))
        fit = Fit(
            np.array(index, np.int32).reshape(-1, 3),
            np.array(weights, np.float32).reshape(-1, 3),
            np.array(offset, np.float32).reshape(-1, 3),
            tuple(scale.get(axis, (0, 0, 0.0)) for axis in "xyz"),
        )
    except (ValueError, IndexError) as exc:
        raise DataError(f"{path}: a row is not a fit ({exc}); copy the asset folder again") from exc
    if not len(fit.index):
        raise DataError(f"{path}: no rows of a fit; copy the asset folder again")
    return fit
