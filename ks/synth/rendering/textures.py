"""The textures of layers. Those that many people share stay on the graphics card."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.rendering.gl import bled, brightness, picture, stencil, texture

CARDS = {
    "hair": 0.5,
    "brows": 0.0,
    "lashes": 0.0,
}  # layers of thin cards -> alpha from which they cast a shadow (0: they cast none)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """One layer's texture."""

    texture: Any
    brightness: float  # mean linear luminance of the opaque part
    image: U8  # (H, W, 4) for skin, whose tint is measured on it; empty for other layers


class Pictures:
    """Textures of one graphics context. Only one skin is kept: skins are large, and few people share one."""

    def __init__(self, context: Any) -> None:
        self._gl = context
        self._kept: dict[tuple[str, Path | None], Painted] = {}
        self._skin: Painted | None = None

    def of(self, assets: Assets, person: Person, layer: str) -> Painted:
        """The texture of this layer of the person; plain white where the layer has no picture."""
        path = {"skin": assets.skins.get(person.skin), "eyes": assets.irises.get(person.iris)}.get(layer)
        if path is None and layer in person.wears:
            path = assets.wear[person.wears[layer]].picture
        if (layer, path) in self._kept:
            return self._kept[layer, path]
        made = self._paint(layer, path)
        if layer == "skin":
            if self._skin is not None:
                self._skin.texture.release()
            self._skin = made
        else:
            self._kept[layer, path] = made
        return made

    def _paint(self, layer: str, path: Path | None) -> Painted:
        image = np.full((4, 4, 4), 255, np.uint8) if path is None else picture(path)
        if layer in CARDS:
            image = bled(image) if layer == "hair" else stencil(image)
        made = texture(self._gl, image)
        made.repeat_x = made.repeat_y = layer not in CARDS
        return Painted(made, brightness(image), image if layer == "skin" else image[:0])
