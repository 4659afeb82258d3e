"""Runs the pipeline over the clips, every frame with the settings of ks-live, and compares its onsets with the truth.

Lag is in stream time: how many frames later the AU is shown than it is there. How long a computer needs for a frame
comes on top; `ks-bench live` measures that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from knowledge_spreader.arrays import F64, I64
from knowledge_spreader.benchmarks.lag.clips import Clip, read_clips
from knowledge_spreader.benchmarks.lag.onsets import Outcome, Shown, counted, false_onsets, outcomes, rises
from knowledge_spreader.benchmarks.provenance import origin_of_results
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import box_width
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.types import FrameResult
from knowledge_spreader.realtime.watch import watch


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What the pipeline did in C clips, for U AUs."""

    aus: tuple[int, ...]
    people: tuple[str, ...]  # (C,) who is in each clip
    onsets: tuple[tuple[int, int, Outcome], ...]  # (clip, AU's place, outcome)
    false: I64  # (C, U)
    minutes: F64  # (C,) with answers, in which a false onset would be counted
    answered: float  # share of the frames with an answer
    about: dict[str, Any]  # model, weights, note, voices, engine, and where the figures come from


def follow(folder: Path, options: Options, most: int = 0, *, progress: bool = False) -> Followed:
    """most: clips, in order of their names; 0: all. Raises KSError if the set or the model cannot be used."""
    model = open_model(options.model)
    aus, clips = read_clips(folder, model.spec.aus, most)
    told = _Told(clips, aus)
    with watch(*(clip.video for clip in clips), options=options) as results:
        with Progress(console=stderr_console(), disable=not progress, transient=True) as bar:
            task = bar.add_task("clips", total=len(clips))
            for result in results:
                bar.update(task, completed=result.frame.stream.number)
                told.take(result)
        if lost := results.tally.failures:
            raise DataError(f"{lost[0]['source']}: {lost[0]['error']}; draw the clip again or take it out")
        heard = options.voices if model.geometry is not None else "paper"
        about = {
            **origin_of_results(),
            "model": str(model.path),
            "weights": model.weights_id,
            "note": model.note,
            "voices": heard,
            "engine": str(results.choice),
        }
    return told.followed(about)


class _Told:
    """The AUs that the pipeline shows on the widest face of each clip."""

    def __init__(self, clips: Sequence[Clip], aus: tuple[int, ...]) -> None:
        self._clips, self._aus = clips, aus
        self._shown: dict[tuple[int, int], list[Shown]] = {}  # (clip, AU)
        self._open: dict[tuple[int, int, int], Shown] = {}  # (clip, face, AU)
        self._first_s: dict[int, float] = {}  # time of each clip's first frame
        self._answered: list[list[bool]] = [[] for _ in clips]  # each frame of each clip

    def take(self, result: FrameResult) -> None:
        clip, time_s = result.frame.stream.number, result.frame.time_s
        first_s = self._first_s.setdefault(clip, time_s)
        widest = max(result.faces, key=lambda row: box_width(row.face.box_xyxy_px), default=None)
        answered = widest is not None and widest.success
        new = widest is not None and (widest.face.fresh or not any(self._answered[clip]))
        self._answered[clip].append(answered)
        for event in result.events:
            key = clip, event.face_id, event.au
            if event.end_s is not None:
                if shown := self._open.pop(key, None):
                    shown.end_s = event.end_s - first_s
            elif widest is not None and event.face_id == widest.face_id:
                self._open[key] = Shown(event.onset_s - first_s, math.inf, from_start=new)
                self._shown.setdefault((clip, event.au), []).append(self._open[key])

    def followed(self, about: dict[str, Any]) -> Followed:
        """Raises DataError if a video and its table differ in length."""
        onsets: list[tuple[int, int, Outcome]] = []
        false = np.zeros((len(self._clips), len(self._aus)), np.int64)
        minutes = np.zeros(len(self._clips))
        for c, clip in enumerate(self._clips):
            answered = np.array(self._answered[c], bool)
            if len(answered) != len(clip.times_s):
                raise DataError(
                    f"{clip.video}: {len(answered)} frames, but its table has {len(clip.times_s)}; draw it again"
                )
            frame_s = clip.times_s[-1] / (len(answered) - 1)
            minutes[c] = frame_s * np.count_nonzero(answered & counted(clip.times_s)) / 60
            for u, au in enumerate(self._aus):
                true = rises(clip.times_s, clip.present[:, u], answered)
                found, free = outcomes(true, self._shown.get((c, au), []))
                onsets += [(c, u, outcome) for outcome in found]
                false[c, u] = false_onsets(free, clip.times_s, clip.present[:, u])
        people, share = tuple(clip.person for clip in self._clips), float(np.mean(np.concatenate(self._answered)))
        return Followed(self._aus, people, tuple(onsets), false, minutes, share, about)
