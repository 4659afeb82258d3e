"""The command ks-bench batch."""

import argparse
from pathlib import Path

from knowledge_spreader.cli.run import Parser, add_json, add_progress, stdout_console
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.files import check_place, write_json


def batch(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.batch.report import print_batch
    from knowledge_spreader.benchmarks.batch.run import BatchBenchConfig, bench_batch
    from knowledge_spreader.engines.bundled import bundled_model
    from knowledge_spreader.realtime.batch.faces_file import check_pyarrow
    from knowledge_spreader.realtime.demo import demo_clip

    check_pyarrow()
    config = BatchBenchConfig(
        model=(args.model or bundled_model()).absolute(),
        recording=args.recording or demo_clip(),
        clips=args.clips,
        frames=args.frames,
        rounds=args.rounds,
        ray=args.ray,
        device=args.device,
        precision=args.precision,
        progress=args.progress,
    )
    if args.json:
        check_place("--json", args.json)
    result = bench_batch(config)
    print_batch(result, stdout_console())
    if args.json:
        write_json(args.json, result)


def add_batch(commands: "argparse._SubParsersAction[Parser]") -> None:
    made = commands.add_parser("batch", help="how fast ks-batch gets through many recordings, by workers and threads")
    made.add_argument("--clips", type=int, default=200, metavar="N", help="recordings (default: %(default)s)")
    made.add_argument("--frames", type=int, default=50, metavar="N", help="frames of each (default: %(default)s)")
    made.add_argument("--rounds", type=int, default=1, metavar="N", help="turns of all ways (default: %(default)s)")
    made.add_argument(
        "--recording", type=Path, metavar="VIDEO", help="an MP4 or MOV that the clips are cut from; default: the demo"
    )
    made.add_argument(
        "--ray",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="on a local Ray, too (default: off)",
    )
    made.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled model")
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_json(made)
    add_progress(made)
