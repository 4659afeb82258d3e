"""Runs the study of ks-adapt's ways to learn on labelled recordings; a stopped one goes on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rich.progress import Progress

from knowledge_spreader.adapt.apart import ANYONE, PEOPLE, THESE
from knowledge_spreader.benchmarks.own_labels.cells import BASE_MODEL, HEADS, METHODS, Cell, Material, run_cell
from knowledge_spreader.benchmarks.provenance import origin_of_results, stamped
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.realtime.adapt.cache import default_cache, watch_recordings
from knowledge_spreader.realtime.adapt.labelled import label_faces, read_labels
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.options import Options

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
SEEDS = 5
_FEW = 0.02  # up to here all methods are run; above, those that differ


@dataclass(frozen=True, slots=True)
class StudyOptions:
    recordings: Path  # a labelled set: the manifest of ks-synth dataset
    rows: Path  # results, a line each
    shares: tuple[float, ...] = SHARES
    methods: tuple[str, ...] = METHODS
    seeds: int = SEEDS
    cache: Path | None = None
    progress: bool = False


def cells(options: StudyOptions) -> list[Cell]:
    """All methods on the recordings themselves; those that may differ elsewhere on new recordings and new people."""
    found = [Cell(goal, 1.0, BASE_MODEL, 0) for goal in (THESE, PEOPLE, ANYONE)]
    some = [method for method in options.methods if method != BASE_MODEL]
    for share, method in product(options.shares, some):
        seeds = range(1 if share == 1 else options.seeds)
        if share < 1 or method in (HEADS, "thresholds"):
            found += [Cell(THESE, share, method, seed) for seed in seeds]
        if method in (HEADS, "ks", "thresholds") and (share < 1 or method != "ks"):
            found += [Cell(goal, share, method, seed) for goal in (PEOPLE, ANYONE) for seed in seeds]
    found += [
        Cell(THESE, share, method, seed, "consecutive")
        for share, method, seed in product(options.shares, (HEADS, "ks"), range(options.seeds))
        if share <= 0.1 and method in options.methods
    ]
    return found


def study(options: StudyOptions) -> None:
    """Raises KSError like ks-adapt."""
    model = open_model(bundled_model())
    spec = model.spec_heard(voices=True)
    recordings = find_recordings([options.recordings])
    labels = read_labels([options.recordings], recordings, spec.aus)
    watched = watch_recordings(recordings, Options(), options.cache or default_cache())
    known = label_faces(labels, recordings, watched, spec.aus)
    material = Material.of(watched.faces, known.labels, spec.thresholds)
    done = _done(options.rows)
    origin = origin_of_results()
    todo = [cell for cell in cells(options) if cell not in done]
    with Progress(console=stderr_console(), disable=not options.progress, transient=True) as bar:
        task = bar.add_task("cells", total=len(todo))
        for cell in todo:
            row = stamped({**run_cell(material, cell), "weights": model.weights_id, **origin})
            with options.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            bar.advance(task)


def read_rows(path: Path) -> list[dict[str, object]]:
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
    return {Cell(**{name: row[name] for name in names}) for row in read_rows(path)}  # type: ignore[arg-type]


def summary(rows: Sequence[dict[str, object]]) -> list[str]:
    """A line per goal, share, method and scheme: mean F1 over seeds and the mean interval."""
    raise NotImplementedError
