"""adapt_model(): recordings and a few labels of them -> a `.ks` file that knows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.adapt.adapt import Adapted, adapt
from knowledge_spreader.adapt.apart import GOALS, THESE
from knowledge_spreader.adapt.spread import NONE, WAYS
from knowledge_spreader.adapt.suggest import Suggestion, suggest
from knowledge_spreader.arrays import Bools
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.answers import answers
from knowledge_spreader.realtime.adapt.cache import Seen, Watched, default_cache, watch_recordings
from knowledge_spreader.realtime.adapt.labelled import label_faces, read_labels
from knowledge_spreader.realtime.adapt.recordings import OwnRecording, find_recordings
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.spec import UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedModel:
    model: ModelFile  # as it was written
    adapted: Adapted
    recordings: tuple[OwnRecording, ...]
    notes: tuple[str, ...]  # what was not used, and why, one line each


@dataclass(frozen=True, slots=True, eq=False)
class Suggested:
    """Frames to label next."""

    chosen: tuple[Suggestion, ...]
    watched: Watched
    recordings: tuple[OwnRecording, ...]
    aus: tuple[int, ...]
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """recording, frame number, time in seconds, face, person and why, of each."""
        faces, found = self.watched.faces, []
        for row, why in self.chosen:
            recording = int(faces.recording[row])
            found.append(
                {
                    "recording": self.recordings[recording],
                    "frame": int(self.watched.frames[recording][faces.frame[row]]),
                    "time_s": float(faces.time_s[row]),
                    "face": int(faces.face[row]),
                    "why": why,
                }
            )
        return found


def adapt_model(
    recordings: Sequence[str | Path],
    labels: Sequence[str | Path],
    out: str | Path,
    *,
    goal: str = THESE,
    spread: str = NONE,
    options: Options | None = None,
    cache: str | Path = "",
    seen: Seen = lambda path, frames: None,
) -> AdaptedModel:
    """Writes `out`. recordings: videos, folders or lists of them. labels: files of any format that docs/datasets.md
    names. options: the base model and what runs it. cache: where what was computed is kept; "" = the user's cache.
    seen: called with a recording and how many of its frames are done.

    Raises KSError, before the recordings are watched, on labels, recordings or options that cannot be used.
    """
    _check(goal, GOALS, "--for")
    _check(spread, WAYS, "--spread")
    options = options or Options()
    base = base_model(options)
    aus = base.spec.aus
    found = find_recordings([Path(path) for path in recordings])
    said = read_labels([Path(path) for path in labels], found, aus)
    watched = _watched(found, options, cache, seen)
    labelled = label_faces(said, found, watched, aus)
    spec = base.spec_heard(voices=True)
    thresholds = spec.thresholds or (0.5,) * len(aus)
    names = [one.file_name for one in found]
    adapted = adapt(watched.faces, names, labelled.labels, aus, thresholds, goal=goal, way=spread)
    graphs = {name: base.graph(name) for name in base.sha256}
    own = adapted.own
    if own is not None:
        own = replace(own, notes={**own.notes, "base": base.weights_id})
    model = write_model(
        Path(out), base.spec, graphs, base.torch_weights, base.precision, base.costs, base.note, base.geometry, own
    )
    return AdaptedModel(model, adapted, found, (*labelled.notes, *adapted.notes))


def suggest_frames(
    recordings: Sequence[str | Path],
    budget: float,
    *,
    labels: Sequence[str | Path] = (),
    options: Options | None = None,
    cache: str | Path = "",
    seed: int = 0,
    seen: Seen = lambda path, frames: None,
) -> Suggested:
    """budget: a share of all frames with a face below 1, else a number of frames. labels: frames that have labels.
    options: the model that is asked which frames it is unsure of; an adapted one may be.
    """
    options = options or Options()
    model = open_model(options.model or bundled_model())
    aus = model.spec.aus
    found = find_recordings([Path(path) for path in recordings])
    said = read_labels([Path(path) for path in labels], found, aus) if labels else None
    watched = _watched(found, options, cache, seen)
    faces, notes = watched.faces, tuple[str, ...]()
    has: Bools = np.zeros(len(faces), np.bool_)
    if said is not None:
        labelled = label_faces(said, found, watched, aus)
        has, notes = (labelled.labels != UNKNOWN).any(axis=1), labelled.notes
    wanted = round(budget * int(faces.widest().sum())) if budget < 1 else round(budget)
    if wanted < 1:
        raise DataError(f"--budget {budget:g} of {int(faces.widest().sum())} frames with a face is none; ask for more")
    chosen = suggest(faces, [one.file_name for one in found], answers(model, faces), has, wanted, seed)
    if not chosen:
        raise DataError("every frame with a face has a label, or lies within half a second of one; none is left")
    if len(chosen) < wanted:
        notes = (*notes, f"{len(chosen)} frames, not {wanted}: no others are half a second from them and from labels")
    return Suggested(tuple(chosen), watched, found, aus, notes)


def _watched(recordings: Sequence[OwnRecording], options: Options, cache: str | Path, seen: Seen) -> Watched:
    """Raises DataError if no recording shows a face."""
    watched = watch_recordings(recordings, options, Path(cache) if cache else default_cache(), seen)
    if not len(watched.faces):
        raise DataError(f"{recordings[0].path}: no face that could be answered in any recording; give others")
    return watched


def base_model(options: Options) -> ModelFile:
    """The model to start from. Raises DataError if it was adapted already."""
    base = open_model(options.model or bundled_model())
    if base.own is not None:
        raise DataError(
            f"--base {base.path}: was adapted already; give the model that it was adapted from, and all labels at once"
        )
    return base


def _check(value: str, known: Sequence[str], option: str) -> None:
    if value not in known:
        raise DataError(f"{option} must be one of {', '.join(known)}; got {value!r}")
