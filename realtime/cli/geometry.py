"""ks-geometry: gives a model a geometry voice, learned from labelled recordings and portraits of real people."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.cli.outputs import MODEL, check_outputs, outputs
from knowledge_spreader.cli.run import add_progress, add_threads, base_rates, make_parser, run, stdout_console
from knowledge_spreader.datasets.manifest import load
from knowledge_spreader.datasets.types import DataSet
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.geometry.fit import (
    LEARNED,
    LEAST_ICC,
    MAPPED,
    Heard,
    VoiceFit,
    at_rest,
    check_enough,
    fit_voice,
)
from knowledge_spreader.geometry.fit_sides import LEAST_AUC, LEAST_PEOPLE, LEAST_RIGHT, Shown, candidates, fit_sides
from knowledge_spreader.geometry.voice import GeometryVoice
from knowledge_spreader.realtime.cli.truth import TRUTH, intensities, intensities_by_side
from knowledge_spreader.realtime.gather import gather
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.spec import ModelSpec, au_label, parse_aus

EXAMPLES = """\
  ks-geometry --recordings rendered/manifest.csv --portraits faces/ --model mine.ks --out mine-with-points.ks
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-geometry",
        "Give a model a geometry voice: it hears the landmarks of a face beside its crop. Rendered people teach it "
        "mouths, cheeks and eyes, portraits of real people how faces differ at rest.",
        EXAMPLES,
    )
    made.add_argument("--model", type=Path, metavar="FILE.ks", help="the model (default: the bundled one)")
    made.add_argument(
        "--recordings",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="labelled recordings, best of rendered people: the manifest.csv of a ks-synth dataset",
    )
    made.add_argument(
        "--portraits",
        type=Path,
        action="append",
        required=True,
        metavar="FOLDER",
        help="photographs of people, one face each, at rest or with a smile for the camera; may be repeated",
    )
    made.add_argument(
        "--intensities",
        type=Path,
        metavar="FOLDER",
        help="true intensities of --recordings: the truth/ folder of a ks-synth dataset (default: none are told)",
    )
    made.add_argument(
        "--sides",
        type=Path,
        metavar="FILE.csv",
        help="recordings whose truth/ beside them knows sides: the manifest.csv of `ks-synth dataset --only sides`; "
        "teaches which side of the face acts (default: sides are not told)",
    )
    made.add_argument("--out", type=Path, required=True, metavar="FILE.ks", help="the model with the voice")
    made.add_argument(
        "--base-rates",
        type=base_rates,
        default=(),
        metavar="AU6=0.25,...",
        help="share of frames that show an AU in the recordings to analyse; thresholds are chosen for them "
        "(default: as in --recordings)",
    )
    made.add_argument(
        "--experimental",
        type=parse_aus,
        metavar="7,14",
        help="AUs not shown to work on real faces; every output marks them; '' = none (default: as in the model)",
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _learn)


def _learn(args: argparse.Namespace) -> None:
    model = open_model(args.model or bundled_model())
    reads = [("the recordings", args.recordings), *(("portraits", path) for path in args.portraits)]
    check_outputs(outputs(("--out", args.out, MODEL)), [*reads, ("the model", model.path)])
    for folder in args.portraits:
        if not folder.is_dir():
            raise DataError(f"--portraits {folder}: no such folder; give a folder of photographs")
    options = Options(model=str(model.path), device=args.device, precision=args.precision, threads=args.threads)
    data = load(args.recordings, model.spec.aus)
    check_enough(len({video.subject for video in data.videos}), sum(len(list_images(path)) for path in args.portraits))
    truth = intensities(args.intensities, data) if args.intensities else []
    sides = load(args.sides, model.spec.aus) if args.sides else None
    by_side = intensities_by_side(args.sides.parent / TRUTH, sides, candidates(model.spec.aus)) if sides else []
    rendered, rows = _recordings(data, options, progress=args.progress)
    portraits = _portraits(args.portraits, options, progress=args.progress)
    labels = np.stack([data.videos[v].labels[row] for v, row in rows])
    known = np.stack([truth[v][row] for v, row in rows]) if truth else None
    spec = model.spec if args.experimental is None else replace(model.spec, experimental=args.experimental)
    fitted = fit_voice(spec, rendered, labels, portraits, dict(args.base_rates), known)
    shown: tuple[Shown, ...] = ()
    if sides:
        faces, rows = _recordings(sides, options, progress=args.progress)
        acts = np.stack([by_side[v][row] for v, row in rows])
        found, shown = fit_sides(model.spec.aus, faces.features, faces.person, acts, portraits.features)
        fitted = replace(fitted, voice=replace(fitted.voice, sides=found))
    written = _write(model, spec, fitted.voice, args.out)
    console = stdout_console(wide=120)
    _print_voice(spec, fitted, portraits, console)
    if shown:
        _print_sides(shown, console)
    console.print(
        f"{args.out}: weights {written.weights_id}; learned from {len(set(rendered.person))} people, "
        f"{len(rendered.person)} frames, and {len(portraits.person)} portraits, "
        f"{int(at_rest(model.spec, portraits).sum())} of them at rest",
        soft_wrap=True,
        highlight=False,
    )


