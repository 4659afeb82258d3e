"""ks-bench: measures how fast this machine runs a model and how late its answers are, and compares two results."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from knowledge_spreader.benchmarks.batch.cli import add_batch, batch
from knowledge_spreader.benchmarks.own_labels.cli import add_own_labels, own_labels
from knowledge_spreader.benchmarks.serve.cli import add_serve, serve
from knowledge_spreader.benchmarks.speed.compare import compare, print_changes
from knowledge_spreader.benchmarks.speed.report import plot, print_result, read_json
from knowledge_spreader.benchmarks.studio.cli import add_studio, studio
from knowledge_spreader.cli.run import (
    Parser,
    add_face_model,
    add_json,
    add_progress,
    add_threads,
    make_parser,
    numbers,
    run,
    stdout_console,
    words,
)
from knowledge_spreader.engines.open import BACKENDS, DEVICES
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.files import write_json
from knowledge_spreader.realtime.options import VOICES

EXAMPLES = """\
  ks-bench engine --model mine.ks --json here.json --plot here.png
  ks-bench live --quick
  ks-bench live --outputs all,crops --landmarker face_landmarker.task --json speed.json
  ks-bench lag --set rendered --json lag.json
  ks-bench own-labels --set rendered --rows rows.jsonl --plot own-labels.png
  ks-bench studio --minutes 10 --json studio.json
  ks-bench serve --streams 1,2,4,8,16 --fps 15 --json serve.json
  ks-bench batch --clips 200 --json batch.json
  ks-bench compare a.json b.json
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-bench", "Measure how fast a model runs here and how late it answers; compare two results.", EXAMPLES
    )
    commands = made.add_subparsers(
        dest="command", required=True, metavar="engine|live|lag|own-labels|studio|serve|batch|compare|loader|model"
    )
    _add_engine(commands)
    _add_live(commands)
    _add_lag(commands)
    add_own_labels(commands)
    add_studio(commands)
    add_serve(commands)
    add_batch(commands)
    both = commands.add_parser("compare", help="compare two results row by row: B divided by A")
    both.add_argument("before", type=Path, metavar="A.json", help="a result of ks-bench engine")
    both.add_argument("after", type=Path, metavar="B.json", help="another one")
    add_json(both, "the ratios")
    _add_loader(commands)
    _add_model(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _bench, "interrupted; nothing was written")


def _bench(args: argparse.Namespace) -> None:
    for path in filter(None, (getattr(args, "json", None), getattr(args, "plot", None))):
        if path.is_dir():
            raise KSError(f"{path} is a folder; give the name of a file")
    commands = {
        "engine": _engine,
        "live": _live,
        "lag": _lag,
        "own-labels": own_labels,
        "studio": studio,
        "serve": serve,
        "batch": batch,
        "compare": _compare,
        "loader": _loader,
        "model": _model,
    }
    commands[args.command](args)


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
        sample_crops=args.sample_crops,
        aligned=args.aligned,
        progress=args.progress,
    )
    check_names(config)
    result = bench(config)
    print_result(result, stdout_console())
    if args.json:
        write_json(args.json, result)
    if args.plot:
        plot(result, args.plot)


