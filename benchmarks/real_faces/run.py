"""ks-real: judges a model on real faces, and MediaPipe's blendshapes for comparison.

Real faces are frames coded by eye, and portraits of people at rest and smiling. The pipeline of ks-live runs over every
frame of each coded file, and over each portrait as a photograph.

    coded.py, labels.py, coded_sets.py    tables of codes      scores.py, bootstrap.py    what the figures mean
    portraits.py, portrait_scores.py      portraits            judge.py                   all figures of a run
    answers.py, blendshapes.py            both methods         table.py, report.py        print and JSON
    looks.py                              how often these sets were looked at
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from knowledge_spreader.benchmarks.real_faces.answers import run_model
from knowledge_spreader.benchmarks.real_faces.blendshapes import Blendshapes
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet, read_sets, table_and_media
from knowledge_spreader.benchmarks.real_faces.judge import ALL, MODEL, judge
from knowledge_spreader.benchmarks.real_faces.looks import add_look, read_looks, times_looked
from knowledge_spreader.benchmarks.real_faces.portraits import Portraits, read_portraits
from knowledge_spreader.benchmarks.real_faces.report import report
from knowledge_spreader.benchmarks.real_faces.table import WIDE, print_table
from knowledge_spreader.cli.run import (
    add_face_model,
    add_json,
    add_progress,
    add_threads,
    make_parser,
    run,
    stdout_console,
)
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.files import check_place, same_file, write_json
from knowledge_spreader.realtime.options import VOICES, Options

LABELS = Path(__file__).parents[1] / "real_dev" / "labels.csv"

EXAMPLES = """\
  ks-real --media FOLDER --model mine.ks --landmarker face_landmarker.task
  ks-real --coded mine.csv=FOLDER --portraits FOLDER --json real.json
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-real",
        "Judge a model on real faces: frames coded by eye, and portraits at rest and smiling; MediaPipe's blendshapes "
        "for comparison. Give at least one of --media, --coded and --portraits.",
        EXAMPLES,
    )
    made.add_argument("--model", default="", metavar="FILE.ks", help="default: the bundled model")
    made.add_argument("--media", type=Path, metavar="FOLDER", help="folder with the videos and pictures of --labels")
    made.add_argument(
        "--labels", type=Path, metavar="FILE.csv", help="codes of the files in --media (default: the bundled labels)"
    )
    made.add_argument(
        "--coded",
        type=table_and_media,
        action="append",
        default=[],
        metavar="FILE.csv=FOLDER",
        help="more codes, and the folder with their videos and pictures; may be given several times",
    )
    made.add_argument(
        "--portraits",
        type=Path,
        metavar="FOLDER",
        help="pictures of people at rest ('neutral' in the file name) and smiling ('smil'); others are left out; the "
        "first number in a name is the person",
    )
    made.add_argument(
        "--landmarker",
        type=Path,
        metavar="FILE.task",
        help="MediaPipe's face_landmarker.task, to compare with it; it sends usage metrics to Google",
    )
    made.add_argument(
        "--looks", type=Path, metavar="FILE.csv", help="log: add a line, and tell how often these sets were looked at"
    )
    add_face_model(made)
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    made.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="subtract the person's baseline, if the model was fitted with it, and no geometry voice (default: on)",
    )
    made.add_argument(
        "--min-face",
        dest="min_face_px",
        type=float,
        metavar="PX",
        help="narrower faces get no answer (default: as in ks-live)",
    )
    made.add_argument(
        "--voices",
        choices=VOICES,
        default="all",
        help="as in ks-live (default: %(default)s)",
    )
    add_json(made, "all figures, and each face's,")
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _real)


def _real(args: argparse.Namespace) -> None:
    taken = ("model", "device", "precision", "threads", "face_model", "face_runtime", "person", "voices", "min_face_px")
    options = Options(**{name: getattr(args, name) for name in taken})
    sets = read_sets(_pairs(args))
    portraits = read_portraits(args.portraits) if args.portraits else None
    _check_written(args, sets, portraits)
    looks = read_looks(args.looks) if args.looks else []
    _check_aus(options, sets)
    with ExitStack() as stack:
        blendshapes = stack.enter_context(Blendshapes(args.landmarker)) if args.landmarker else None
        answered = run_model(sets, portraits, options, blendshapes, progress=args.progress)
    judged = judge(answered, sets, portraits, beside=args.landmarker is not None)
    if args.json:
        write_json(args.json, report(answered, judged, sets, portraits))
    console = stdout_console(wide=WIDE)
    print_table(answered, judged, portraits, console)
    if args.looks:
        shas = {one.name: one.sha256 for one in sets} | ({portraits.name: portraits.sha256} if portraits else {})
        add_look(args.looks, Path(answered.model), answered.weights, shas, judged.scores[MODEL].means[ALL].auc)
        before = times_looked(looks, shas)
        told = ", ".join(f"{name} {times + 1}" for name, times in before.items())
        console.print(f"Looks so far, this one included: {told}.", soft_wrap=True, highlight=False)


def _pairs(args: argparse.Namespace) -> list[tuple[Path, Path]]:
    """(table, media) of each coded set."""
    if args.labels and not args.media:
        raise DataError(f"--labels {args.labels}: where are its files? add --media FOLDER, or use --coded FILE=FOLDER")
    if not (args.media or args.coded or args.portraits):
        raise DataError("no faces given; add --media FOLDER, --coded FILE.csv=FOLDER or --portraits FOLDER")
    own = [(args.labels or LABELS, args.media)] if args.media else []
    return [*own, *args.coded]


def _check_written(args: argparse.Namespace, sets: Sequence[CodedSet], portraits: Portraits | None) -> None:
    """Raises DataError if an output cannot be written, or is an input."""
    reads = [one.table for one in sets] + [one.media / name for one in sets for name in one.coded.files]
    reads += [picture.path for picture in portraits.pictures] if portraits else []
    reads += [Path(path) for path in (args.model, args.landmarker, args.face_model) if path]
    writes = [(option, path) for option, path in (("--json", args.json), ("--looks", args.looks)) if path]
    for option, path in writes:
        check_place(option, path, new_folder=option == "--json")
        if any(same_file(path, other) for other in reads):
            raise DataError(f"{option} would write over {path}, which is an input; give another name")
    if len(writes) == 2 and same_file(args.json, args.looks):
        raise DataError(f"--json and --looks would both write {args.json}; give each its own name")


def _check_aus(options: Options, sets: Sequence[CodedSet]) -> None:
    """Raises ModelError if the model predicts none of the coded AUs."""
    model = open_model(options.model or bundled_model())
    for one in sets:
        if not set(one.coded.aus) & set(model.spec.aus):
            raise ModelError(
                f"{one.table} codes AUs {', '.join(map(str, one.coded.aus))}, and {model.path} predicts none of them; "
                "give codes of other AUs"
            )
