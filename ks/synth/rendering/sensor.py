"""A camera's faults: motion blur, defocus, noise, exposure, colour, low resolution, compression, obstacles."""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.opencv import cv2


@dataclass(frozen=True, slots=True)
class Sensor:
    """A camera's faults, the same for a whole clip. Only the noise changes from frame to frame."""

    seed: int
    shutter: float = 0.3  # share of the frame time that the shutter is open, for motion blur
    blur_px: float = 0.4  # standard deviation
    noise: float = 0.012  # in the dark, as a share of full scale; half of it is coarser than a pixel
    gain: float = 1.0
    gamma: float = 1.0
    white: tuple[float, float, float] = (1.0, 1.0, 1.0)
    scale: float = 1.0  # the sensor's resolution relative to the picture's
    jpeg: int = 85  # quality; 0: no compression
    grey: bool = False
    in_the_way: tuple[float, float, float, float] | None = None  # obstacle: left, top, right, bottom as shares

    def see(self, image: U8, before: U8 | None, frame: int) -> U8:
        """(H, W, 3) RGB of frame number `frame` as this camera records it. before: the previous picture as drawn."""
        rng = np.random.default_rng([0x5E, self.seed, frame])
        x = np.asarray(image / np.float32(255), np.float32)
        if before is not None and self.shutter > 0:
            x = np.asarray(
                cv2.addWeighted(x, 1 - self.shutter / 2, before.astype(np.float32), self.shutter / 510, 0), np.float32
            )
        if self.in_the_way is not None:
            self._cover(x)
        height, width = image.shape[:2]
        if self.blur_px > 0.2:
            x = np.asarray(cv2.GaussianBlur(x, (0, 0), self.blur_px), np.float32)
        small = (max(8, round(width * self.scale)), max(8, round(height * self.scale)))
        if small != (width, height):
            x = np.asarray(cv2.resize(x, small, interpolation=cv2.INTER_AREA), np.float32)
        x = np.clip(x * np.array(self.white, np.float32) * self.gain, 0, 1) ** self.gamma
        x += self._grain(rng, x.shape[:2])[..., None] * (0.6 + 0.6 * np.sqrt(x))
        if self.grey:
            x = np.repeat(x @ np.array([0.299, 0.587, 0.114], np.float32)[:, None], 3, 2)
        out = (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
        if self.jpeg:
            out = _compressed(out, self.jpeg)
        if small != (width, height):
            out = np.asarray(cv2.resize(out, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return np.ascontiguousarray(out)

    def _grain(self, rng: np.random.Generator, shape: tuple[int, int]) -> F32:
        fine = rng.standard_normal(shape, np.float32)
        coarse = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 1.2) * 3.0
        return np.asarray(self.noise * (0.7 * fine + 0.7 * coarse), np.float32)

    def _cover(self, x: F32) -> None:
        """Draws an obstacle (a hand, a microphone) into x as a soft ellipse of one colour."""
        height, width = x.shape[:2]
        assert self.in_the_way is not None
        left, top, right, bottom = self.in_the_way
        rng = np.random.default_rng([0x0C, self.seed])
        blot = np.zeros((height, width), np.float32)
        middle = (int((left + right) / 2 * width), int((top + bottom) / 2 * height))
        axes = (max(1, int((right - left) / 2 * width)), max(1, int((bottom - top) / 2 * height)))
        cv2.ellipse(blot, middle, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        share = cv2.GaussianBlur(blot, (0, 0), 2.0)[..., None]
        x *= 1 - share
        x += share * rng.uniform(0.05, 0.7, 3).astype(np.float32)


def _compressed(image: U8, quality: int) -> U8:
    """The picture after JPEG compression."""
    ok, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    seen = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert ok
    assert seen is not None
    return np.asarray(seen[..., ::-1], np.uint8)


def sensor_of(seed: int) -> Sensor:
    """Draws a camera from a seed: most are decent, about a third are poor."""
    rng = np.random.default_rng([0x5EE, seed])
    poor = rng.random() < 0.35
    warm = rng.normal(0, 0.05)
    cover = None
    if rng.random() < 0.04:
        x, y, w, h = rng.uniform(0, 1), rng.uniform(0.45, 1.0), rng.uniform(0.08, 0.25), rng.uniform(0.08, 0.3)
        cover = (float(x - w / 2), float(y - h / 2), float(x + w / 2), float(y + h / 2))
    return Sensor(
        seed=seed,
        shutter=float(rng.uniform(0, 0.9)),
        blur_px=float(rng.exponential(0.6 if poor else 0.3)),
        noise=float(rng.uniform(0.006, 0.03) if poor else rng.uniform(0.001, 0.010)),
        gain=float(np.exp(rng.normal(-0.03, 0.10))),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        white=(float(1 + warm), float(rng.normal(1, 0.015)), float(1 - warm)),
        scale=float(rng.uniform(0.35, 0.9)) if poor and rng.random() < 0.6 else 1.0,
        jpeg=int(rng.integers(35, 75)) if poor else int(rng.integers(70, 97)),
        grey=bool(rng.random() < 0.03),
        in_the_way=cover,
    )
