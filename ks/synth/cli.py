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

from ks.console import stderr_console
from ks.errors import DataError, KSError
from ks.synth.clip import clip_of
from ks.synth.dataset import make_set
from ks.synth.demo import write_demo
from ks.synth.facshuman import load
from ks.synth.occurrence import THRESHOLDS, THRESHOLDS_FACSHUMAN
from ks.synth.plan import FRAMES_AS, Plan, assets_digest, benchmark_plan
from ks.synth.render import Renderer
from ks.synth.scripts import KINDS
from ks.synth.sheets import au_sheet, clip_sheet, people_sheet, write_sheet
from ks.synth.single import write_clip
from ks.synth.thresholds import measure


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
    data, seen = _add_sets(parts, where)
    for part in (clip, sheets, data, seen):
        part.add_argument(
            "--facshuman",
            action=argparse.BooleanOptionalAction,
            default=False,
            help="some people show some AUs with FACSHuman's shapes (LGPL-3.0): needs facshuman/ among the assets",
        )
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


def _add_sets(parts: Any, where: argparse.ArgumentParser) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Adds the sets and their thresholds; gives back what may be asked for with other shapes."""
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
    return data, seen


def _dataset(args: argparse.Namespace) -> None:
    digest = assets_digest(load(args.assets, facshuman=args.facshuman))
    counts = (args.seed, args.people, args.clips, args.frames, args.size)
    how = (str(args.fps), args.frames_as, args.samples, args.shadow)
    _make(args, Plan(*counts, *how, digest, facshuman=args.facshuman, only=args.only))


def _benchmark(args: argparse.Namespace) -> None:
    _make(args, benchmark_plan(assets_digest(load(args.assets, facshuman=False)), small=args.small))


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
    seen = measure(load(args.assets, facshuman=args.facshuman), range(100, 100 + args.people))
    in_use = THRESHOLDS_FACSHUMAN if args.facshuman else THRESHOLDS
    print("AU  in use  measured")
    for au, measured in seen.thresholds().items():
        print(f"{au:2}  {in_use[au]:6.2f}  {measured:8.3f}")


def _clip(args: argparse.Namespace) -> None:
    assets = load(args.assets, facshuman=args.facshuman)
    size = (args.size, args.size)
    clip = clip_of(assets, args.seed, args.frames, float(args.fps), size)
    with Renderer(assets, *size) as renderer:
        start = time.perf_counter()
        write_clip(renderer, clip, args.out, args.fps)
        took_s = time.perf_counter() - start
        print(f"{args.out}: {args.frames} frames, {args.frames / took_s:.1f} frames/s on {renderer.graphics.driver}")


def _demo(args: argparse.Namespace) -> None:
    for path in write_demo(load(args.assets, facshuman=False), args.out):
        print(path)


def _sheets(args: argparse.Namespace) -> None:
    assets = load(args.assets, facshuman=args.facshuman)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{args.out}: the folder cannot be made ({exc.strerror}); give another --out") from exc
    kind = "_facshuman" if args.facshuman else ""  # beside the others, which stand in the documentation
    write_sheet(args.out / f"synth_people{kind}.jpg", people_sheet(assets, range(60)), 10)
    write_sheet(args.out / f"synth_aus{kind}.jpg", au_sheet(assets, (44, 47)), 7)
    write_sheet(args.out / f"synth_clip{kind}.jpg", clip_sheet(assets, (0, 4, 5, 7, 10, 12)), 10)
    print(args.out / f"synth_*{kind}.jpg")


if __name__ == "__main__":
    sys.exit(main())
