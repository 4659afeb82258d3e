"""ks-synth: renders data sets, clips, contact sheets and reference pictures of AUs; measures thresholds."""

import argparse
import os
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from knowledge_spreader.cli.run import Parser, add_json, make_parser, run
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import write_json
from knowledge_spreader.spec import au_label
from knowledge_spreader.synth.assets.library import load_assets
from knowledge_spreader.synth.dataset.clip import clip_of
from knowledge_spreader.synth.dataset.contact_sheets import au_sheet, clip_sheet, people_sheet, write_sheet
from knowledge_spreader.synth.dataset.dataset import make_set
from knowledge_spreader.synth.dataset.demo import write_demo
from knowledge_spreader.synth.dataset.occurrence import THRESHOLDS
from knowledge_spreader.synth.dataset.plan import FRAMES_AS, Plan, assets_digest, benchmark_plan
from knowledge_spreader.synth.dataset.references import write_references
from knowledge_spreader.synth.dataset.single_clip import write_clip
from knowledge_spreader.synth.dataset.visibility_thresholds import measure
from knowledge_spreader.synth.motion.scripts import KINDS
from knowledge_spreader.synth.rendering.renderer import Renderer

EXAMPLES = """\
  ks-synth dataset --assets ASSETS --out set --people 1000     labelled videos; the same command resumes
  ks-synth clip --assets ASSETS --out one.mp4                  one random clip
  ks-synth sheets --assets ASSETS --out sheets                 contact sheets of people, AUs and clips
"""
STOPPED = "stopped; finished clips stay, and the same command resumes"


def parser() -> argparse.ArgumentParser:
    made = make_parser("ks-synth", "Render videos of people whose action units are known.", EXAMPLES)
    where = Parser(add_help=False)  # --assets may stand before or after the subcommand
    for place, default in ((made, None), (where, argparse.SUPPRESS)):
        place.add_argument(
            "--assets",
            type=Path,
            default=default,
            metavar="FOLDER",
            help="the folder with makehuman/, ict_facekit/ and hdri/; see docs/rendered-people.md",
        )
    parts = made.add_subparsers(
        dest="part", required=True, metavar="dataset|benchmark|clip|demo|sheets|references|thresholds"
    )
    _add_sets(parts, where)
    clip = parts.add_parser("clip", parents=[where], help="one random clip: OUT.mp4 and OUT.csv")
    clip.add_argument("--seed", type=int, default=0, metavar="N", help="which clip (default: %(default)s)")
    clip.add_argument("--frames", type=int, default=100, metavar="N", help="number of frames (default: %(default)s)")
    clip.add_argument("--fps", type=Fraction, default=Fraction(25), help="frames per second (default: %(default)s)")
    clip.add_argument("--size", type=int, default=256, metavar="PX", help="side, even number (default: %(default)s)")
    clip.add_argument(
        "--out", type=Path, default=Path("clip.mp4"), metavar="FILE.mp4", help="the video (default: %(default)s)"
    )
    demo = parts.add_parser("demo", parents=[where], help="the demo clip that comes with the package")
    demo.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for clip.mp4 and clip.csv")
    for name, text in (
        ("sheets", "contact sheets of people, AUs and clips"),
        ("references", "for each AU: one face neutral, at level B and at level D; the pictures of ks-studio"),
    ):
        pictures = parts.add_parser(name, parents=[where], help=text)
        pictures.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the pictures")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _synth, STOPPED)


def _synth(args: argparse.Namespace) -> None:
    if args.assets is None:
        raise DataError("--assets FOLDER is missing; give the folder with makehuman/, ict_facekit/ and hdri/")
    parts = {"clip": _clip, "demo": _demo, "sheets": _sheets, "references": _references, "thresholds": _thresholds}
    parts |= {"dataset": _dataset, "benchmark": _benchmark}
    parts[args.part](args)