def _recordings(data: DataSet, options: Options, *, progress: bool) -> tuple[Heard, list[tuple[int, int]]]:
    """What is heard in all frames of the data set, and of each: which video, which row of its labels."""
    found = gather([video.source for video in data.videos], replace(options, policy="every-frame"), progress=progress)
    place = [{int(picture): row for row, picture in enumerate(video.pictures)} for video in data.videos]
    rows = [(int(v), place[v].get(int(f), -1)) for v, f in zip(found.source, found.frame, strict=True)]
    kept = np.array([row >= 0 for _, row in rows])
    person = np.array([data.videos[v].subject for v in found.source])
    heard = Heard(found.crops[kept], found.features[kept], found.tokens[kept], person[kept])
    return heard, [row for row, keep in zip(rows, kept, strict=True) if keep]


def _portraits(folders: Sequence[Path], options: Options, *, progress: bool) -> Heard:
    everything = replace(options, policy="stills", min_face_px=0.0)
    found = gather(folders, everything, progress=progress)
    person = np.array([f"{s} {picture}" for s, picture in zip(found.source, found.picture, strict=True)])
    return Heard(found.crops, found.features, found.tokens, person)


def _write(model: ModelFile, spec: ModelSpec, voice: GeometryVoice, out: Path) -> ModelFile:
    graphs = {name: model.graph(name) for name in model.sha256}
    return write_model(out, spec, graphs, model.torch_weights, model.precision, model.costs, model.note, voice)


def _print_voice(spec: ModelSpec, fitted: VoiceFit, portraits: Heard, console: Console) -> None:
    voice = fitted.voice
    table = Table(title="Geometry voice")
    table.add_column("AU")
    table.add_column("learned from", no_wrap=True)
    for column in ("crops' share", "points' share", "threshold", "portraits", "ICC", "MAE"):
        table.add_column(column, justify="right")
    heard = sigmoid(voice.heard(portraits.crops, voice.logits(portraits.features), portraits.tokens))
    for u, au in enumerate(spec.aus):
        source = "rendered people" if au in LEARNED else "blendshapes" if au in MAPPED else "not heard"
        reach = float((heard[:, u] >= voice.thresholds[u]).mean())
        shares = f"{voice.crops_share[u]:.2f}", f"{voice.points_share[u]:.2f}"
        agreed = fitted.intensity[u]
        figures = ("", "") if agreed is None else (f"{agreed.icc:.2f}", f"{agreed.mae:.2f}")
        table.add_row(au_label(au), source, *shares, f"{voice.thresholds[u]:.2f}", f"{100 * reach:.1f} %", *figures)
    console.print(table)
    console.print(
        "portraits: share that reaches the threshold. ICC(3,1), MAE: of intensities 0 to 5 with the true ones, people "
        f"left out; told where the ICC is {LEAST_ICC:g} or more.",
        soft_wrap=True,
    )


def _print_sides(shown: Sequence[Shown], console: Console) -> None:
    table = Table(title="Sides")
    for column in ("AU", "people", "right side", "AUC", "told"):
        table.add_column(column, justify="left" if column == "AU" else "right")
    for one in shown:
        told = "yes" if one.told else "no"
        table.add_row(au_label(one.au), str(one.people), f"{100 * one.right:.1f} %", f"{one.auc:.3f}", told)
    console.print(table)
    console.print(
        "people who show the AU on one side; share of those frames in which that side is the stronger; AUC of sides in "
        "frames with the AU. People left out, all other AUs even. Told where these are "
        f"{LEAST_PEOPLE}, {100 * LEAST_RIGHT:g} % and {LEAST_AUC:g} or more.",
        soft_wrap=True,
    )
