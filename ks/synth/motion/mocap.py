"""Replays motion captures of real faces on rendered ones: ARKit's channels become AUs, gaze and head pose."""

import csv
import logging
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.errors import DataError
from knowledge_spreader.synth.assets.formats import read_text
from knowledge_spreader.synth.au_recipes import AUS, BESIDE
from knowledge_spreader.synth.motion.action import Performance

log = logging.getLogger(__name__)

# ARKit channel (with or without sides) -> AU, and the AU's intensity where the channel is 1.
_TO_AU = {
    "browInnerUp": (1, 1.1),
    "browOuterUp": (2, 1.1),
    "browDown": (4, 1.1),
    "eyeWide": (5, 1.0),
    "cheekSquint": (6, 1.3),
    "eyeSquint": (7, 0.8),
    "noseSneer": (9, 1.0),
    "mouthUpperUp": (10, 1.0),
    "mouthSmile": (12, 1.0),
    "mouthDimple": (14, 0.8),
    "mouthFrown": (15, 1.0),
    "mouthShrugLower": (17, 0.9),
    "mouthStretch": (20, 0.8),
    "mouthPress": (24, 0.9),
    "jawOpen": (26, 1.6),
    "eyeBlink": (43, 1.1),
}
_TO_BESIDE = {
    "mouthLowerDown": ("16 lower lip depressor", 0.8),
    "mouthPucker": ("18 lip pucker", 0.9),
    "mouthFunnel": ("22 lip funneler", 0.9),
    "mouthRollLower": ("28 lip suck", 0.6),
    "jawLeft": ("30 jaw left", 1.0),
    "jawRight": ("30 jaw right", 1.0),
    "cheekPuff": ("34 cheek puff", 1.0),
}
_LOOK_RAD = 0.45  # gaze angle where a gaze channel is 1
_REST_PERCENTILE = 12.0  # this percentile of a channel is its resting value
_STILL = 0.05  # below this a channel shows only noise


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """One recording: channels by ARKit's names, 0 to 1, with the resting value subtracted."""

    time_s: F32  # (T,)
    channels: dict[str, F32]  # name, with sides as in eyeBlink_L -> (T,)
    head: F32  # (T, 3) rotation vector in radians: nod down, turn to the left, tilt


def captures(folder: Path) -> list[Capture]:
    """All captures in a folder: CSV files of LiveLinkFace and facecap, also .gz."""
    names = sorted({path.name.removesuffix(".gz") for path in folder.glob("*.csv*")})
    return [read_capture(folder / name) for name in names]


def read_capture(path: Path) -> Capture:
    """Reads one CSV file. Raises DataError if it is not a capture."""
    rows = list(csv.reader(StringIO(read_text(path))))
    try:
        header, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
        columns = {name: i for i, name in enumerate(header)}
        if "time" in columns:
            time = np.array([float(row[columns["time"]]) for row in body])
        else:
            time = np.array([_seconds(row[columns["Timecode"]]) for row in body])
        numbers = {
            _name(n): np.array([float(r[i]) for r in body], np.float32) for n, i in columns.items() if _is_channel(n)
        }
        turns = np.stack([_head(columns, row) for row in body])
    except (KeyError, IndexError, ValueError) as exc:
        raise DataError(f"{path}: not a face capture ({exc}); copy the asset folder again") from exc
    order = np.argsort(time, kind="stable")
    rested = {name: np.clip(x - np.percentile(x, _REST_PERCENTILE), 0, 1)[order] for name, x in numbers.items()}
    head = (turns - np.median(turns, 0))[order]
    return Capture((time[order] - time.min()).astype(np.float32), rested, head.astype(np.float32))


def replay(capture: Capture, seed: int, frames: int, fps: float) -> Performance:
    """A random part of a capture, with speed and strength varied a little; half of them are mirrored."""
    rng = np.random.default_rng([0x40CA, seed])
    speed, strength, mirror = rng.uniform(0.8, 1.2), rng.uniform(0.7, 1.2), bool(rng.random() < 0.5)
    length = frames / fps * speed
    start = rng.uniform(0, max(float(capture.time_s[-1]) - length, 0.0) + 1e-6)
    time = start + np.arange(frames) / fps * speed

    def channel(name: str) -> F32:
        values = capture.channels.get(name)
        if values is None:
            return np.zeros(frames, np.float32)
        return np.asarray(np.interp(time, capture.time_s, np.clip(values - _STILL, 0, 1)), np.float32)

    au, beside = np.zeros((frames, len(AUS), 2), np.float32), np.zeros((frames, len(BESIDE)), np.float32)
    for name, (unit, gain) in _TO_AU.items():
        sides = [channel(f"{name}_{side}") + channel(name) for side in ("RL" if mirror else "LR")]
        au[:, AUS.index(unit)] = np.clip(np.stack(sides, 1) * gain * (1 if unit == 43 else strength), 0, 1)
    for name, (moves, gain) in _TO_BESIDE.items():
        both = channel(name) + 0.5 * (channel(f"{name}_L") + channel(f"{name}_R"))
        beside[:, list(BESIDE).index(moves)] = np.clip(both * gain, 0, 1)
    left = 0.5 * (channel("eyeLookOut_L") + channel("eyeLookIn_R") - channel("eyeLookIn_L") - channel("eyeLookOut_R"))
    up = 0.5 * (channel("eyeLookUp_L") + channel("eyeLookUp_R") - channel("eyeLookDown_L") - channel("eyeLookDown_R"))
    head = np.stack([np.interp(time, capture.time_s, capture.head[:, k]) for k in range(3)], 1).astype(np.float32)
    head += np.radians(rng.normal(0, [5, 12, 3])).astype(np.float32)
    if mirror:
        left, head[:, 1:] = -left, -head[:, 1:]
    gaze = np.stack([left, up], 1) * np.float32(_LOOK_RAD)
    return Performance(fps, au, beside, gaze, np.clip(head, -0.8, 0.8), np.zeros((frames, 3), np.float32))


def _is_channel(name: str) -> bool:
    return _name(name).startswith(("brow", "eyeB", "eyeL", "eyeS", "eyeW", "cheek", "nose", "mouth", "jaw"))


def _name(column: str) -> str:
    """EyeBlinkLeft -> eyeBlink_L. mouthLeft and jawLeft stay: they are movements to the left, not sides."""
    name = column[0].lower() + column[1:]
    if name not in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
        for side in ("Left", "Right"):
            if name.endswith(side):
                return f"{name.removesuffix(side)}_{side[0]}"
    return name


def _seconds(timecode: str) -> float:
    """Seconds of a time code such as 13:13:04:31.652: hours, minutes, seconds, frames of 1/60 s."""
    hours, minutes, seconds, frames = timecode.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(frames) / 60


def _head(columns: dict[str, int], row: list[str]) -> F32:
    if "HeadYaw" in columns:
        yaw, pitch, roll = (float(row[columns[name]]) for name in ("HeadYaw", "HeadPitch", "HeadRoll"))
        return np.array([-pitch, yaw, -roll], np.float32)
    x, y, z, w = (float(row[columns[f"grp_transform.q{axis}"]]) for axis in "xyzw")
    return np.array([x, y, z], np.float32) * np.float32(2 * np.sign(w or 1.0))
