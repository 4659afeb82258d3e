"""The options of ks-live as argparse wants them, and back."""

import argparse
import re
from pathlib import Path

from knowledge_spreader.cli.run import add_face_model, add_progress, add_threads, make_parser
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.faces.quality import MIN_FACE_PX
from knowledge_spreader.realtime.options import POLICIES, Options
from knowledge_spreader.realtime.sources.source_spec import BACKENDS, TRANSPORTS
from knowledge_spreader.realtime.temporal.events import HYSTERESIS

EXAMPLES = """\
  ks-live --camera 0                                      a window
  ks-live --source talk.mp4 --csv talk.csv --save talk-aus.mp4
  ks-live --source env:DOOR --source env:HALL --jsonl -   addresses from environment variables
"""
_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|min|h)?$")
_UNIT_S = {"ms": 1e-3, None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_seconds(text: str) -> float:
    """'5s', '500ms', '2m' or '5' -> seconds. Raises DataError on anything else."""
    match = _SECONDS.match(text.strip().lower())
    if not match:
        raise DataError(f"a time looks like 5s, 500ms or 2m; got {text!r}")
    return float(match[1]) * _UNIT_S[match[2]]


def parser() -> argparse.ArgumentParser:
    """All of ks-live."""
    made = make_parser(
        "ks-live",
        "Facial action units of cameras, streams and recordings, as they come. Give one source or several.",
        EXAMPLES,
        "ks-live [--camera N | --source WHAT | --demo] [options]",
    )
    _sources(made.add_argument_group("sources"))
    _model(made.add_argument_group("model"))
    _faces(made.add_argument_group("faces and AUs"))
    _outputs(made.add_argument_group("outputs, any number at once"))
    return made


def _sources(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--camera", action="append", default=[], type=int, metavar="N", help="a camera of this machine, from 0"
    )
    group.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="URL|FILE|FOLDER|-",
        help="a stream (rtsp, http, ...), video, image, folder of either, - for stdin; env:NAME takes the address from "
        "an environment variable, @FILE a list from a file, one a line: ps then shows no password",
    )
    group.add_argument("--demo", action="store_true", help="the bundled clip: a rendered person, a few seconds")
    group.add_argument(
        "--policy",
        choices=POLICIES,
        default="auto",
        help="live: the newest frame wins, the others are dropped and counted; every-frame: nothing is dropped; auto: "
        "live for cameras and streams, every-frame for recordings (default)",
    )
    group.add_argument("--camera-size", default="", metavar="WxH", help="like 1280x720 (default: the camera's choice)")
    group.add_argument(
        "--camera-rate", type=float, default=0.0, metavar="FPS", help="frames per second (default: the camera's choice)"
    )
    group.add_argument("--camera-backend", default="auto", choices=BACKENDS, help="(default: %(default)s)")
    group.add_argument("--camera-format", default="", metavar="NAME", help="like mjpeg, as the backend calls it")
    group.add_argument(
        "--image-rate", type=float, default=25.0, metavar="FPS", help="of a folder of images (default: %(default)g)"
    )
    group.add_argument("--rtsp-transport", choices=TRANSPORTS, default="tcp", help="(default: %(default)s)")
    group.add_argument(
        "--timeout", type=parse_seconds, default=4.0, metavar="4s", help="a stream silent for longer is opened anew"
    )
    group.add_argument(
        "--duration", type=parse_seconds, default=0.0, metavar="60s", help="stop after this time of the stream"
    )


def _model(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--model", default="", metavar="FILE.ks", help="of ks-compile; default: the bundled one")
    group.add_argument("--device", default="auto", choices=DEVICES, help="what runs it (default: %(default)s)")
    group.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="of the file (default: %(default)s)",
    )
    add_threads(group)
    add_face_model(group)


def _faces(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="from each logit, subtract the person's running low quantile, weighted per AU as the model has learned; "
        "causal, it converges within seconds (default: on; without effect where a model has not learned it)",
    )
    group.add_argument(
        "--neutral",
        type=parse_seconds,
        default=0.0,
        metavar="5s",
        help="take each face to be neutral for its first seconds, and answer relative to that (default: off)",
    )
    group.add_argument(
        "--hysteresis",
        type=float,
        default=HYSTERESIS,
        metavar="P",
        help="an AU begins at its threshold + P and ends at its threshold - P (default: %(default)g)",
    )
    group.add_argument(
        "--min-face",
        type=float,
        default=MIN_FACE_PX,
        metavar="PX",
        help="smallest width of a face that is judged (default: %(default)g)",
    )
    group.add_argument(
        "--max-faces", type=int, default=0, metavar="N", help="of a frame, the largest; 0: all (default)"
    )


def _outputs(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--csv", type=Path, action="append", default=[], metavar="FILE", help="a row per face and frame")
    group.add_argument("--jsonl", action="append", default=[], metavar="FILE|-", help="a line per frame; - = stdout")
    group.add_argument("--parquet", type=Path, action="append", default=[], metavar="FILE", help="the CSV's columns")
    group.add_argument(
        "--events",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.tsv|.eaf",
        help="onset and duration of each AU: BIDS events, or ELAN",
    )
    group.add_argument("--save", type=Path, action="append", default=[], metavar="FILE.mp4", help="annotated video")
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that are there, whoever wrote them; without it only what knowledge-spreader wrote",
    )
    group.add_argument("--show", action="store_true", help="a window; q quits, space pauses")
    group.add_argument("--lsl", action="store_true", help="LabStreamingLayer, a stream per face")
    group.add_argument(
        "--stats",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a line each second on stderr; default: on a terminal, in a live run",
    )
    group.add_argument("--report", type=Path, metavar="FILE.json", help="write the closing report there too")
    add_progress(group)
    group.add_argument(
        "--finish", type=Path, metavar="FILE", help="make the Parquet or ELAN file of a run that was killed, and exit"
    )


def options_of(args: argparse.Namespace) -> Options:
    """What argparse found, checked. Raises DataError."""
    return Options(
        model=args.model,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        face_model=args.face_model,
        policy=args.policy,
        person=args.person,
        neutral_s=args.neutral,
        hysteresis=args.hysteresis,
        min_face_px=args.min_face,
        max_faces=args.max_faces,
        camera_size=args.camera_size,
        camera_rate=args.camera_rate,
        camera_backend=args.camera_backend,
        camera_format=args.camera_format,
        image_rate=args.image_rate,
        rtsp_transport=args.rtsp_transport,
        timeout_s=args.timeout,
        audio=bool(args.save),
    )
