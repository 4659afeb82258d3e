"""The demo clip that comes with the package: a friendly person, five expressions, a soft tone for each."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.au_recipes import BESIDE
from knowledge_spreader.synth.dataset.clip import Clip
from knowledge_spreader.synth.dataset.single_clip import write_clip
from knowledge_spreader.synth.dataset.video_writer import SOUND_RATE
from knowledge_spreader.synth.motion.action import Event, Performance, play
from knowledge_spreader.synth.motion.pose import Folding
from knowledge_spreader.synth.motion.timing import pulse, steps, wander
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.shapes import macro_weights
from knowledge_spreader.synth.rendering.camera import Camera
from knowledge_spreader.synth.rendering.lighting import light_of, studio_panorama
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.scene import Scene, backdrop_gain, exposure_for, plain_backdrop
from knowledge_spreader.synth.rendering.sensor import Sensor

SIZE = (640, 480)
FPS = Fraction(25)
SECONDS = 7.8
# start, onset, apex, offset in seconds; AU -> peak
SCRIPT: tuple[tuple[tuple[float, float, float, float], dict[int, float]], ...] = (
    ((0.8, 0.36, 0.48, 0.40), {1: 0.85, 2: 0.9}),
    ((2.15, 0.30, 0.48, 0.38), {4: 0.95, 7: 0.3}),
    ((3.40, 0.50, 0.95, 0.50), {12: 0.9, 6: 0.75, 25: 0.65}),
    ((5.25, 0.30, 0.35, 0.35), {25: 0.75, 26: 0.85}),
    ((6.20, 0.26, 0.36, 0.38), {9: 0.9, 10: 0.55}),
)
BLINKS_S = (0.35, 2.02, 3.28, 5.12, 7.3)
TONES_HZ = (392.0, 329.6, 523.3, 440.0, 349.2)


def demo_person() -> Person:
    races = {"african": 0.12, "asian": 0.10, "caucasian": 0.78}
    look = {
        "mouth/mouth-angles-up": 0.3,
        "eyebrows/eyebrows-trans-up": 0.3,
        "head/head-oval": 0.5,
        "chin/chin-width-incr": 0.15,
    }
    look |= {"eyes/l-eye-scale-incr": 0.25, "eyes/r-eye-scale-incr": 0.25, "nose/nose-scale-horiz-decr": 0.2}
    look |= {"units/caucasian/mouth-parling": -0.22, "forehead/forehead-scale-vert-decr": 0.5}
    wears = {"eyes": "eyes/high-poly", "teeth": "teeth/teeth_base", "tongue": "tongue/tongue01", "hair": "hair/short01"}
    wears |= {"brows": "eyebrows/eyebrow009", "lashes": "eyelashes/eyelashes01"}
    return Person(
        shape=macro_weights(0.53, 0.95, races, 0.5, 0.5) | look,
        races=races,
        wears=wears,
        skin="young_lightskinned_male",
        iris="brown",
        tone=(0.60, 0.29, 0.205),
        resting={12: 0.10},
        smile_lift=0.2,
        smile_drop=0.6,
        lid_height=0.068,
        stubble=0.3,
        hair_colour=(0.060, 0.035, 0.020),
        brow_colour=(0.032, 0.020, 0.013),
        brow_density=1.15,
        cloth_colour=(0.05, 0.11, 0.16),
        trim_colour=(0.04, 0.09, 0.13),
        teeth_tint=(1.45, 1.40, 1.28),
        folding=Folding(depth=0.75, resting=0.1),
    )


def demo_scene() -> Scene:
    light = light_of(studio_panorama(), grey=0.3, lamp_from=2.0)
    camera = Camera(angle_deg=15, face=0.49, up=-0.02)
    backdrop = plain_backdrop(SIZE, (0.45, 0.52, 0.56))
    return Scene(light, camera, backdrop, exposure_for(light, wanted=0.58), backdrop_gain(light, 0.8), shadow_radius=9)


def demo_performance() -> Performance:
    time = np.arange(round(SECONDS * FPS)) / float(FPS)
    rng = np.random.default_rng(4)
    events = [Event(au, *when, peak, peak * 0.96) for when, peaks in SCRIPT for au, peak in peaks.items()]
    events += [Event(43, at, 0.09, 0.03, 0.16, 1.0, 1.0) for at in BLINKS_S]
    swing = np.radians([1.1, 2.2, 0.8])
    head = np.stack([swing[k] * wander(rng, time, 7.0, 1.6) for k in range(3)], 1).astype(np.float32)
    head[:, 0] += np.radians(2.5) * pulse(time, *SCRIPT[2][0])  # a nod with the smile
    shift = np.stack([0.025 * wander(rng, time, 8.0, 2.5) for _ in range(3)], 1).astype(np.float32)
    gaze = np.stack([steps(rng, time, 1.6, 0.05, 0.06), steps(rng, time, 1.6, 0.03, 0.06)], 1)
    return Performance(
        float(FPS), play(events, time), np.zeros((len(time), len(BESIDE)), np.float32), gaze, head, shift
    )


def demo_sound() -> F32:
    """(n,) mono sound at SOUND_RATE: a soft bell with two overtones at each expression, and a little echo."""
    time = np.arange(round(SECONDS * SOUND_RATE)) / SOUND_RATE
    wave = np.zeros_like(time)
    for ((start, onset, _, _), _), pitch in zip(SCRIPT, TONES_HZ, strict=True):
        t = np.maximum(time - start - onset * 0.5, 0)
        swell = np.where(time > start + onset * 0.5, 1 - np.exp(-t / 0.02), 0)
        for part, (share, length) in enumerate(((1.0, 0.55), (0.35, 0.30), (0.12, 0.15)), 1):
            wave += share * swell * np.exp(-t / length) * np.sin(2 * np.pi * pitch * part * t)
    for delay, share in ((0.083, 0.22), (0.149, 0.13), (0.211, 0.08)):
        wave[round(delay * SOUND_RATE) :] += share * wave[: -round(delay * SOUND_RATE)]
    edge = np.minimum(np.minimum(time, time[-1] - time) / 0.05, 1)
    return np.asarray(0.22 * edge * wave / np.abs(wave).max(), np.float32)


def write_demo(assets: Assets, folder: Path) -> tuple[Path, Path]:
    """Renders the demo clip to clip.mp4 and clip.csv. Raises KSError without a driver or if it cannot write them."""
    sensor = Sensor(seed=0, shutter=0.4, blur_px=0.35, noise=0.0025, jpeg=0)
    clip = Clip(demo_person(), demo_scene(), demo_performance(), sensor, seed=0)
    video = folder / "clip.mp4"
    with Renderer(assets, *SIZE, samples=3, shadow_px=2048) as renderer:
        return video, write_clip(renderer, clip, video, FPS, demo_sound(), crf=21)
