"""What a face does in a clip: AU events that combine or exclude each other as in FACS, speech, blinks, gaze, head."""

from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.au_recipes import AUS, BESIDE
from knowledge_spreader.synth.motion.pose import Pose
from knowledge_spreader.synth.motion.timing import pulse, steps, wander

_TOGETHER: tuple[tuple[tuple[int, ...], float], ...] = (  # usual combinations, and their weights in the draw
    ((1, 2), 2.0),
    ((1, 2, 5), 0.7),
    ((1, 2, 5, 25, 26), 0.8),
    ((1, 4), 1.2),
    ((1, 4, 15), 0.8),
    ((1, 4, 15, 17), 0.5),
    ((4, 7), 1.4),
    ((4, 5, 7, 23), 0.5),
    ((4, 7, 24), 0.6),
    ((4, 9, 10), 0.6),
    ((9, 10, 17), 0.6),
    ((10, 25), 0.8),
    ((6, 12), 2.0),
    ((6, 12, 25), 1.6),
    ((6, 7, 12, 25, 26), 0.9),
    ((12, 25), 0.8),
    ((12, 14), 0.4),
    ((14, 17), 0.4),
    ((15, 17), 1.0),
    ((17, 24), 0.8),
    ((17, 23), 0.6),
    ((20, 25), 0.8),
    ((1, 2, 4, 5, 20, 25), 0.4),
    ((25, 26), 1.6),
    ((6, 43), 0.4),
)
_ALONE = {25: 0.7, 26: 0.6, 43: 0.7}  # weights of single AUs, 1 for the others: each must also be seen by itself
_EXCLUDES = ((5, 43), (23, 25), (23, 26), (24, 25), (24, 26), (12, 15), (23, 24), (7, 5), (20, 12))
_ONE_SIDED = {  # AU -> how often it acts on one side only
    1: 0.10,
    2: 0.25,
    4: 0.08,
    6: 0.10,
    7: 0.06,
    9: 0.04,
    10: 0.10,
    12: 0.10,
    14: 0.30,
    15: 0.05,
    20: 0.05,
    43: 0.08,
}
_I = {unit: i for i, unit in enumerate(AUS)}
_B = {name: i for i, name in enumerate(BESIDE)}


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A clip's movements, frame by frame. Units as in Pose."""

    fps: float
    au: F32  # (T, 18, 2)
    beside: F32  # (T, B)
    gaze: F32  # (T, 2)
    head: F32  # (T, 3)
    shift: F32  # (T, 3)

    def __len__(self) -> int:
        return len(self.au)

    def cut(self, start: int, end: int) -> "Performance":
        """The frames from start to end - 1."""
        parts = (x[start:end] for x in (self.au, self.beside, self.gaze, self.head, self.shift))
        return Performance(self.fps, *parts)

    def pose(self, frame: int) -> Pose:
        return Pose(self.au[frame], self.beside[frame], self.gaze[frame], self.head[frame], self.shift[frame])


@dataclass(frozen=True, slots=True)
class Event:
    """One AU's onset, apex and offset. left and right: the peak intensity on each side, 0 to 1."""

    unit: int
    start_s: float
    onset_s: float
    apex_s: float
    offset_s: float
    left: float
    right: float


def perform(seed: int, frames: int, fps: float) -> Performance:
    """Random behaviour. A tenth of the clips keep a neutral face, a quarter speak."""
    rng = np.random.default_rng([0xAC7, seed])
    time = np.arange(frames) / fps
    manner = rng.random()
    events = [] if manner < 0.1 else sample_events(rng, frames / fps)
    au = play(events, time)
    beside = np.zeros((frames, len(BESIDE)), np.float32)
    if 0.1 <= manner < 0.35:
        speak(rng, time, au, beside)
    elif rng.random() < 0.4:
        pout(rng, time, beside)
    blink(rng, time, au)
    looks = rng.uniform(0.3, 1.6)
    gaze = np.stack([steps(rng, time, looks, 0.20, 0.06), steps(rng, time, looks, 0.10, 0.06)], 1)
    return Performance(fps, held_apart(au), beside, gaze, *move_head(rng, time))


