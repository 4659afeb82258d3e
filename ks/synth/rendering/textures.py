"""The pictures that layers are painted with, as textures; those that many people share stay on the card."""

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
}  # layers of thin cards, and the alpha that throws a shadow (0: none)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """One layer's picture."""

    texture: Any
    brightness: float  # mean linear luminance of the opaque part
    image: U8  # (H, W, 4) of a skin, whose tint is measured on it; empty for others


class Pictures:
    """Textures of one graphics context. A skin's is large and few people have the same: it is released with them."""

    def __init__(self, context: Any) -> None:
        self._gl = context
        self._kept: dict[tuple[str, Path | None], Painted] = {}
        self._skin: Painted | None = None

    def of(self, assets: Assets, person: Person, layer: str) -> Painted:
        """What this layer of the person is painted with; white where it has no picture."""
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
