"""The scene of a clip: lighting from a panorama, a background out of focus, a camera."""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.opencv import cv2
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.rendering.camera import Camera
from knowledge_spreader.synth.rendering.lighting import Light, irradiance, light_of, read_panorama, studio_panorama


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Light, camera and background of a clip."""

    light: Light
    camera: Camera
    backdrop: U8  # (H, W, 3) sRGB, row 0 at the top
    exposure: float
    backdrop_gain: float = 1.0
    shadow_radius: float = 5.0


def exposure_for(light: Light, albedo: float = 0.35, wanted: float = 0.55) -> float:
    """The exposure that gives skin of this albedo, facing the camera, the linear value `wanted`."""
    level = float(irradiance(light, np.array([0.0, 0.25, 0.968], np.float32)).mean())
    return wanted / max(level * albedo, 1e-6)


def backdrop_gain(light: Light, shown: float = 1.0) -> float:
    """The gain that shows a backdrop at `shown` times its own brightness, whatever the light's unit."""
    return shown * 1.0 / exposure_for(light)


def plain_backdrop(size: tuple[int, int], colour: tuple[float, float, float], glow: float = 0.5) -> U8:
    """(H, W, 3) a studio wall of one sRGB colour (0 to 1), lighter behind the head. size: (width, height), pixels."""
    width, height = size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    fall = np.exp(-((x * 0.75) ** 2 + ((y + 0.1) * 0.9) ** 2))
    image = np.array(colour) * (1 - glow / 2 + glow * fall)[..., None]
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def panorama_view(panorama: F32, size: tuple[int, int], turn_deg: float, blur: float) -> U8:
    """(H, W, 3) the panorama (linear RGB) behind the face, out of focus. blur: as a share of the picture's height."""
    width, height = size
    across = np.radians(48.0)
    x = (np.linspace(-0.5, 0.5, width) * across + np.pi + np.radians(turn_deg)) / (2 * np.pi) + 0.5
    y = np.linspace(0.5 - 0.5 * height / width * across / np.pi, 0.5 + 0.5 * height / width * across / np.pi, height)
    columns = (x % 1.0) * panorama.shape[1]
    wrapped = np.concatenate([panorama, panorama[:, :2]], 1)
    grid_x, grid_y = np.meshgrid(columns.astype(np.float32), (y * panorama.shape[0]).astype(np.float32))
    seen = cv2.remap(wrapped, grid_x, grid_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    soft = np.asarray(cv2.GaussianBlur(np.clip(seen, 0, None), (0, 0), max(blur * height, 0.6)))
    view = soft / max(float(np.percentile(soft, 90)), 1e-6)
    return np.asarray(np.clip(view, 0, 1) ** (1 / 2.2) * 255, np.uint8)


def stage(assets: Assets, seed: int, size: tuple[int, int]) -> Scene:
    """Draws a scene from a seed: a panorama or the studio, turned at random, a background and a camera."""
    rng = np.random.default_rng([0x5CE, seed])
    name = str(rng.choice([*sorted(assets.lights), "studio"]))
    turn = float(rng.uniform(0, 360))
    panorama = studio_panorama(*rng.uniform(0.4, 1.6, 3)) if name == "studio" else read_panorama(assets.lights[name])
    if name == "studio":
        turn = float(rng.normal(0, 40))
    light = light_of(panorama, turn, float(rng.uniform(0.6, 0.95)), float(rng.uniform(1.8, 7)))
    if rng.random() < 0.25 or name == "studio":
        backdrop = plain_backdrop(
            size, tuple(rng.uniform(0.1, 0.85, 3) * 0.5 + rng.uniform(0.1, 0.4)), float(rng.uniform(0, 0.6))
        )
    else:
        backdrop = panorama_view(panorama, size, turn, float(rng.uniform(0.01, 0.06)))
    camera = Camera(
        angle_deg=float(rng.uniform(10, 38)),
        face=float(np.clip(rng.normal(0.55, 0.1), 0.36, 0.75)),
        right=float(rng.normal(0, 0.05)),
        up=float(rng.normal(0.0, 0.04)),
        yaw_deg=float(rng.normal(0, 8)),
        pitch_deg=float(rng.normal(0, 6)),
        roll_deg=float(rng.normal(0, 3)),
    )
    exposure = exposure_for(light, wanted=float(0.55 * np.exp(rng.normal(0, 0.22))))
    gain = backdrop_gain(light, float(np.exp(rng.normal(0.1, 0.35))))
    return Scene(light, camera, backdrop, exposure, gain, float(rng.uniform(2, 12)))