def sample_events(rng: np.random.Generator, seconds: float) -> list[Event]:
    """Events of single AUs and of usual combinations. Faint ones are as frequent as strong ones."""
    found: list[Event] = []
    at = -float(rng.uniform(0, 1.0))
    while at < seconds:
        if rng.random() < 0.5:
            chances = np.array([_ALONE.get(unit, 1.0) for unit in AUS])
            units: tuple[int, ...] = (int(rng.choice(AUS, p=chances / chances.sum())),)
        else:
            chances = np.array([often for _, often in _TOGETHER])
            units = _TOGETHER[int(rng.choice(len(_TOGETHER), p=chances / chances.sum()))][0]
        peak = float(rng.uniform(0.15, 1.0))
        onset, offset = float(rng.uniform(0.08, 0.7)), float(rng.uniform(0.12, 1.1))
        apex = float(rng.exponential(0.7)) + 0.05
        for unit in units:
            if len(units) > 1 and rng.random() < 0.15:
                continue  # combinations are rarely complete
            found.append(event_of(rng, unit, at, onset, apex, offset, peak))
        at += float(rng.exponential(1.1)) + 0.15
    return found


def event_of(
    rng: np.random.Generator, unit: int, at: float, onset: float, apex: float, offset: float, peak: float
) -> Event:
    own = float(np.clip(peak * rng.uniform(0.65, 1.25), 0.05, 1.0))
    if unit == 43:
        own = max(own, 0.3)
    sides = [own, own * float(np.clip(rng.normal(1, 0.12), 0.5, 1))]
    if rng.random() < _ONE_SIDED.get(unit, 0.0):
        sides[1] *= float(rng.uniform(0, 0.25))
    if rng.random() < 0.5:
        sides.reverse()
    lag = float(rng.normal(0, 0.06))
    return Event(unit, at + lag, onset, apex, offset, *sides)


def play(events: list[Event], time_s: np.ndarray) -> F32:
    """(T, 18, 2) intensities of the events. Where two events of one AU overlap, the stronger counts."""
    au = np.zeros((len(time_s), len(AUS), 2), np.float32)
    for event in events:
        shape = pulse(time_s, event.start_s, event.onset_s, event.apex_s, event.offset_s)
        sides = shape[:, None] * np.array([event.left, event.right], np.float32)
        au[:, _I[event.unit]] = np.maximum(au[:, _I[event.unit]], sides)
    return au


def blink(rng: np.random.Generator, time_s: np.ndarray, au: F32) -> None:
    """Adds blinks to au (T, 18, 2): about every 3 s, closing in 80 ms, opening in 200 ms."""
    at = float(rng.uniform(0, 3.5))
    while at < time_s[-1]:
        depth = float(np.clip(rng.normal(1.0, 0.08), 0.7, 1.0))
        shape = depth * pulse(time_s, at, rng.uniform(0.06, 0.10), rng.uniform(0.02, 0.06), rng.uniform(0.12, 0.22))
        au[:, _I[43]] = np.maximum(au[:, _I[43]], shape[:, None])
        at += 0.25 if rng.random() < 0.08 else float(np.clip(rng.lognormal(1.05, 0.55), 0.7, 9))


_SOUNDS: tuple[dict[int | str, float], ...] = (  # mouth shapes of speech
    {25: 0.7, 26: 0.75},
    {25: 0.6, 26: 0.45, 20: 0.15},
    {25: 0.6, 26: 0.25, 20: 0.3},
    {25: 0.45, 26: 0.45, "18 lip pucker": 0.35, "22 lip funneler": 0.3},
    {25: 0.3, 26: 0.2, "18 lip pucker": 0.7},
    {24: 0.45, 17: 0.1},
    {25: 0.35, 26: 0.1, "16 lower lip depressor": 0.15},
    {25: 0.5, 26: 0.2, "16 lower lip depressor": 0.3},
    {25: 0.2, "28 lip suck": 0.2},
    {25: 0.45, 26: 0.3, 10: 0.12},
    {},
)


