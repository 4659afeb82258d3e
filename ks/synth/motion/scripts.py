"""Scripts of AU intensities for a data set: several kinds of clips, sampled so that no AU predicts another.

On real faces AUs go together: brows rise with wide eyes, cheeks with smiles. A network trained only on that reads AU 1
off the eyelids. So in half of the clips brows, lids, nose, mouth and jaw move independently. A network that never sees
the usual combinations fails too: it takes a smile as evidence against AU 6. So a quarter of the clips move as real
faces do, and in the others most clear smiles raise the cheeks. Every seventh clip only smiles, which is what people do
most in front of a camera. Half of all peaks are faint. Gaze is independent of the AUs.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from knowledge_spreader.arrays import F32
from knowledge_spreader.synth.au_recipes import AUS, BESIDE
from knowledge_spreader.synth.motion.action import (
    Event,
    Performance,
    blink,
    event_of,
    held_apart,
    move_head,
    play,
    pout,
    sample_events,
    speak,
)
from knowledge_spreader.synth.motion.mocap import Capture, replay
from knowledge_spreader.synth.motion.timing import pulse, steps

# The share of each kind among the clips of a set.
KINDS = {
    "posed": 0.17,  # one, two or three random AUs at a time, with the neutral face between
    "apart": 0.21,  # every region of the face moves independently
    "together": 0.21,  # usual combinations of AUs
    "smile": 0.15,  # from a trace to a laugh; a grin shows both rows of teeth with the jaw shut
    "speech": 0.08,  # with independent brows and lids
    "replay": 0.06,  # a motion capture
    "still": 0.12,  # neutral: only blinks, gaze, head pose and unlabelled movements
    "sides": 0.0,  # AUs of one side half of the time, one or two after the other; only if asked for
}
_REGIONS: tuple[tuple[tuple[int, ...], ...], ...] = (  # the AUs that start together, by independent region
    ((1,), (2,), (4,), (1, 2), (1, 4), (2, 4), (1, 2, 4)),
    ((5,), (7,), (43,), (7,)),
    ((6,), (9,), (6,), (9,), (6, 9), (9,)),
    ((10,), (12,), (10, 12)),
    ((14,), (15,), (20,), (14, 15)),
    ((17,), (23,), (24,), (17, 24), (17, 23)),
    ((25,), (26,), (25, 26), (25,), (26,)),
)
_COMPANY = {12: (6, 0.65), 6: (12, 0.6)}  # AU -> the AU that joins it where it is clear, and how often
_OF_ONE_SIDE = (2, 6, 7, 10, 12, 14, 15)  # AUs whose sides coders tell apart
_LONG_SHUT_S = 1.5
_LEAST_S = 4.0
_FARTHEST_RAD = np.array([0.42, 0.60, 0.30])  # nod, turn, tilt; faces turned more than 35 degrees are not judged
_OPEN = ("18 lip pucker", "22 lip funneler")


def script(kind: str, seed: int, frames: int, fps: float, captures: Sequence[Capture] = ()) -> Performance:
    """A performance of one of KINDS. captures: the choice for `replay`, which without any becomes `apart`.

    A clip shorter than _LEAST_S is cut out of a longer one, because few events begin in a clip's first second.
    """
    whole = round(_LEAST_S * fps)
    if frames >= whole:
        return _script(kind, seed, frames, fps, captures)
    start = int(np.random.default_rng([0xC07, seed]).integers(whole - frames + 1))
    return _script(kind, seed, whole, fps, captures).cut(start, start + frames)


def _script(kind: str, seed: int, frames: int, fps: float, captures: Sequence[Capture]) -> Performance:
    rng = np.random.default_rng([0x5C21, seed])
    if kind == "replay" and captures:
        does = replay(captures[int(rng.integers(len(captures)))], seed, frames, fps)
        return dataclasses.replace(does, head=_not_too_far(does.head))
    time, seconds = np.arange(frames) / fps, frames / fps
    beside = np.zeros((frames, len(BESIDE)), np.float32)
    if kind == "smile":
        au = _smile(rng, time, beside)
    else:
        au = play(_events(kind, rng, seconds), time)
        if kind == "speech":
            speak(rng, time, au, beside)
        if rng.random() < (0.5 if kind == "still" else 0.25):
            pout(rng, time, beside)
        if rng.random() < 0.12 and kind != "still":
            _open_pout(rng, time, au, beside)
    blink(rng, time, au)
    looks = rng.uniform(0.3, 1.6)
    gaze = np.stack([steps(rng, time, looks, 0.22, 0.06), steps(rng, time, looks, 0.13, 0.06)], 1)
    if rng.random() < 0.2:
        gaze[:, 1] -= _reading(rng, time)
    head, shift = move_head(rng, time)
    return Performance(fps, held_apart(au), beside, gaze, _not_too_far(head), shift)


def _reading(rng: np.random.Generator, time_s: np.ndarray) -> F32:
    """(T,) radians of looking down for a while. The lids follow the eyes: lowered lids are not AU 43."""
    shape = pulse(time_s, rng.uniform(-2, time_s[-1] + 1e-6), 0.15, rng.uniform(0.5, 6), 0.2)
    return np.asarray(rng.uniform(0.12, 0.36) * shape, np.float32)


def _not_too_far(head: F32) -> F32:
    """The same head motion (T, 3), scaled down to stay within _FARTHEST_RAD."""
    farthest = np.abs(head).max(0)
    return np.asarray(head * np.minimum(1, _FARTHEST_RAD / np.maximum(farthest, 1e-6)), np.float32)


def _events(kind: str, rng: np.random.Generator, seconds: float) -> list[Event]:
    if kind == "still":
        return []
    if kind == "together":
        return _together(rng, seconds)
    if kind == "sides":
        return _with_company(rng, _of_sides(rng, seconds))
    if kind == "posed":
        return _with_company(rng, _posed(rng, seconds))
    return _with_company(rng, _apart(rng, seconds, _REGIONS[:3] if kind == "speech" else _REGIONS))


def _with_company(rng: np.random.Generator, events: list[Event]) -> list[Event]:
    """The events, with AU 6 added to most clear AU 12 and AU 12 to most clear AU 6, as on real faces.

    If the two were independent, a model would take a smile as evidence against AU 6 and report AU 6 alone too often.
    """
    found = list(events)
    for event in events:
        other, chance = _COMPANY.get(event.unit, (0, 0.0))
        if max(event.left, event.right) > 0.45 and rng.random() < chance:
            share, lag_s = rng.uniform(0.6, 1.1), rng.normal(0.05, 0.08)
            sides = (min(1.0, share * event.left), min(1.0, share * event.right))
            found.append(
                dataclasses.replace(event, unit=other, start_s=event.start_s + lag_s, left=sides[0], right=sides[1])
            )
    return found


def _posed(rng: np.random.Generator, seconds: float) -> list[Event]:
    """One movement after the other with the neutral face between, as the FACS manual shows them."""
    found: list[Event] = []
    at = float(rng.uniform(-0.4, 0.6))
    while at < seconds:
        count = int(rng.choice([1, 2, 3], p=[0.62, 0.26, 0.12]))
        units = [int(unit) for unit in rng.choice(AUS, count, replace=False)]
        onset, apex, offset = rng.uniform(0.15, 0.7), rng.uniform(0.2, 1.2), rng.uniform(0.2, 0.8)
        found += [event_of(rng, unit, at, onset, apex, offset, peak_of(rng)) for unit in units]
        at += float(onset + apex + offset + rng.exponential(0.3))
    return found


def _of_sides(rng: np.random.Generator, seconds: float) -> list[Event]:
    """One or two AUs of _OF_ONE_SIDE at a time, half of them on one side; a third of the times with any other AU."""
    found: list[Event] = []
    at = float(rng.uniform(-1.5, 0.3))
    while at < seconds:
        onset, apex, offset = rng.uniform(0.1, 0.4), rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.4)
        for unit in rng.choice(_OF_ONE_SIDE, 1 + int(rng.random() < 0.6), replace=False):
            event = event_of(rng, int(unit), at, onset, apex, offset, peak_of(rng))
            found.append(_on_one_side(rng, event) if rng.random() < 0.5 else event)
        if rng.random() < 0.33:
            found.append(event_of(rng, int(rng.choice(AUS)), at, onset, apex, offset, peak_of(rng)))
        at += float(onset + apex + offset)
    return found


def _on_one_side(rng: np.random.Generator, event: Event) -> Event:
    """The same event, with at most a quarter of its peak on one side."""
    peak = max(event.left, event.right)
    sides = [peak, peak * float(rng.uniform(0, 0.25))]
    if rng.random() < 0.5:
        sides.reverse()
    return dataclasses.replace(event, left=sides[0], right=sides[1])


def _apart(rng: np.random.Generator, seconds: float, regions: tuple[tuple[tuple[int, ...], ...], ...]) -> list[Event]:
    """Each region moves independently of the others. One region in five does not move."""
    found: list[Event] = []
    for sets in regions:
        if rng.random() < 0.2:
            continue
        pause_s, at = float(rng.lognormal(-0.3, 0.7)), float(rng.uniform(-1.5, 2.0))
        while at < seconds:
            units = sets[int(rng.integers(len(sets)))]
            onset, offset, apex = rng.uniform(0.08, 0.7), rng.uniform(0.12, 1.1), 0.1 + rng.exponential(0.8)
            if units == (43,):
                apex = rng.uniform(0.15, _LONG_SHUT_S)
            for unit in units:
                found.append(event_of(rng, unit, at, onset, apex, offset, peak_of(rng)))
            at += float(onset + apex + offset + rng.exponential(pause_s))
    return found


def _together(rng: np.random.Generator, seconds: float) -> list[Event]:
    """Usual combinations, with the lids made independent of the brows. A quarter of the clips leave out AU 6 or 12."""
    found: list[Event] = []
    drop = int(rng.choice([6, 12, 0], p=[0.17, 0.08, 0.75]))  # AU 6 without AU 12 is rarer on real faces
    for event in sample_events(rng, seconds):
        if event.unit not in (5, 7, 43, drop):
            found.append(event)
    return found + _apart(rng, seconds, _REGIONS[1:2])


def _smile(rng: np.random.Generator, time_s: np.ndarray, beside: F32) -> F32:
    """(T, 18, 2) intensities of smiles and little else. Lowers the lower lip of grins in beside.

    A grin parts the lips far over closed teeth. Without grins a model takes visible teeth for AU 26.
    """
    events: list[Event] = []
    lower_lip = beside[:, list(BESIDE).index("16 lower lip depressor")]
    at = float(rng.uniform(-2.5, 0.8))
    while at < time_s[-1]:
        onset, apex, offset = rng.uniform(0.2, 0.9), rng.uniform(0.4, 4.0), rng.uniform(0.3, 1.3)
        peak = float(rng.uniform(0.3, 0.9) if rng.random() < 0.5 else rng.uniform(0.8, 1.3))
        parted = rng.random() < 0.3 + 0.4 * peak
        chances = {6: 0.4 + 0.6 * peak, 7: 0.2, 10: 0.15, 1: 0.08, 2: 0.08, 14: 0.06, 26: 0.2 if parted else 0.0}
        joins = [unit for unit, chance in chances.items() if rng.random() < chance]
        shares = {12: 1.0, **{unit: float(rng.uniform(0.55, 1.05)) for unit in joins}}
        if parted:
            shares[25] = float(rng.uniform(0.5, 1.2))
            if 26 not in joins and rng.random() < 0.6:
                bared = np.float32(min(peak, 1.0) * rng.uniform(0.2, 1.0))
                lower_lip[:] = np.maximum(lower_lip, bared * pulse(time_s, at, onset, apex, offset))
        events += [
            event_of(rng, unit, at, float(onset), float(apex), float(offset), peak * share)
            for unit, share in shares.items()
        ]
        at += float(onset + apex + offset + rng.exponential(0.7))
    return play(events, time_s)


def peak_of(rng: np.random.Generator) -> float:
    """A random peak intensity: faint ones, about FACS A to C, are as frequent as strong ones."""
    return float(rng.uniform(0.15, 0.55) if rng.random() < 0.5 else rng.uniform(0.5, 1.0))


def _open_pout(rng: np.random.Generator, time_s: np.ndarray, au: F32, beside: F32) -> None:
    """Adds rounded lips on an open mouth: rounded lips are not closed lips."""
    shape = pulse(time_s, rng.uniform(0, time_s[-1] + 1e-6), rng.uniform(0.15, 0.5), rng.uniform(0.2, 1.0), 0.4)
    beside[:, list(BESIDE).index(str(rng.choice(_OPEN)))] = shape * np.float32(rng.uniform(0.4, 1.0))
    for unit in (25, 26):
        peak = np.float32(rng.uniform(0.25, 0.9))
        au[:, AUS.index(unit)] = np.maximum(au[:, AUS.index(unit)], shape[:, None] * peak)
