"""The command ks-bench studio."""

import argparse
from dataclasses import replace
from pathlib import Path

from knowledge_spreader.cli.run import Parser, add_json, add_progress, add_threads, stdout_console
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import MissingError
from knowledge_spreader.files import check_place, write_json


def studio(args: argparse.Namespace) -> None:
    try:
        import starlette  # noqa: F401 (the studio's process needs it)
        import uvicorn  # noqa: F401

        from knowledge_spreader.benchmarks.studio.run import StudioBenchConfig, bench_studio
    except ImportError as exc:
        raise MissingError(
            f"ks-bench studio needs {exc.name or 'an extra'}: pip install 'knowledge-spreader[studio]'"
        ) from exc
    from knowledge_spreader.benchmarks.studio.report import print_studio
    from knowledge_spreader.engines.bundled import bundled_model
    from knowledge_spreader.realtime.demo import demo_clip

    config = StudioBenchConfig(
        model=args.model or bundled_model(),
        clip=demo_clip(),
        recording=args.recording or demo_clip(),
        live=args.live,
        cache=args.cache,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        minutes=args.minutes,
        progress=args.progress,
    )
    if args.json:
        check_place("--json", args.json)
    if args.quick:
        config = replace(config, turns=1, turn_s=4.0, stills=30, said=30)
    result = bench_studio(config)
    print_studio(result, stdout_console())
    if args.json:
        write_json(args.json, result)


def add_studio(commands: "argparse._SubParsersAction[Parser]") -> None:
    made = commands.add_parser("studio", help="a real ks-studio as its page sees it: live, timelines, stills, labels")
    made.add_argument(
        "--live",
        type=Path,
        metavar="VIDEO",
        help="played live as it is, and again if it is short; default: the bundled clip at 1280 x 720, 30 frames/s",
    )
    made.add_argument(
        "--recording",
        type=Path,
        metavar="VIDEO|FOLDER",
        help="opened in Review; analysed first if it is not yet; default: the bundled clip",
    )
    made.add_argument(
        "--minutes",
        type=float,
        default=1.0,
        metavar="N",
        help="of the live session over which memory is watched (default: %(default)g)",
    )
    made.add_argument("--cache", type=Path, metavar="FOLDER", help="as in ks-studio (default: the user's cache)")
    made.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled model")
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    made.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="one turn of 4 s, 30 stills, 30 frames labelled; --minutes as given (default: off)",
    )
    add_json(made)
    add_progress(made)
