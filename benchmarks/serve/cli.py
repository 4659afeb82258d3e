"""The command ks-bench serve."""

import argparse
import os
from pathlib import Path

from knowledge_spreader.cli.run import Parser, add_json, add_progress, add_threads, numbers, stdout_console
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.files import check_place, write_json


def serve(args: argparse.Namespace) -> None:
    try:
        from knowledge_spreader.benchmarks.serve.run import ServeBenchConfig, bench_serve
    except ImportError as exc:
        raise MissingError(
            f"ks-bench serve needs {exc.name or 'an extra'}: pip install 'knowledge-spreader[serve]'"
        ) from exc
    from knowledge_spreader.benchmarks.serve.report import print_serve
    from knowledge_spreader.realtime.demo import demo_clip

    config = ServeBenchConfig(
        clip=args.clip or demo_clip(),
        model=str(args.model or ""),
        streams=args.streams or ((1, 2) if args.quick else (1, 2, 4, 8, 16)),
        fps=args.fps,
        seconds=3.0 if args.quick else args.seconds,
        format=args.format,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        deadline_ms=args.deadline_ms,
        address=args.address,
        token=os.environ.get("KS_SERVE_TOKEN", ""),
        faults=args.faults,
        connects=args.connects,
        progress=args.progress,
    )
    if args.address and not config.token:
        raise DataError("--address needs the server's token in the variable KS_SERVE_TOKEN")
    if args.json:
        check_place("--json", args.json)
    result = bench_serve(config)
    print_serve(result, stdout_console())
    if args.json:
        write_json(args.json, result)


def add_serve(commands: "argparse._SubParsersAction[Parser]") -> None:
    made = commands.add_parser("serve", help="a real ks-serve and more and more streams: fps, latency, drops, memory")
    made.add_argument(
        "--streams", type=numbers, default=(), metavar="N,N", help="at once; default: 1,2,4,8,16, with --quick 1,2"
    )
    made.add_argument("--fps", type=float, default=15.0, metavar="N", help="of each stream (default: %(default)g)")
    made.add_argument(
        "--seconds", type=float, default=20.0, metavar="N", help="of each measurement (default: %(default)g)"
    )
    made.add_argument(
        "--format", choices=("jpeg", "h264"), default="jpeg", help="of the pictures (default: %(default)s)"
    )
    made.add_argument("--clip", type=Path, metavar="VIDEO", help="what is sent; default: the bundled clip")
    made.add_argument("--address", default="", metavar="URL", help="of a ks-serve that runs; default: one is started")
    made.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled model")
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    made.add_argument(
        "--deadline-ms", type=float, default=5.0, metavar="MS", help="as in ks-serve (default: %(default)g)"
    )
    made.add_argument(
        "--faults",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also what clients do wrong: floods, stalls, garbage, half-open connections (default: off)",
    )
    made.add_argument("--connects", type=int, default=1000, metavar="N", help="with --faults (default: %(default)s)")
    made.add_argument(
        "--quick", action=argparse.BooleanOptionalAction, default=False, help="3 s per measurement (default: off)"
    )
    add_json(made)
    add_progress(made)
