"""Lighting from a panorama: its brightest spot becomes a lamp; the rest is ambient light as spherical harmonics."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.errors import DataError
from knowledge_spreader.opencv import cv2

LEVELS = 6  # blurred copies of the panorama, which rough surfaces mirror
_WIDTH = 256
_MOST_LAMP = 4.5  # the lamp's highest brightness, relative to the ambient light


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Linear RGB light in the panorama's own unit. Directions: x right, y up, z towards the viewer."""

    levels: tuple[F32, ...]  # (h, w, 3) panoramas without the lamp, from sharp to blurred
    harmonics: F32  # (9, 3) irradiance / pi
    lamp_direction: F32  # (3,) towards the lamp
    lamp_colour: F32  # (3,) irradiance / pi of a surface that faces the lamp


def read_panorama(path: Path) -> F32:
    """(128, 256, 3) linear RGB. Raises DataError if the file is not an .hdr picture."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.dtype != np.float32 or not np.isfinite(image).all():
        raise DataError(f"{path}: not an .hdr picture; copy the asset folder again")
    small = cv2.resize(image[..., 2::-1], (_WIDTH, _WIDTH // 2), interpolation=cv2.INTER_AREA)
    return np.maximum(small, 0).astype(np.float32)


def studio_panorama(key: float = 1.0, fill: float = 0.5, rim: float = 0.6) -> F32:
    """(128, 256, 3) a portrait studio: a large soft key light on the picture's left, fill, rim lights, grey walls."""
    towards, _ = directions(_WIDTH // 2, _WIDTH)

    def panel(x: float, y: float, z: float, size: float, colour: tuple[float, float, float]) -> F32:
        middle = np.array([x, y, z]) / np.linalg.norm([x, y, z])
        edge = np.clip((towards @ middle - np.cos(size)) / 0.12, 0, 1)
        return np.asarray(edge[..., None] * np.array(colour), np.float32)

    walls = (0.30 + 0.16 * towards[..., 1:2]) * np.array([0.96, 0.98, 1.03], np.float32)
    lamps = key * panel(-0.75, 0.60, 0.85, 0.50, (4.6, 4.35, 4.05)) + fill * panel(
        1.0, 0.15, 0.75, 0.60, (1.3, 1.33, 1.4)
    )
    lamps = lamps + rim * (
        panel(0.85, 0.5, -0.8, 0.35, (4.2, 4.2, 4.3)) + panel(-0.9, 0.45, -0.7, 0.25, (3.2, 3.2, 3.3))
    )
    return np.asarray(walls + lamps, np.float32)


def directions(height: int, width: int) -> tuple[F32, F32]:
    """(h, w, 3) direction and (h, w) solid angle of each texel. Column 0 looks along -z, the middle one along +z."""
    theta = (np.arange(height) + 0.5) / height * np.pi
    phi = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    y, ring = np.cos(theta)[:, None], np.sin(theta)[:, None]
    direction = np.stack(np.broadcast_arrays(ring * np.sin(phi), y, ring * np.cos(phi)), -1)
    solid = np.broadcast_to(ring * (np.pi / height) * (2 * np.pi / width), (height, width))
    return direction.astype(np.float32), solid.astype(np.float32)


def harmonics_basis(direction: F32) -> F32:
    """(..., 9) real spherical harmonics of unit directions (..., 3)."""
    x, y, z = direction[..., 0], direction[..., 1], direction[..., 2]
    one = np.ones_like(x)
    terms = [0.282095 * one, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z]
    terms += [0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y)]
    return np.stack(terms, -1).astype(np.float32)


def light_of(panorama: F32, turn_deg: float = 0.0, grey: float = 0.8, lamp_from: float = 6.0) -> Light:
    """The light of a panorama turned around the head.

    grey: how far the white balance is corrected to neutral, 0 to 1. lamp_from: light brighter than this multiple of
    the mean becomes the lamp, which casts shadows.
    """
    image = np.roll(panorama, round(turn_deg / 360 * panorama.shape[1]), axis=1)
    direction, solid = directions(*image.shape[:2])
    mean = np.average(image.reshape(-1, 3), axis=0, weights=solid.ravel())
    image = image * (mean.mean() / np.maximum(mean, 1e-6)) ** np.float32(grey)
    luminance = image.mean(-1)
    level = np.average(luminance, weights=solid)
    limit = np.float32(level * lamp_from)
    lamp = image * np.clip(1 - limit / np.maximum(luminance, 1e-6), 0, 1)[..., None]
    lamp *= direction[..., 1:2] > -0.2
    power = (lamp.mean(-1) * solid)[..., None]
    towards = (direction * power).reshape(-1, 3).sum(0)
    length = np.linalg.norm(towards)
    towards = towards / length if length > 1e-6 else np.array([0.3, 0.5, 0.8], np.float32)
    towards /= np.linalg.norm(towards)
    facing = np.clip(direction @ towards, 0, 1)
    lamp = lamp * (facing > 0.5)[..., None]  # bright light from other directions stays ambient
    colour = (lamp * (facing * solid)[..., None]).reshape(-1, 3).sum(0) / np.pi
    sky = np.maximum(image - lamp, 0)
    basis = harmonics_basis(direction)
    bands = np.array([1, *[0.92 * 2 / 3] * 3, *[0.70 / 4] * 5], np.float32)  # a cosine lobe, damped against ringing
    harmonics = np.einsum("hwk,hwc,hw->kc", basis, sky, solid) * bands[:, None]
    share = min(1.0, _MOST_LAMP * harmonics[0].mean() * 0.282 / max(float(colour.mean()), 1e-6))
    harmonics[0] += colour * (1 - share) * 0.25 / 0.282  # the excess of a capped lamp becomes ambient
    colour = colour * share
    return Light(_blurred(sky), harmonics.astype(np.float32), towards.astype(np.float32), colour.astype(np.float32))


def irradiance(light: Light, normal: F32) -> F32:
    """(3,) irradiance / pi of a surface with this normal (3,), from ambient light and lamp."""
    sky = harmonics_basis(normal) @ light.harmonics
    return np.asarray(sky + light.lamp_colour * max(float(normal @ light.lamp_direction), 0.0), np.float32)


def _blurred(sky: F32) -> tuple[F32, ...]:
    """Ever smaller and more blurred copies. Near the poles the blur is too wide in x, which rough reflections hide."""
    levels = [sky]
    for _ in range(LEVELS - 1):
        last = levels[-1]
        pad = max(2, last.shape[1] // 8)
        wrapped = np.concatenate([last[:, -pad:], last, last[:, :pad]], 1)
        soft = cv2.GaussianBlur(wrapped, (0, 0), 1.6, borderType=cv2.BORDER_REPLICATE)[:, pad:-pad]
        small = cv2.resize(soft, (last.shape[1] // 2, last.shape[0] // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(small, np.float32))
    return tuple(np.ascontiguousarray(level, np.float32) for level in levels)
