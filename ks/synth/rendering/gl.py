"""Headless OpenGL: the context, its shader programs, and textures from pictures."""

import logging
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.opencv import cv2

log = logging.getLogger(__name__)

_MESHES = ("skin", "eye", "cornea", "hair", "mouth", "cloth", "fur", "frame", "lens")


class Graphics:
    """A headless OpenGL context with all shader programs. Raises MissingError without moderngl or a driver."""

    def __init__(self) -> None:
        self.context, self._error = _open_context()
        self.programs: dict[str, Any] = {}
        try:
            for name in _MESHES:
                parts = ("common.glsl", "wrinkles.glsl") if name == "skin" else ("common.glsl",)
                self.programs[name] = self._program("mesh.vert", (*parts, f"{name}.frag"))
            self.programs["depth"] = self._program("mesh.vert", ("depth.frag",))
            for name in ("background", "resolve"):
                self.programs[name] = self._program("screen.vert", (f"{name}.frag",))
        except self._error as exc:
            said = one_line(exc)
            raise MissingError(f"the OpenGL driver rejects a shader ({said}); update the graphics driver") from exc

    def _program(self, vertex: str, fragments: Sequence[str]) -> Any:
        head = f"#version 330 core\n#define TAPS {9 if fragments[-1] == 'skin.frag' else 5}\n"
        body = "\n".join(_shader(name) for name in fragments)
        return self.context.program(vertex_shader=head + _shader(vertex), fragment_shader=head + body)

    @property
    def driver(self) -> str:
        return f"{self.context.info['GL_RENDERER']} (OpenGL {self.context.info['GL_VERSION']})"

    def close(self) -> None:
        self.context.release()


def put(program: Any, values: Mapping[str, Any]) -> None:
    """Sets uniforms, skipping names that the program lacks: compilers drop unused ones."""
    for name, value in values.items():
        if name in program:
            if isinstance(value, np.ndarray):
                program[name].write(np.ascontiguousarray(value, np.float32).tobytes())
            else:
                program[name].value = value


def picture(path: Path) -> np.ndarray:
    """(H, W, 4) uint8 RGBA with row 0 at the bottom, as in OpenGL. Raises DataError for a file that is cut off."""
    data = path.read_bytes()
    whole = data.rstrip(b"\0")[-2:] == b"\xff\xd9" if data[:2] == b"\xff\xd8" else data[-8:-4] == b"IEND"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if whole else None
    if image is None:
        raise DataError(f"{path}: not a complete picture; copy the asset folder again")
    if image.dtype != np.uint8:
        image = np.asarray(image // 256, np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)[::-1])


def bled(image: np.ndarray) -> np.ndarray:
    """RGBA whose transparent parts take the colour of nearby opaque parts. Otherwise blending shows dark edges.

    Black texels and the border count as transparent, whatever their alpha: nobody painted them.
    """
    image = image.copy()
    image[..., 3][image[..., :3].max(-1) < 2] = 0
    _clear_border(image)
    small = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
    solid = (small[..., 3] > 100).astype(np.float32)
    colour = small[..., :3] * solid[..., None]
    spread = np.zeros((256, 256, 3), np.float32)
    for sigma in (40.0, 8.0, 2.0):  # widest first, so that nearer colours replace it
        weight = cv2.GaussianBlur(solid, (0, 0), sigma)[..., None]
        near = np.minimum(weight * 20, 1)
        spread = spread * (1 - near) + near * cv2.GaussianBlur(colour, (0, 0), sigma) / np.maximum(weight, 1e-4)
    wide = cv2.resize(spread.clip(0, 255), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    clear = image[..., 3] <= 100
    image[clear, :3] = wide[clear].astype(np.uint8)
    return image


def stencil(image: np.ndarray) -> np.ndarray:
    """Grey RGBA with the picture's alpha, for brows and lashes: they are painted black, which `bled` would erase."""
    image = image.copy()
    image[..., :3] = 128
    _clear_border(image)
    return image


def _clear_border(image: np.ndarray) -> None:
    image[:3, :, 3] = image[-3:, :, 3] = image[:, :3, 3] = image[:, -3:, 3] = 0


def brightness(image: np.ndarray) -> float:
    """Mean linear brightness of the opaque part, 0 to 1."""
    image = image[::4, ::4]
    solid = image[..., 3] > 100
    return float(((image[..., :3][solid] / 255.0) ** 2.2).mean()) if solid.any() else 0.5


def texture(context: Any, image: np.ndarray, *, mipmaps: bool = True) -> Any:
    """A texture from uint8 or float32 (H, W, channels)."""
    kind = "f1" if image.dtype == np.uint8 else "f4"
    made = context.texture(
        (image.shape[1], image.shape[0]), image.shape[2], np.ascontiguousarray(image).tobytes(), dtype=kind
    )
    if mipmaps:
        made.build_mipmaps()
        made.filter = (context.LINEAR_MIPMAP_LINEAR, context.LINEAR)
    return made


def noise_picture() -> np.ndarray:
    """(256, 256, 4) uint8 smooth tileable noise: four independent channels of several octaves."""
    rng = np.random.default_rng(20)
    fields = []
    for _ in range(4):
        total = np.zeros((256, 256), np.float32)
        for octave, cells in enumerate((8, 16, 32, 64, 128)):
            coarse = rng.random((cells, cells), dtype=np.float32)
            tiled = np.tile(coarse, (3, 3))
            big = cv2.resize(tiled, (768, 768), interpolation=cv2.INTER_CUBIC)[256:512, 256:512]
            total += big * 0.62**octave
        low, high = np.percentile(total, [1, 99])
        fields.append(np.clip((total - low) / (high - low), 0, 1))
    return np.ascontiguousarray((np.stack(fields, -1) * 255).astype(np.uint8))


def _shader(name: str) -> str:
    return resources.files(__package__).joinpath("shaders", name).read_text(encoding="utf-8")


def _open_context() -> tuple[Any, type[Exception]]:
    try:
        import moderngl
    except ImportError as exc:
        raise MissingError(f"rendering needs moderngl ({exc}); run: pip install knowledge-spreader[synth]") from exc
    reasons = []
    for options in ({"backend": "egl"}, {}):
        try:
            return moderngl.create_standalone_context(require=330, **options), moderngl.Error  # type: ignore[arg-type]
        except Exception as exc:  # moderngl raises a bare Exception for a missing or old driver
            reasons.append(one_line(exc))
    cure = "on Debian: apt-get install libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri"
    raise MissingError(f"no headless OpenGL 3.3 ({'; '.join(reasons)}); {cure}")
