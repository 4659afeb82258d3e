"""ks-serve: facial action units of many live streams, over WebSockets."""

import argparse
import os
import secrets
import stat
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from knowledge_spreader.cli.run import make_parser, run
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.realtime.cli.arguments import add_columns, add_faces, add_model, answer_options
from knowledge_spreader.realtime.serve.limits import STREAMS_PER_CORE, Limits
from knowledge_spreader.realtime.sources.source_spec import TRANSPORTS

EXAMPLES = """\
  ks-serve                                            on this machine; prints a token
  ks-serve --host 0.0.0.0 --token-file token.txt      for other machines, behind a reverse proxy with TLS
  ks-serve --max-streams 16 --device tensorrt
  ks-serve --ray --replicas 1:4                       several copies, as many as the streams need
"""
TOKEN = "KS_SERVE_TOKEN"
_EXTRA = "pip install 'knowledge-spreader[serve]'"


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-serve",
        "Answers live streams of pictures, H.264 or RTSP addresses with facial action units, a line of JSON per frame, "
        "all on one engine. Also single photographs. Nothing is stored.",
        EXAMPLES,
        "ks-serve [options]",
    )
    _server(made.add_argument_group("server"))
    _cluster(made.add_argument_group("several machines"))
    add_model(made.add_argument_group("model"))
    faces = made.add_argument_group("faces and AUs")
    add_faces(faces)
    add_columns(faces, "the answers", "the answers")
    made.set_defaults(rate=0.0)  # every frame brings its time
    return made


def _server(group: "argparse._ArgumentGroup") -> None:
    limits = Limits()
    group.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; another than this one can be reached by other machines (default: %(default)s)",
    )
    group.add_argument("--port", type=int, default=8765, metavar="N", help="0: any free one (default: %(default)s)")
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"the token that clients must bring, on its first line (default: the variable {TOKEN}, else a new one)",
    )
    group.add_argument(
        "--max-streams",
        type=int,
        default=0,
        metavar="N",
        help=f"open at once; more get 503 (default: {STREAMS_PER_CORE} per core of the CPU)",
    )
    group.add_argument(
        "--deadline-ms",
        type=float,
        default=limits.deadline_s * 1e3,
        metavar="MS",
        help="how long a frame waits for those of other streams, to be answered with them (default: %(default)g)",
    )
    group.add_argument(
        "--rtsp",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="clients may name the RTSP address of a camera, which this machine then opens (default: yes)",
    )
    group.add_argument("--rtsp-transport", choices=TRANSPORTS, default="tcp", help="(default: %(default)s)")


def _cluster(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="on a Ray cluster; without an address, a Ray on this machine alone",
    )
    group.add_argument(
        "--replicas",
        type=_replicas,
        default=(1, 1),
        metavar="MIN:MAX",
        help="with --ray: how many copies, by the number of open streams (default: 1:1)",
    )


def _replicas(text: str) -> tuple[int, int]:
    least, _, most = text.partition(":")
    if not (least.isdecimal() and (most or least).isdecimal() and 1 <= int(least) <= int(most or least) <= 1000):
        raise argparse.ArgumentTypeError(f"wanted MIN:MAX such as 1:4; got {text!r}")
    return int(least), int(most or least)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: a signal stopped it; 2: an error, printed in one line."""
    return run(parser(), argv, _main, "stopped before it was ready")


def _main(args: argparse.Namespace) -> None:
    try:
        from knowledge_spreader.realtime.serve.guard import check_token
        from knowledge_spreader.realtime.serve.run import is_loopback, serve
    except ImportError as exc:
        raise MissingError(f"ks-serve needs {exc.name or 'its extra'}: {_EXTRA}") from exc
    if not 0 <= args.port < 1 << 16:
        raise DataError(f"--port must be 0 to 65535; got {args.port}")
    limits = Limits(args.max_streams, deadline_s=args.deadline_ms / 1e3, rtsp=args.rtsp)
    options = replace(answer_options(args), policy="live", rtsp_transport=args.rtsp_transport)
    given = _token(args.token_file)
    token = check_token(given) if given else secrets.token_hex(24)
    if not is_loopback(args.host):
        _warn(
            f"--host {args.host}: other machines can reach this server, and the connection is NOT ENCRYPTED. Put a "
            "reverse proxy with TLS before it: whoever listens on the network sees the faces and the token."
        )

    def ready(address: str) -> None:
        print(f"ks-serve: {address}", flush=True)
        if not given:
            print(f"token: {token}", flush=True)
        print("Ctrl-C stops it", file=sys.stderr)

    if args.ray is None:
        serve(options, limits, token, args.host, args.port, ready)
        return
    try:
        from knowledge_spreader.realtime.serve.ray_serve import serve as serve_on_ray
    except ImportError as exc:
        raise MissingError(f"--ray needs {exc.name or 'Ray'}: pip install 'knowledge-spreader[ray]'") from exc
    serve_on_ray(
        options, limits, token, host=args.host, port=args.port, address=args.ray, replicas=args.replicas, ready=ready
    )


def _token(path: Path | None) -> str:
    """That of the file, else of the environment; "": none is given."""
    if path is None:
        return os.environ.get(TOKEN, "").strip()
    try:
        token = (path.read_text(encoding="utf-8-sig").splitlines() or [""])[0].strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"--token-file {path}: cannot be read ({one_line(exc)}); check the path") from exc
    if not token:
        raise DataError(f"--token-file {path}: its first line is empty; write one with: openssl rand -hex 24 > {path}")
    if os.name == "posix" and mode & stat.S_IROTH:
        _warn(f"--token-file {path}: every user of this machine can read it; run: chmod 600 {path}")
    return token


def _warn(text: str) -> None:
    stderr_console().print(text, style="bold", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
