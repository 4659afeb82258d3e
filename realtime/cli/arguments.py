"""The command-line options of ks-live, and their conversion to Options."""

import argparse
import re
from dataclasses import replace
from pathlib import Path

from knowledge_spreader.cli.run import add_face_model, add_progress, add_threads, make_parser
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.measures import LANDMARKS
from knowledge_spreader.realtime.options import POLICIES, VOICES, Options
from knowledge_spreader.realtime.sources.source_spec import BACKENDS, TRANSPORTS
from knowledge_spreader.realtime.temporal.events import HYSTERESIS

EXAMPLES = """\
  ks-live --camera 0                                      shown in a window
  ks-live --source talk.mp4 --csv talk.csv --save talk-aus.mp4
  ks-live --source env:DOOR --source env:HALL --jsonl -   addresses from environment variables
"""
_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|min|h)?$")
_UNIT_S = {"ms": 1e-3, None: 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_seconds(text: str) -> float:
    """'5s', '500ms', '2m' or '5' (seconds) -> seconds. Raises DataError on anything else."""
    match = _SECONDS.match(text.strip().lower())
    if not match:
        raise DataError(f"a time must look like 5s, 500ms or 2m; got {text!r}")
    return float(match[1]) * _UNIT_S[match[2]]


def parser() -> argparse.ArgumentParser:
    """The parser of ks-live."""
    made = make_parser(
        "ks-live",
        "Detects facial action units (AUs) in cameras, streams and recordings. Give one or more sources.",
        EXAMPLES,
        "ks-live [--camera N | --source WHAT | --demo] [options]",
    )
    _sources(made.add_argument_group("sources"))
    add_model(made.add_argument_group("model"))
    add_faces(made.add_argument_group("faces and AUs"))
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
        help="a stream (rtsp, http, ...), video, image, folder of either, or - for stdin; env:NAME reads the address "
        "from an environment variable, @FILE a list from a file, one per line, so that ps shows no password",
    )
    group.add_argument("--demo", action="store_true", help="the bundled clip of a rendered person")
    group.add_argument(
        "--policy",
        choices=POLICIES,
        default="auto",
        help="live: the newest frame wins, the others are dropped and counted; every-frame: nothing is dropped; "
        "stills: each image is a photograph, a recording of its own; auto: live for cameras and streams, stills for an "
        "image and for folders whose names, sizes or EXIF data are those of photographs, every-frame for other "
        "recordings (default)",
    )
    group.add_argument("--camera-size", default="", metavar="WxH", help="like 1280x720 (default: the camera's choice)")
    group.add_argument(
        "--camera-rate", type=float, default=0.0, metavar="FPS", help="frames per second (default: the camera's choice)"
    )
    group.add_argument("--camera-backend", default="auto", choices=BACKENDS, help="(default: %(default)s)")
    group.add_argument("--camera-format", default="", metavar="NAME", help="pixel format, like mjpeg")
    add_rate(group)
    group.add_argument("--rtsp-transport", choices=TRANSPORTS, default="tcp", help="(default: %(default)s)")
    group.add_argument(
        "--timeout",
        type=parse_seconds,
        default=4.0,
        metavar="4s",
        help="reopen a stream after this time without a frame",
    )
    group.add_argument(
        "--duration", type=parse_seconds, default=0.0, metavar="60s", help="stop after this much time of the source"
    )


def add_model(group: "argparse._ArgumentGroup") -> None:
    """--model, --device, --precision, --threads, --face-model, --face-runtime."""
    group.add_argument("--model", default="", metavar="FILE.ks", help="made by ks-compile (default: the bundled model)")
    group.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    group.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="one that the model file contains (default: %(default)s)",
    )
    add_threads(group)
    add_face_model(group)