def _live(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.speed.live import DEFAULT, LiveBenchConfig, bench_live, print_live
    from knowledge_spreader.engines.bundled import bundled_model
    from knowledge_spreader.realtime.demo import demo_clip

    config = LiveBenchConfig(
        model=args.model or bundled_model(),
        clip=args.clip or demo_clip(),
        device=args.device,
        precisions=args.precisions,
        outputs=args.outputs or (DEFAULT,),
        streams=args.streams or ((1, 2) if args.quick else (1, 2, 4)),
        faces=args.faces or ((1,) if args.quick else (1, 4)),
        threads=args.threads,
        face_model=args.face_model,
        face_runtime=args.face_runtime,
        landmarker=args.landmarker,
        progress=args.progress,
        seconds=3.0 if args.quick else 10.0,
        rounds=1 if args.quick else 3,
    )
    result = bench_live(config)
    print_live(result, stdout_console())
    if args.json:
        write_json(args.json, result)


def _lag(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.lag.measure import follow
    from knowledge_spreader.benchmarks.lag.report import figures, print_lag
    from knowledge_spreader.engines.bundled import bundled_model
    from knowledge_spreader.realtime.options import Options

    if args.clips < 0:
        raise DataError(f"--clips must be 0 or more; got {args.clips}")
    options = Options(
        model=str(args.model or bundled_model()),
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        policy="every-frame",
        voices=args.voices,
    )
    result = figures(follow(args.folder, options, args.clips, progress=args.progress))
    print_lag(result, stdout_console())
    if args.json:
        write_json(args.json, result)


def _compare(args: argparse.Namespace) -> None:
    changes, told = compare(read_json(args.before), read_json(args.after))
    print_changes(changes, told, stdout_console())
    if args.json:
        write_json(args.json, {"changes": [asdict(change) | {"p50": change.p50} for change in changes], "notes": told})


def _loader(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.speed.clip_loader import measure

    result = measure(args.frames, args.side, args.workers, args.steps)
    stdout_console().print_json(data=result)
    if args.json:
        write_json(args.json, result)


def _model(args: argparse.Namespace) -> None:
    from knowledge_spreader.engines.export.untrained import write_untrained

    file = write_untrained(args.file, args.backbone, args.side)
    print(f"{file.path}: {file.note}")


def _add_engine(commands: "argparse._SubParsersAction[Parser]") -> None:
    engine = commands.add_parser(
        "engine", help="latency and throughput of every backend, precision and batch size here"
    )
    engine.add_argument(
        "--model",
        default="random",
        metavar="FILE.ks|CHECKPOINT|random",
        help="the model; random: random weights at the published size (default)",
    )
    engine.add_argument(
        "--backends", type=words, default=(), metavar="A,B", help=f"of {','.join(BACKENDS)}; default: all installed"
    )
    engine.add_argument(
        "--precisions", type=words, default=(), metavar="A,B", help="of fp32,bf16,fp16,int8; default: all"
    )
    engine.add_argument(
        "--batches",
        type=numbers,
        default=(),
        metavar="N,N",
        help="faces per call; default: 1,2,4,8,32,64, with --quick 1,8",
    )
    add_threads(engine)
    engine.add_argument(
        "--sample-crops",
        type=Path,
        metavar="VIDEO|FOLDER",
        help="faces to quantise int8 encoders with; default: those of the file, else random crops",
    )
    engine.add_argument(
        "--aligned",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="the pictures of --sample-crops are face crops already (default: off)",
    )
    engine.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="within a minute: 0.3 s per point, whole clips at the smallest batch only (default: off)",
    )
    add_json(engine)
    engine.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the figures")
    add_progress(engine)


def _add_live(commands: "argparse._SubParsersAction[Parser]") -> None:
    live = commands.add_parser(
        "live", help="the whole pipeline: frames/s of a file, and how many live streams it keeps up with"
    )
    live.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled model")
    live.add_argument("--clip", type=Path, metavar="VIDEO", help="a video of one face; default: the bundled clip")
    live.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    live.add_argument(
        "--precisions",
        type=words,
        default=(),
        metavar="A,B",
        help="default: all that the file has for the device",
    )
    live.add_argument(
        "--outputs",
        type=words,
        default=(),
        metavar="A,B",
        help="what the runs on the file compute: default (AUs, head pose, gaze), all (these, 478 landmarks, "
        "blendshapes), crops (AUs of the crops alone, no face mesh); default: default",
    )
    live.add_argument(
        "--streams", type=numbers, default=(), metavar="N,N", help="streams at once; default: 1,2,4, with --quick 1,2"
    )
    live.add_argument(
        "--faces", type=numbers, default=(), metavar="N,N", help="faces per picture; default: 1,4, with --quick 1"
    )
    add_threads(live)
    add_face_model(live)
    live.add_argument(
        "--landmarker",
        type=Path,
        metavar="FILE.task",
        help="MediaPipe's face_landmarker.task, to compare with it; it sends usage metrics to Google",
    )
    live.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="within a minute: one run of 3 s each (default: off)",
    )
    add_json(live)
    add_progress(live)


def _add_lag(commands: "argparse._SubParsersAction[Parser]") -> None:
    lag = commands.add_parser("lag", help="how late an AU is shown after its onset, on rendered clips; in stream time")
    lag.add_argument(
        "--set",
        type=Path,
        required=True,
        dest="folder",
        metavar="FOLDER",
        help="a folder that `ks-synth dataset` wrote",
    )
    lag.add_argument(
        "--clips", type=int, default=0, metavar="N", help="only the first N clips by name; 0: all (default: 0)"
    )
    lag.add_argument("--model", type=Path, metavar="FILE.ks", help="default: the bundled model")
    lag.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    lag.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(lag)
    lag.add_argument("--voices", choices=VOICES, default="all", help="as in ks-live (default: %(default)s)")
    add_json(lag)
    add_progress(lag)


def _add_loader(commands: "argparse._SubParsersAction[Parser]") -> None:
    loader = commands.add_parser("loader", help="how fast training reads clips, and how much memory that takes (Linux)")
    loader.add_argument(
        "--frames", type=int, default=150_000, metavar="N", help="frames in the cache (default: %(default)s)"
    )
    loader.add_argument("--side", type=int, default=224, metavar="PX", help="crop side (default: %(default)s)")
    loader.add_argument("--workers", type=int, default=2, metavar="N", help="reading processes (default: %(default)s)")
    loader.add_argument("--steps", type=int, default=500, metavar="N", help="batches to read (default: %(default)s)")
    add_json(loader)


def _add_model(commands: "argparse._SubParsersAction[Parser]") -> None:
    from knowledge_spreader.spec import BACKBONES

    model = commands.add_parser("model", help="write an untrained model, to measure the rest of the pipeline with")
    model.add_argument("file", type=Path, metavar="FILE.ks", help="the model to write")
    model.add_argument(
        "--backbone", choices=BACKBONES, default="tiny", help="resnet18: the published size (default: %(default)s)"
    )
    model.add_argument("--side", type=int, default=112, metavar="PX", help="side of the crops (default: %(default)s)")
