"""The command's parts so far: one clip, the demo clip, contact sheets."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ks.errors import KSError
from ks.synth.assets import load_assets
from ks.synth.clip import U8, clip_of, draw
from ks.synth.demo import write_demo
from ks.synth.formats import F32
from ks.synth.recipes import AUS
from ks.synth.render import Renderer
from ks.synth.sheets import au_sheet, clip_sheet, people_sheet, write_sheet
from ks.synth.video import write_intensities, write_video


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the parts; 2 when the user can mend what went wrong."""
    parser = argparse.ArgumentParser("ks-synth", description="render faces whose action units are known")
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman/, ict_facekit/ and hdri/")
    parts = parser.add_subparsers(dest="part", required=True)
    clip = parts.add_parser("clip", help="one random clip: OUT.mp4 and OUT.csv")
    clip.add_argument("--seed", type=int, default=0, help="which clip (default 0)")
    clip.add_argument("--frames", type=int, default=100, help="how many (default 100)")
    clip.add_argument("--fps", type=Fraction, default=Fraction(25), help="frames per second (default 25)")
    clip.add_argument("--size", type=int, default=256, help="side in pixels, even (default 256)")
    clip.add_argument("--out", type=Path, default=Path("clip.mp4"), help="the video (default clip.mp4)")
    demo = parts.add_parser("demo", help="the clip that the product brings along")
    demo.add_argument("--out", type=Path, default=Path("realtime/demo"), help="folder (default realtime/demo)")
    sheets = parts.add_parser("sheets", help="contact sheets of people, AUs and clips")
    sheets.add_argument("--out", type=Path, default=Path("docs"), help="folder (default docs)")
    args = parser.parse_args(argv)
    try:
        {"clip": _clip, "demo": _demo, "sheets": _sheets}[args.part](args)
    except KSError as exc:
        print(f"ks-synth: {exc}", file=sys.stderr)
        return 2
    return 0


def _clip(args: argparse.Namespace) -> None:
    assets = load_assets(args.assets)
    size = (args.size, args.size)
    clip = clip_of(assets, args.seed, args.frames, float(args.fps), size)
    truth: list[F32] = []

    def frames() -> Iterator[U8]:
        for image, intensities in draw(renderer, clip):
            truth.append(intensities)
            yield image

    with Renderer(assets, *size) as renderer:
        start = time.perf_counter()
        count = write_video(args.out, frames(), size, args.fps)
        took_s = time.perf_counter() - start
        print(f"{args.out}: {count} frames, {count / took_s:.1f} frames/s on {renderer.graphics.driver}")
    write_intensities(args.out.with_suffix(".csv"), AUS, np.stack(truth), args.fps)


def _demo(args: argparse.Namespace) -> None:
    for path in write_demo(load_assets(args.assets), args.out):
        print(path)


def _sheets(args: argparse.Namespace) -> None:
    assets = load_assets(args.assets)
    write_sheet(args.out / "synth_people.jpg", people_sheet(assets, range(60)), 10)
    write_sheet(args.out / "synth_aus.jpg", au_sheet(assets, (44, 47)), 7)
    write_sheet(args.out / "synth_clip.jpg", clip_sheet(assets, (0, 4, 5, 7, 10, 12)), 10)
    print(args.out / "synth_*.jpg")


if __name__ == "__main__":
    sys.exit(main())