def add_faces(group: "argparse._ArgumentGroup") -> None:
    """What is done with the faces of a frame: baselines, hysteresis, which faces, voices."""
    group.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="person baseline: from each logit, subtract the person's running low quantile, with the weight per AU "
        "that the model has learned; causal, converges within seconds (default: on; without effect beside a geometry "
        "voice, or if the model has none)",
    )
    group.add_argument(
        "--neutral",
        type=parse_seconds,
        default=0.0,
        metavar="5s",
        help="neutral baseline: take each face as neutral for its first seconds and subtract that (default: off)",
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
        metavar="PX",
        help="reject faces narrower than this (default: 32 where landmarks are heard, else 48)",
    )
    group.add_argument(
        "--max-faces", type=int, default=0, metavar="N", help="keep only the N largest of a frame; 0: all (default)"
    )
    group.add_argument(
        "--pose",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="head pose and, experimental, gaze, from the face mesh (default: on)",
    )
    group.add_argument(
        "--voices",
        choices=VOICES,
        default="all",
        help="what is heard: all, the face's crops and landmarks; crops, which with --no-pose saves the time of the "
        "face mesh; paper, the paper's model (default: %(default)s; one and the same if the model has no more voices)",
    )


def _outputs(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--csv", type=Path, action="append", default=[], metavar="FILE", help="one row per face and frame"
    )
    group.add_argument("--jsonl", action="append", default=[], metavar="FILE|-", help="one line per frame; - = stdout")
    group.add_argument("--parquet", type=Path, action="append", default=[], metavar="FILE", help="the columns of --csv")
    add_columns(group, "--csv, --parquet and --jsonl", "--csv, --parquet, --jsonl and --lsl")
    group.add_argument(
        "--events",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.tsv|.eaf",
        help="onset and duration of each AU, for BIDS or ELAN",
    )
    group.add_argument(
        "--save",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.mp4|FOLDER",
        help="annotated video; of photographs, a folder for annotated pictures",
    )
    group.add_argument(
        "--sound",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with the input's sound in --save; AAC where players do not take it as it is (default: on)",
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace any existing file; without it, only files that knowledge-spreader wrote are replaced",
    )
    group.add_argument(
        "--draw-face",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="draw points (68 unless --landmarks says 478), head axes and gaze in --save and --show (default: off)",
    )
    group.add_argument("--show", action="store_true", help="show a window; q quits, space pauses")
    group.add_argument("--lsl", action="store_true", help="send to LabStreamingLayer, one stream per face")
    group.add_argument(
        "--stats",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="print a line of counts on stderr each second (default: in a live run on a terminal)",
    )
    group.add_argument("--report", type=Path, metavar="FILE.json", help="write the final report to a file too")
    add_progress(group)
    group.add_argument(
        "--finish", type=Path, metavar="FILE", help="complete the Parquet, ELAN or TSV file of a killed run, and exit"
    )


def add_rate(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--rate",
        type=float,
        default=0.0,
        metavar="FPS",
        help="frames per second of what has no times: images (default: 25), raw video (default: what it says, else 25)",
    )


def add_columns(group: "argparse._ArgumentGroup", points_in: str, blendshapes_in: str) -> None:
    """--landmarks and --blendshapes. points_in, blendshapes_in: where they are written."""
    group.add_argument(
        "--landmarks",
        choices=LANDMARKS,
        default="none",
        help=f"points of the face in {points_in}: the 68 of OpenFace or the 478 of the face mesh "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--blendshapes",
        action=argparse.BooleanOptionalAction,
        default=False,
        help=f"52 blendshapes in {blendshapes_in} (default: off)",
    )


def answer_options(args: argparse.Namespace) -> Options:
    """Those of add_model, add_faces, add_columns and add_rate. Raises DataError on an invalid value."""
    return Options(
        model=args.model,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        face_model=args.face_model,
        face_runtime=args.face_runtime,
        person=args.person,
        neutral_s=args.neutral,
        hysteresis=args.hysteresis,
        min_face_px=args.min_face,
        max_faces=args.max_faces,
        voices=args.voices,
        pose=args.pose,
        landmarks=args.landmarks,
        blendshapes=args.blendshapes,
        rate=args.rate,
    )


def options_of(args: argparse.Namespace) -> Options:
    """All options of ks-live as Options. Raises DataError on an invalid value."""
    return replace(
        answer_options(args),
        policy=args.policy,
        pose=args.pose or args.draw_face,
        camera_size=args.camera_size,
        camera_rate=args.camera_rate,
        camera_backend=args.camera_backend,
        camera_format=args.camera_format,
        rtsp_transport=args.rtsp_transport,
        timeout_s=args.timeout,
        audio=bool(args.save) and args.sound,
    )
