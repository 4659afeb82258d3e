"""The command: a data set, the benchmark set, one clip, the demo clip, contact sheets, thresholds."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.synth.assets.library import load_assets
from knowledge_spreader.synth.dataset.clip import clip_of
from knowledge_spreader.synth.dataset.contact_sheets import au_sheet, clip_sheet, people_sheet, write_sheet
from knowledge_spreader.synth.dataset.dataset import make_set
from knowledge_spreader.synth.dataset.demo import write_demo
from knowledge_spreader.synth.dataset.occurrence import THRESHOLDS
from knowledge_spreader.synth.dataset.plan import FRAMES_AS, Plan, assets_digest, benchmark_plan
from knowledge_spreader.synth.dataset.single_clip import write_clip
from knowledge_spreader.synth.dataset.visibility_thresholds import measure
from knowledge_spreader.synth.motion.scripts import KINDS
from knowledge_spreader.synth.rendering.renderer import Renderer


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the parts; 2 when the user can mend what went wrong."""
    parser = argparse.ArgumentParser("ks-synth", description="render faces whose action units are known")
    where = argparse.ArgumentParser(add_help=False)  # before or behind the part's name
    for place, default in ((parser, None), (where, argparse.SUPPRESS)):
        place.add_argument(
            "--assets", type=Path, default=default, help="folder with makehuman/, ict_facekit/ and hdri/"
        )
    parts = parser.add_subparsers(dest="part", required=True)
    clip = parts.add_parser("clip", parents=[where], help="one random clip: OUT.mp4 and OUT.csv")
    clip.add_argument("--seed", type=int, default=0, help="which clip (default 0)")
    clip.add_argument("--frames", type=int, default=100, help="how many (default 100)")
    clip.add_argument("--fps", type=Fraction, default=Fraction(25), help="frames per second (default 25)")
    clip.add_argument("--size", type=int, default=256, help="side in pixels, even (default 256)")
    clip.add_argument("--out", type=Path, default=Path("clip.mp4"), help="the video (default clip.mp4)")
    demo = parts.add_parser("demo", parents=[where], help="the clip that the product brings along")
    demo.add_argument("--out", type=Path, default=Path("realtime/demo"), help="folder (default realtime/demo)")
    sheets = parts.add_parser("sheets", parents=[where], help="contact sheets of people, AUs and clips")
    sheets.add_argument("--out", type=Path, default=Path("docs"), help="folder (default docs)")
    _add_sets(parts, where)
    args = parser.parse_args(argv)
    if args.assets is None:
        parser.error("--assets PATH is missing: the folder with makehuman/, ict_facekit/ and hdri/")
    run = {"clip": _clip, "demo": _demo, "sheets": _sheets, "thresholds": _thresholds}
    run |= {"dataset": _dataset, "benchmark": _benchmark}
    try:
        run[args.part](args)
    except KSError as exc:
        print(f"ks-synth: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ks-synth: stopped; what is finished stays, the same command goes on", file=sys.stderr)
        return 130
    return 0


def _add_sets(parts: Any, where: argparse.ArgumentParser) -> None:
    """Adds the sets and their thresholds."""
    data = parts.add_parser("dataset", parents=[where], help="many clips of many people, for training")
    data.add_argument("--people", type=int, default=100, help="how many (default 100)")
    data.add_argument("--clips", type=int, default=2, help="of each person (default 2)")
    data.add_argument("--frames", type=int, default=100, help="of each clip (default 100)")
    data.add_argument("--size", type=int, default=192, help="side in pixels, even (default 192)")
    data.add_argument("--fps", type=Fraction, default=Fraction(25), help="frames per second (default 25)")
    data.add_argument("--seed", type=int, default=0, help="another one gives other people and clips (default 0)")
    data.add_argument("--frames-as", choices=FRAMES_AS, default="mp4", help="a video or a folder of pictures")
    data.add_argument(
        "--samples", type=int, default=1, help="to a pixel's side: 2 is smoother, 3 times slower (default 1)"
    )
    data.add_argument("--only", choices=KINDS, default="", help="clips of one kind (default: all, in their shares)")
    data.add_argument("--shadow", type=int, default=512, help="side of the shadow map in pixels (default 512)")
    test = parts.add_parser("benchmark", parents=[where], help="the set on which methods are compared: 60,000 frames")
    test.add_argument("--small", action=argparse.BooleanOptionalAction, default=False, help="1,728 frames, for tests")
    for part in (data, test):
        part.add_argument("--out", type=Path, required=True, help="folder; a set that is begun there goes on")
        part.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    seen = parts.add_parser("thresholds", parents=[where], help="measures from which intensity an AU can be seen")
    seen.add_argument("--people", type=int, default=12, help="how many (default 12; 15 s each on a CPU)")


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
    for au, measured in seen.thresholds().items():
        print(f"{au:2}  {THRESHOLDS[au]:6.2f}  {measured:8.3f}")


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
    assets = load_assets(args.assets)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{args.out}: the folder cannot be made ({exc.strerror}); give another --out") from exc
    write_sheet(args.out / "synth_people.jpg", people_sheet(assets, range(60)), 10)
    write_sheet(args.out / "synth_aus.jpg", au_sheet(assets, (44, 47)), 7)
    write_sheet(args.out / "synth_clip.jpg", clip_sheet(assets, (0, 4, 5, 7, 10, 12)), 10)
    print(args.out / "synth_*.jpg")


if __name__ == "__main__":
    sys.exit(main())
