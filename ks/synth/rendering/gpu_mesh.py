"""A mesh on the graphics card: its buffers and the programs that draw it. Also the tint of a skin's texture."""

from typing import Any

import numpy as np

from knowledge_spreader.arrays import F32, U8, Bools
from knowledge_spreader.synth.rendering.gl import Graphics
from knowledge_spreader.synth.rendering.head import Layer, Moved

Faces = Bools  # (F,) true for the faces meant
_PROGRAMS = {  # layer -> programs that draw it; other layers are hair cards
    "skin": ("skin", "depth"),
    "eyes": ("eye", "cornea", "depth"),
    "teeth": ("mouth", "depth"),
    "tongue": ("mouth", "depth"),
    "frame": ("frame", "depth"),
    "lens": ("lens", "depth"),
}
_COLLAR_DM = 6.2  # height at x = 0 on the resting mesh above which cloth.frag draws no cloth


class Drawn:
    """A layer's buffers on the card."""

    def __init__(self, graphics: Graphics, layer: Layer, made: Any, bright: float) -> None:
        gl, drawn = graphics.context, layer.surface
        self.layer, self.texture, self.brightness = layer, made, bright
        count = len(drawn.corner)
        self._static = gl.buffer(reserve=count * 40)
        self._moving = gl.buffer(reserve=count * 24)
        self._index = gl.buffer(drawn.triangles.astype(np.int32).tobytes())
        self._arrays: dict[str, Any] = {}
        for name in _PROGRAMS.get(layer.name, ("hair", "depth")):
            self._arrays[name] = self._array(graphics, name, self._index)
        self._some: list[Any] = []  # index buffers of parts that draw only some faces
        if layer.name == "skin":
            at = layer.rest
            self._furry: Faces = np.any((layer.mask[:, 1:3].max(1) > 0.03)[drawn.faces], 1)
            self._draw_only(graphics, "fur", self._furry)
            self._draw_only(graphics, "cloth", np.any((at[:, 1] < _COLLAR_DM + 0.62 * at[:, 0] ** 2)[drawn.faces], 1))
        self.write_static(np.ones(len(layer.rest), np.float32))

    def set_apart(self, graphics: Graphics, inside: Bools) -> None:
        """Moves the skin's faces between the vertices `inside` (V,) to a part `inside`. No other part draws them."""
        within: Faces = np.all(inside[self.layer.surface.faces], 1)
        self._draw_only(graphics, "inside", within, "skin")
        for part in ("skin", "depth"):
            self._draw_only(graphics, part, ~within)
        self._draw_only(graphics, "fur", ~within & self._furry)

    def _draw_only(self, graphics: Graphics, part: str, faces: Faces, program: str = "") -> None:
        """Makes `part` draw only these faces (F,). program: default is the one named like the part."""
        index = graphics.context.buffer(self.layer.surface.triangles[faces].astype(np.int32).tobytes() or bytes(12))
        if part in self._arrays:
            self._arrays[part].release()
        self._arrays[part] = self._array(graphics, program or part, index)
        self._some.append(index)

    def _array(self, graphics: Graphics, name: str, index: Any) -> Any:
        program = graphics.programs[name]
        moving, static = ("in_position", "in_normal"), ("in_uv", "in_ao", "in_rest", "in_mask")
        sizes = {"in_position": 3, "in_normal": 3, "in_uv": 2, "in_ao": 1, "in_rest": 3, "in_mask": 4}

        def part(buffer: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
            used = [n for n in names if n in program]
            layout = " ".join(f"{sizes[n]}f" if n in program else f"{4 * sizes[n]}x" for n in names)
            return (buffer, layout, *used)

        parts = [part(self._moving, moving), part(self._static, static)]
        return graphics.context.vertex_array(program, [p for p in parts if len(p) > 2], index, index_element_size=4)

    def write_static(self, sky: F32) -> None:
        layer, corner = self.layer, self.layer.surface.corner
        columns = [layer.surface.uv, sky[corner, None], layer.rest[corner], layer.mask[corner]]
        self._static.write(np.concatenate(columns, 1).astype(np.float32).tobytes())

    def move(self, moved: Moved) -> None:
        corner = self.layer.surface.corner
        self._moving.write(
            np.concatenate([moved.position[corner], moved.normal[corner]], 1).astype(np.float32).tobytes()
        )

    def draw(self, part: str) -> None:
        self._arrays[part].render()

    def release(self) -> None:
        for array in self._arrays.values():
            array.release()
        for buffer in (self._static, self._moving, self._index, *self._some):
            buffer.release()


def skin_tint(skin: Layer, image: U8, tone: tuple[float, float, float]) -> tuple[float, tuple[float, ...]]:
    """(saturation, RGB factor) that give a skin texture the mean albedo `tone`.

    Some textures are deep orange. A factor alone would turn their pale parts green, so they lose saturation first.
    """
    at = skin.rest[skin.surface.corner]
    front = (at[:, 2] > 1.15) & (at[:, 1] > 6.3) & (at[:, 1] < 7.9)
    height, width = image.shape[:2]
    column, row = (skin.surface.uv[front] * (width - 1, height - 1)).round().astype(int).T
    mean = ((image[row.clip(0, height - 1), column.clip(0, width - 1), :3] / 255.0) ** 2.2).mean(0)
    grey, green_of_red = mean.mean(), tone[1] / tone[0]
    vivid = grey * (1 - green_of_red) / max(green_of_red * (mean[0] - grey) - (mean[1] - grey), 1e-4)
    vivid = float(np.clip(vivid, 0.25, 1.0))
    faded = grey + vivid * (mean - grey)
    return vivid, tuple(float(np.clip(t / m, 0.3, 3.0)) for t, m in zip(tone, faded, strict=True))
