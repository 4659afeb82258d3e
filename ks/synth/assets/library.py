"""Loads the asset folder. Meshes, shapes and fits are cached in one .npz; pictures stay files, known by their path."""

import hashlib
import logging
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import platformdirs

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.files import whole_file
from knowledge_spreader.synth.assets.formats import Fit, Mesh, read_mhclo, read_obj, read_target
from knowledge_spreader.synth.assets.ict import carry_over, read_ict

log = logging.getLogger(__name__)

_VERSION = 1  # raise it when the cache's content changes
CORE = "makehuman/core"
BASE = "makehuman/assets/base"
_DETAILS = ("asym", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
RACES = ("african", "asian", "caucasian")
GENDERS = ("female", "male")
AGES = ("baby", "child", "young", "old")
LEVELS = ("min", "average", "max")


@dataclass(frozen=True, slots=True, eq=False)
class Wear:
    """Something that sits on the base mesh: eyes, teeth, tongue, a brow, lashes, hair."""

    mesh: Mesh
    fit: Fit
    picture: Path | None  # None where none is published


@dataclass(frozen=True, slots=True, eq=False)
class Assets:
    """Everything a face is made of. Shapes are named macro/.., units/<race>/.., arkit/.., ict/.., nose/.. etc."""

    folder: Path
    base: Mesh  # hm08, all 19,158 vertices
    targets: Mapping[str, tuple[I32, F32]]  # shape -> vertex numbers (n,), displacements (n, 3) in dm
    wear: Mapping[str, Wear]  # by name, such as "hair/long01"
    skins: Mapping[str, Path]
    irises: Mapping[str, Path]
    lights: Mapping[str, Path]
    digest: str  # of the content of all meshes, shapes and fits


def load_assets(folder: Path) -> Assets:
    """Loads the asset folder. Raises MissingError or DataError, naming the first file that is missing or cut off."""
    if not (folder / CORE).is_dir():
        raise MissingError(f"{folder}: not an asset folder (it has no {CORE}); --assets wants the one with makehuman/")
    shapes = _shape_files(folder)
    wear = _wear_files(folder)
    files = [folder / CORE / "3dobjs/base.obj", *shapes.values(), *wear.values()]
    files += [path.with_suffix(".obj") for path in wear.values()]
    ict = _ict_files(folder)
    key = _key([*files, *ict], folder)
    cache = Path(platformdirs.user_cache_dir("knowledge-spreader")) / "synth" / f"{key}.npz"
    pictures = _Pictures.of(folder)
    arrays = _read_cache(cache)
    if arrays is None:
        log.info("reading %d asset files; cached in %s", len(files), cache)
        arrays = _build(folder, shapes, wear, ict)
        arrays["digest"] = np.array(_content_digest([*files, *ict], folder))
        _write_cache(cache, arrays)
    return _assembled(folder, arrays, wear, pictures)


def _shape_files(folder: Path) -> dict[str, Path]:
    """Short name -> file. The macro shapes, which every face needs, are named; the others are listed from folders."""
    core = folder / CORE / "targets"
    named: dict[str, Path] = {}
    for gender in GENDERS:
        for age in AGES:
            names = [f"{race}-{gender}-{age}" for race in RACES]
            names += [f"universal-{gender}-{age}-{m}muscle-{w}weight" for m in LEVELS for w in LEVELS]
            named |= {f"macro/{name}": core / "macrodetails" / f"{name}.target" for name in names}
    for race in RACES:
        named |= {f"units/{race}/{p.stem}": p for p in _listed(core / "expression/units" / race, "*.target")}
    for detail in _DETAILS:
        named |= {f"{detail}/{p.stem}": p for p in _listed(core / detail, "*.target")}
    extra = folder / "makehuman/extra_targets/assets"
    named |= {f"arkit/{p.stem}": p for p in _listed(extra / "faceunits01/targets/faceunits", "*.target")}
    named |= {f"viseme/{p.stem}": p for p in _listed(extra / "visemes02/targets/visemes", "*.target")}
    return named


def _wear_files(folder: Path) -> dict[str, Path]:
    named = {"eyes/high-poly": folder / CORE / "eyes/high-poly/high-poly.mhclo"}
    for kind in ("eyebrows", "eyelashes", "hair", "teeth", "tongue"):
        named |= {f"{kind}/{p.stem}": p for p in _listed(folder / BASE / kind, "*/*.mhclo")}
    return named


def _ict_files(folder: Path) -> list[Path]:
    compact = folder / "ict_facekit/ict_facekit_compact.npz"
    return [compact] if compact.is_file() else _listed(folder / "ict_facekit/FaceXModel", "*.obj")


def _listed(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise MissingError(f"{folder}: no {pattern} in it; copy the asset folder again")
    return found


def _build(
    folder: Path, shapes: Mapping[str, Path], wear: Mapping[str, Path], ict: list[Path]
) -> dict[str, np.ndarray]:
    base = read_obj(folder / CORE / "3dobjs/base.obj")
    arrays = _mesh_arrays("base", base)
    targets = {name: read_target(path) for name, path in shapes.items()}
    targets |= carry_over(read_ict(ict), base)
    arrays["target_names"] = np.array(list(targets))
    arrays["target_ends"] = np.cumsum([len(index) for index, _ in targets.values()])
    arrays["target_index"] = np.concatenate([index for index, _ in targets.values()])
    arrays["target_move"] = np.concatenate([move for _, move in targets.values()])
    if arrays["target_index"].max() >= len(base.vertices):
        raise DataError(
            f"{folder}: a shape names a vertex that base.obj lacks, so the files are of different versions; "
            "copy the asset folder again"
        )
    for name, path in wear.items():
        mesh, fit = read_obj(path.with_suffix(".obj")), read_mhclo(path)
        if len(mesh.vertices) != len(fit.index):
            raise DataError(
                f"{path}: {len(fit.index)} rows for {len(mesh.vertices)} vertices; copy the asset folder again"
            )
        arrays |= _mesh_arrays(name, mesh)
        arrays[f"{name}:index"], arrays[f"{name}:weights"], arrays[f"{name}:offset"] = (
            fit.index,
            fit.weights,
            fit.offset,
        )
        arrays[f"{name}:scale"] = np.array(fit.scale)
    return arrays


def _mesh_arrays(name: str, mesh: Mesh) -> dict[str, np.ndarray]:
    parts = {"v": mesh.vertices, "uv": mesh.uv, "f": mesh.faces, "fuv": mesh.faces_uv, "g": mesh.group}
    return {f"{name}:{part}": array for part, array in parts.items()} | {f"{name}:gn": np.array(mesh.group_names)}


def _mesh_of(name: str, arrays: Mapping[str, np.ndarray]) -> Mesh:
    v, uv, f, fuv, g = (arrays[f"{name}:{part}"] for part in ("v", "uv", "f", "fuv", "g"))
    return Mesh(v, uv, f, fuv, g, tuple(str(x) for x in arrays[f"{name}:gn"]))


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Pictures by short name. Listed before anything is read, so that a missing folder is reported at once."""

    skins: Mapping[str, Path]
    irises: Mapping[str, Path]
    lights: Mapping[str, Path]

    @classmethod
    def of(cls, folder: Path) -> Self:
        skins = _listed_pictures(folder / BASE / "skins/textures", "*diffuse*")
        irises = _listed_pictures(folder / BASE / "eyes/materials", "*_eye")
        irises += _listed_pictures(folder / CORE / "eyes/materials", "*_eye")
        return cls(
            {p.stem.replace("_diffuse", ""): p for p in skins},
            {p.stem.removesuffix("_eye"): p for p in irises},
            {p.stem.rsplit("_", 1)[0]: p for p in _listed(folder / "hdri", "*.hdr")},
        )


def _assembled(folder: Path, arrays: Mapping[str, np.ndarray], wear: Mapping[str, Path], pictures: _Pictures) -> Assets:
    ends = arrays["target_ends"]
    index, move = arrays["target_index"], arrays["target_move"]
    starts = np.concatenate([[0], ends[:-1]])
    targets = {
        str(name): (index[a:b], move[a:b]) for name, a, b in zip(arrays["target_names"], starts, ends, strict=True)
    }
    worn = {
        name: Wear(
            _mesh_of(name, arrays),
            Fit(
                arrays[f"{name}:index"],
                arrays[f"{name}:weights"],
                arrays[f"{name}:offset"],
                tuple((int(a), int(b), float(d)) for a, b, d in arrays[f"{name}:scale"]),
            ),
            _picture(path),
        )
        for name, path in wear.items()
    }
    base = _mesh_of("base", arrays)
    return Assets(folder, base, targets, worn, pictures.skins, pictures.irises, pictures.lights, str(arrays["digest"]))


def _listed_pictures(folder: Path, pattern: str) -> list[Path]:
    found = [p for p in sorted(folder.glob(f"{pattern}.*")) if p.suffix in (".png", ".jpg")]
    if not found:
        raise MissingError(f"{folder}: no picture {pattern}.png or .jpg in it; copy the asset folder again")
    return found


def _picture(fit: Path) -> Path | None:
    """The .png or .jpg that an asset's material names, else the first one beside the fit."""
    materials = sorted(fit.parent.glob("*.mhmat")) or sorted((fit.parents[1] / "materials").glob("*.mhmat"))
    for material in materials:
        for line in material.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("diffuseTexture "):
                wanted = material.parent / line.split(maxsplit=1)[1].strip()
                for suffix in (".png", ".jpg"):
                    if wanted.with_suffix(suffix).is_file():
                        return wanted.with_suffix(suffix)
    beside = [p for p in sorted(fit.parent.iterdir()) if p.suffix in (".png", ".jpg")]
    return beside[0] if beside else None


# ---- the cache


def _real(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    return packed if not path.is_file() and packed.is_file() else path


def _key(files: Iterable[Path], folder: Path) -> str:
    """The cache's key. It changes when a file is added, removed or written again."""
    digest = hashlib.sha256(f"{_VERSION}".encode())
    for path in map(_real, files):
        try:
            about = path.stat()
        except OSError as exc:
            raise MissingError(f"{path}: missing ({one_line(exc)}); copy the asset folder again") from exc
        digest.update(f"{path.relative_to(folder)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _content_digest(files: Iterable[Path], folder: Path) -> str:
    digest = hashlib.sha256()
    for path in map(_real, files):
        digest.update(str(path.relative_to(folder)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _read_cache(cache: Path) -> dict[str, np.ndarray] | None:
    try:
        with cache.open("rb") as file, np.load(file) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write_cache(cache: Path, arrays: Mapping[str, np.ndarray]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cache) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as exc:
        log.warning("%s: cannot write the asset cache (%s); the next run reads all files again", cache, one_line(exc))