def speak(rng: np.random.Generator, time_s: np.ndarray, au: F32, beside: F32) -> None:
    """Adds speech to au and beside: 3 to 6 mouth shapes a second, in phrases with pauses."""
    at, loud = float(rng.uniform(-1, 1)), float(rng.uniform(0.6, 1.15))
    phrase_end = at + float(rng.uniform(1, 4))
    while at < time_s[-1]:
        length = float(rng.uniform(0.13, 0.32))
        shape = pulse(time_s, at - 0.06, 0.06 + length * 0.4, length * 0.25, length * 0.6)[:, None] * loud
        for part, weight in _SOUNDS[int(rng.integers(len(_SOUNDS)))].items():
            if isinstance(part, int):
                au[:, _I[part]] = np.maximum(au[:, _I[part]], np.minimum(shape * weight, 1))
            else:
                beside[:, _B[part]] = np.maximum(beside[:, _B[part]], shape[:, 0] * weight)
        at += length
        if at > phrase_end:
            at += float(rng.uniform(0.3, 1.5))
            phrase_end = at + float(rng.uniform(1, 4))


def pout(rng: np.random.Generator, time_s: np.ndarray, beside: F32) -> None:
    """Adds one or two unlabelled movements to beside (T, B), so that not every movement is one of the 18 AUs."""
    names = [
        "18 lip pucker",
        "22 lip funneler",
        "28 lip suck",
        "30 jaw left",
        "30 jaw right",
        "34 cheek puff",
        "38 nostril dilator",
    ]
    for _ in range(int(rng.integers(1, 3))):
        shape = pulse(
            time_s, rng.uniform(0, time_s[-1]), rng.uniform(0.15, 0.5), rng.exponential(0.6), rng.uniform(0.2, 0.7)
        )
        column = _B[str(rng.choice(names))]
        beside[:, column] = np.maximum(beside[:, column], shape * np.float32(rng.uniform(0.3, 1.0)))


def move_head(rng: np.random.Generator, time_s: np.ndarray) -> tuple[F32, F32]:
    """(T, 3) rotation in radians and (T, 3) shift in dm: how the head is held, and small motion around that."""
    held = np.radians(rng.normal(0, [7, 15, 4]))
    lively = float(rng.lognormal(-0.3, 0.7))
    swing = np.radians([2.0, 3.2, 1.3]) * lively
    head = np.stack([held[k] + swing[k] * wander(rng, time_s, 9.0, 1.0) for k in range(3)], 1)
    if rng.random() < 0.12:  # a nod or a shake
        axis = int(rng.random() < 0.5)
        shape = pulse(time_s, rng.uniform(0, time_s[-1]), 0.2, 0.8, 0.3) * np.sin(2 * np.pi * 2.0 * time_s)
        head[:, axis] += np.radians(6) * shape
    shift = np.stack([0.06 * lively * wander(rng, time_s, 10.0, 2.0) for _ in range(3)], 1)
    return head.astype(np.float32), shift.astype(np.float32)


def held_apart(au: F32) -> F32:
    """au (T, 18, 2) without AUs that exclude each other: on each side the stronger pushes back the weaker."""
    for a, b in _EXCLUDES:
        first, second = au[:, _I[a]].copy(), au[:, _I[b]].copy()
        au[:, _I[a]] = np.clip(first - np.where(first < second, second, 0), 0, 1)
        au[:, _I[b]] = np.clip(second - np.where(first < second, 0, first), 0, 1)
    return np.clip(au, 0, 1)
