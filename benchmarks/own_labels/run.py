"""Runs the study of ks-adapt's ways to learn on labelled recordings; a stopped one goes on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rich.progress import Progress

from knowledge_spreader.adapt.apart import GOALS, THESE
from knowledge_spreader.adapt.spread import FIXMATCH, KS, PSEUDO_LABEL
from knowledge_spreader.benchmarks.own_labels.cells import (
    BASE_MODEL,
    HEADS,
    METHODS,
    THRESHOLDS,
    Cell,
    Material,
    run_cell,
)
from knowledge_spreader.benchmarks.own_labels.trained import KS as TRAINED_KS
from knowledge_spreader.benchmarks.own_labels.trained import SUPERVISED as TRAINED
from knowledge_spreader.benchmarks.own_labels.trained import Trainings
from knowledge_spreader.benchmarks.provenance import Row, origin_of_results, stamped
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import check_place
from knowledge_spreader.realtime.adapt.cache import default_cache, watch_recordings
from knowledge_spreader.realtime.adapt.labelled import label_faces, read_labels
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.options import Options

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
SEEDS = 5
NETWORKS = (TRAINED, TRAINED_KS)  # minutes each, so they are run if they are named
ONLY_FEW = (KS, *NETWORKS)  # on new recordings and new people
_FEW, _SOME = 0.02, 0.05  # shares of labels


@dataclass(frozen=True, slots=True)
class StudyOptions:
    recordings: Path  # a labelled set: the manifest of ks-synth dataset
    rows: Path  # results, a line each
    shares: tuple[float, ...] = SHARES
    methods: tuple[str, ...] = METHODS
    seeds: int = SEEDS
    cache: Path | None = None
    progress: bool = False


def cells(options: StudyOptions, goals: Sequence[str] = GOALS) -> list[Cell]:
    """On the recordings themselves all methods; on new recordings and new people those that may help there."""
    found = [Cell(goal, 1.0, BASE_MODEL, 0) for goal in goals]
    for goal, share, method in product(goals, options.shares, options.methods):
        if method == BASE_MODEL or (method not in (THRESHOLDS, HEADS, TRAINED) and share > _SOME):
            continue  # with many labels, those of other frames add nothing
        if goal != THESE and (method in (PSEUDO_LABEL, FIXMATCH) or (method in ONLY_FEW and share != _FEW)):
            continue
        seeds = _seeds(share, options.seeds) if method not in NETWORKS else range(1 if goal != THESE else 2)
        found += [Cell(goal, share, method, seed) for seed in seeds if seed < options.seeds]
    for share, method in product(options.shares, (HEADS, KS)):
        if method in options.methods and share <= (_SOME if method == HEADS else _FEW):
            found += [Cell(THESE, share, method, seed, "consecutive") for seed in _seeds(share, options.seeds)]
    return found


def _seeds(share: float, seeds: int) -> range:
    """With many labels, which ones they are hardly matters: their number decides."""
    return range(seeds if share <= _SOME else min(2, seeds) if share < 1 else 1)


def study(options: StudyOptions) -> None:
    """Raises KSError like ks-adapt."""
    known_methods = (*METHODS, *NETWORKS)
    if unknown := [method for method in options.methods if method not in known_methods]:
        raise DataError(f"--methods: there is no {unknown[0]!r}; choose of {', '.join(known_methods)}")
    if options.seeds < 1:
        raise DataError(f"--seeds must be 1 or more; got {options.seeds}")
    check_place("--rows", options.rows)
    model = open_model(bundled_model())
    spec = model.spec_heard(voices=True)
    recordings = find_recordings([options.recordings])
    labels = read_labels([options.recordings], recordings, spec.aus)
    cache = options.cache or default_cache()
    watched = watch_recordings(recordings, Options(), cache)
    known = label_faces(labels, recordings, watched, spec.aus)
    trainings = Trainings(options.recordings, tuple(one.path for one in recordings), spec.aus, cache / "crops")
    material = Material.of(watched.faces, known.labels, spec.thresholds, trainings)
    done = _done(options.rows)
    origin = origin_of_results()
    todo = [cell for cell in cells(options, material.goals) if cell not in done]
    with Progress(console=stderr_console(), disable=not options.progress, transient=True) as bar:
        task = bar.add_task("cells", total=len(todo))
        for cell in todo:
            row = stamped({**run_cell(material, cell), "weights": model.weights_id, **origin})
            with options.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            bar.advance(task)


def read_rows(path: Path) -> list[Row]:
    """The rows of a study; a torn last line is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def _done(path: Path) -> set[Cell]:
    names = ("tested_on", "share", "method", "seed", "scheme")
    return {Cell(**{name: row[name] for name in names}) for row in read_rows(path)}
