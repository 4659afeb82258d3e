"""ks-bench: how fast this machine runs a model, and how two such results differ."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from knowledge_spreader.benchmarks.speed.compare import compare, print_changes
from knowledge_spreader.benchmarks.speed.report import plot, print_result, read_json
from knowledge_spreader.engines.open import BACKENDS, DEVICES
from knowledge_spreader.errors import KSError
from knowledge_spreader.files import write_json


def main(argv: Sequence[str] | None = None) -> int:
    """0 when all is well, 2 and one line when the command cannot be followed, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        {"engine": _engine, "live": _live, "compare": _compare}[args.command](args)
    except KSError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def _engine(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.speed.engines import BenchConfig, bench, check_names
    from knowledge_spreader.benchmarks.speed.subject import parse_model

    config = BenchConfig(
        model=parse_model(args.model),
        backends=args.backends,
        precisions=args.precisions,
        batches=args.batches,
        quick=args.quick,
        threads=args.threads,
        calibrate=args.calibrate,
        aligned=args.aligned,
        progress=args.progress,
    )
    check_names(config)
    for path in filter(None, (args.json, args.plot)):
        if path.is_dir():
            raise KSError(f"{path} is a folder; name a file in it")
    result = bench(config)
    print_result(result, _console())
    if args.json:
        write_json(args.json, result)
    if args.plot:
        plot(result, args.plot)


def _live(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.speed.live import LiveBenchConfig, bench_live, print_live
    from knowledge_spreader.engines.bundled import bundled_model
    from knowledge_spreader.realtime.demo import demo_clip

    if args.json and args.json.is_dir():
        raise KSError(f"{args.json} is a folder; name a file in it")
    config = LiveBenchConfig(
        model=args.model or bundled_model(),
        clip=args.clip or demo_clip(),
        device=args.device,
        precisions=args.precisions,
        streams=args.streams or ((1, 2) if args.quick else (1, 2, 4)),
        faces=args.faces or ((1,) if args.quick else (1, 4)),
        threads=args.threads,
        face_model=args.face_model,
        landmarker=args.landmarker,
        progress=args.progress,
        seconds=3.0 if args.quick else 10.0,
        rounds=1 if args.quick else 3,
    )
    result = bench_live(config)
    print_live(result, _console())
    if args.json:
        write_json(args.json, result)


def _compare(args: argparse.Namespace) -> None:
    changes, told = compare(read_json(args.before), read_json(args.after))
    print_changes(changes, told, _console())


def _console() -> Console:
    """As wide as the terminal; a file or pipe gets what the tables need."""
    return Console(width=None if sys.stdout.isatty() else 100)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in _words(text)))
    except ValueError:
        raise argparse.ArgumentTypeError(f"whole numbers with commas between, like 1,8; got {text!r}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ks-bench", description=(__doc__ or "").split(": ", 1)[1])
    commands = parser.add_subparsers(dest="command", required=True)

    engine = commands.add_parser("engine", help="every backend x precision x batch of this machine, in one run")
    engine.add_argument(
        "--model",
        default="random",
        metavar="FILE.ks|CHECKPOINT|random",
        help="what to run; random: weights of the published size (default)",
    )
    engine.add_argument(
        "--backends", type=_words, default=(), help=f"of {','.join(BACKENDS)}; default: all that are here"
    )
    engine.add_argument("--precisions", type=_words, default=(), help="of fp32,bf16,fp16,int8; default: all")
    engine.add_argument(
        "--batches", type=_numbers, default=(), help="faces in a call; default: 1,2,4,8,32,64, with --quick 1,8"
    )
    engine.add_argument("--threads", type=int, default=0, help="of CPU engines; 0 = all cores (default)")
    engine.add_argument(
        "--calibrate", type=Path, metavar="VIDEO|FOLDER", help="faces for int8; default: the file's, else random crops"
    )
    engine.add_argument(
        "--aligned", action=argparse.BooleanOptionalAction, default=False, help="those pictures are crops already"
    )
    engine.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="0.3 s a point and the whole clip at the smallest batch only: within a minute",
    )
    engine.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    engine.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them")
    engine.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=sys.stderr.isatty(), help="a bar on stderr"
    )

    _add_live(commands)

    both = commands.add_parser("compare", help="two JSON files row by row, B over A")
    both.add_argument("before", type=Path, metavar="A.json")
    both.add_argument("after", type=Path, metavar="B.json")
    return parser


def _add_live(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    live = commands.add_parser("live", help="the whole pipeline: a file's frames/s, how many streams it keeps up with")
    live.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled one")
    live.add_argument("--clip", type=Path, metavar="VIDEO", help="with one face; default: the bundled clip")
    live.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    live.add_argument("--precisions", type=_words, default=(), help="default: all that the file holds for the device")
    live.add_argument("--streams", type=_numbers, default=(), help="at once; default: 1,2,4, with --quick 1,2")
    live.add_argument("--faces", type=_numbers, default=(), help="in each picture; default: 1,4, with --quick 1")
    live.add_argument("--threads", type=int, default=0, help="of CPU engines; 0 = the backend's choice (default)")
    live.add_argument("--face-model", default="", help="BlazeFace .tflite; default: the user's cache, else a download")
    live.add_argument(
        "--landmarker", type=Path, metavar="FILE.task", help="MediaPipe's face_landmarker.task, to run it beside"
    )
    live.add_argument(
        "--quick", action=argparse.BooleanOptionalAction, default=False, help="3 s a run, once: within a minute"
    )
    live.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    live.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=sys.stderr.isatty(), help="a bar on stderr"
    )


if __name__ == "__main__":
    sys.exit(main())