def _add_sets(parts: "argparse._SubParsersAction[Parser]", where: Parser) -> None:
    """Adds the subcommands dataset, benchmark and thresholds."""
    data = parts.add_parser("dataset", parents=[where], help="many clips of many people, for training")
    counts = {
        "people": (100, "N", "number of people"),
        "clips": (2, "N", "clips of each person"),
        "frames": (100, "N", "frames of each clip"),
        "size": (192, "PX", "side, even number"),
        "seed": (0, "N", "another seed gives other people and clips"),
        "samples": (1, "N", "samples per pixel side: 2 is smoother and 3 times slower"),
        "shadow": (512, "PX", "side of the shadow map"),
    }
    for name, (number, unit, text) in counts.items():
        data.add_argument(f"--{name}", type=int, default=number, metavar=unit, help=f"{text} (default: %(default)s)")
    data.add_argument("--fps", type=Fraction, default=Fraction(25), help="frames per second (default: %(default)s)")
    data.add_argument(
        "--frames-as", choices=FRAMES_AS, default="mp4", help="videos, or folders of pictures (default: %(default)s)"
    )
    data.add_argument(
        "--only", choices=KINDS, default="", help="clips of one kind only (default: all, in their shares)"
    )
    test = parts.add_parser("benchmark", parents=[where], help="the set on which methods are compared: 60,000 frames")
    test.add_argument(
        "--small",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="1,728 frames, for tests (default: off)",
    )
    for part in (data, test):
        part.add_argument(
            "--out", type=Path, required=True, metavar="FOLDER", help="for the set; a set begun there is resumed"
        )
        part.add_argument(
            "--workers", type=int, default=os.cpu_count(), metavar="N", help="processes (default: one per core)"
        )
    seen = parts.add_parser("thresholds", parents=[where], help="measure the intensity from which each AU is visible")
    seen.add_argument("--people", type=int, default=12, metavar="N", help="number, 15 s each (default: %(default)s)")
    add_json(seen)


def _dataset(args: argparse.Namespace) -> None:
    digest = assets_digest(load_assets(args.assets))
    counts = (args.seed, args.people, args.clips, args.frames, args.size)
    how = (str(args.fps), args.frames_as, args.samples, args.shadow)
    _make(args, Plan(*counts, *how, digest, only=args.only))


def _benchmark(args: argparse.Namespace) -> None:
    _make(args, benchmark_plan(assets_digest(load_assets(args.assets)), small=args.small))


def _make(args: argparse.Namespace, plan: Plan) -> None:
    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    console, started, first = stderr_console(), time.perf_counter(), -1
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", rate="")

        def told(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            rate = (done - first) / max(time.perf_counter() - started, 1e-3)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f} frames/s")

        made = make_set(args.assets, plan, args.out, max(args.workers, 1), told)
    rate = f"; {made.drawn} drawn now, {made.drawn / made.took_s:.1f} frames/s on {made.driver}" if made.drawn else ""
    print(f"{args.out / 'manifest.csv'}: {plan.people} people, {made.clips} clips, {made.frames} frames{rate}")


def _thresholds(args: argparse.Namespace) -> None:
    seen = measure(load_assets(args.assets), range(100, 100 + args.people))
    print("AU  in use  measured")
    found = seen.thresholds()
    for au, measured in found.items():
        print(f"{au:2}  {THRESHOLDS[au]:6.2f}  {measured:8.3f}")
    if args.json:
        figures = {au_label(au): {"in_use": THRESHOLDS[au], "measured": float(x)} for au, x in found.items()}
        write_json(args.json, {"people": args.people, "thresholds": figures})


def _clip(args: argparse.Namespace) -> None:
    assets = load_assets(args.assets)
    size = (args.size, args.size)
    clip = clip_of(assets, args.seed, args.frames, float(args.fps), size)
    with Renderer(assets, *size) as renderer:
        start = time.perf_counter()
        write_clip(renderer, clip, args.out, args.fps)
        took_s = time.perf_counter() - start
        print(f"{args.out}: {args.frames} frames, {args.frames / took_s:.1f} frames/s on {renderer.graphics.driver}")


def _demo(args: argparse.Namespace) -> None:
    for path in write_demo(load_assets(args.assets), args.out):
        print(path)


def _sheets(args: argparse.Namespace) -> None:
    assets, out = load_assets(args.assets), _made_folder(args.out)
    write_sheet(out / "synth_people.jpg", people_sheet(assets, range(60)), 10)
    write_sheet(out / "synth_aus.jpg", au_sheet(assets, (44, 47)), 7)
    write_sheet(out / "synth_clip.jpg", clip_sheet(assets, (0, 4, 5, 7, 10, 12)), 10)
    print(out / "synth_*.jpg")


def _references(args: argparse.Namespace) -> None:
    for path in write_references(load_assets(args.assets), _made_folder(args.out)):
        print(path)


def _made_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{folder}: the folder cannot be made ({exc.strerror}); give another --out") from exc
    return folder
