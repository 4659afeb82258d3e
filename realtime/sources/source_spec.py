"""Turns the sources that a user names into targets to open: cameras, streams, files, images, stdin."""

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.frame_reader import IMAGE_SUFFIXES, list_images
from knowledge_spreader.realtime.sources.redact import has_secret, is_url, redact

log = logging.getLogger(__name__)

Kind = Literal["camera", "stream", "file", "images", "stdin"]
BACKENDS = ("auto", "v4l2", "avfoundation", "dshow", "opencv")
TRANSPORTS = ("tcp", "udp", "udp_multicast", "http")
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".3gp", ".ogv", ".gif", ".h264", ".hevc", ".mjpeg", ".mjpg"),
)
_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "tcp", "rtp", "rtmp", "rtmps", "srt", "tls")


@dataclass(frozen=True, slots=True)
class Target:
    """One source to open. Its name and its repr never show a secret."""

    kind: Kind
    address: str = field(repr=False)  # what the libraries open: a URL with its password, a path, a camera number
    name: str
    rate: Fraction | None = None  # frames per second of images and raw video; None = 25, or what the raw video says
    transport: str = "tcp"  # of RTSP
    size: str = ""  # of a camera, "1280x720"; "" = the camera's choice
    camera_rate: float = 0.0  # frames per second; 0 = the camera's choice
    backend: str = "auto"  # of a camera; camera.backend_of() resolves "auto"
    input_format: str = ""  # pixel format of a camera by the backend's name: "mjpeg", "yuyv422"
    stills: bool | None = None  # its images are photographs, each a recording of its own; None: see settle.py

    @property
    def live(self) -> bool:
        """Whether frames arrive at their own pace."""
        return self.kind in ("camera", "stream")

    @property
    def path(self) -> Path | None:
        return Path(self.address) if self.kind in ("file", "images") else None


def targets(
    sources: Sequence[str],
    cameras: Sequence[str] = (),
    *,
    rate: float = 0.0,
    transport: str = "tcp",
    size: str = "",
    camera_rate: float = 0.0,
    backend: str = "auto",
    input_format: str = "",
) -> list[Target]:
    """The targets of `--source` and then of `--camera`, in order.

    A source is a URL, a video, an image, a folder of images (one recording) or of videos (one target each), "-" for
    stdin, "env:NAME" for an address in an environment variable, or "@FILE" for a text file with one source per line. A
    camera is a number or a device. The other parameters are options of image folders, RTSP and cameras. Raises
    DataError or MissingError, one line, for a source that cannot be opened.
    """
    common = _common(rate, transport, size, camera_rate, backend, input_format)
    found = [replace(common, kind=k, address=a, name=n) for source in sources for k, a, n in _resolve(source)]
    for camera in cameras:
        found.append(replace(common, address=camera, name=f"camera {camera}"))
    if any(has_secret(source) and _stands_in_command(source) for source in sources):
        log.warning(
            "an address on the command line contains a user name or a key, and `ps` shows it to everyone on this "
            "machine; put the address into an environment variable and give env:NAME, or into a file and give @FILE"
        )
    return found


def _common(rate: float, transport: str, size: str, camera_rate: float, backend: str, input_format: str) -> Target:
    if not 0 <= rate <= 1000:
        raise DataError(f"--rate must be 0 (25, or what a raw video says) to 1000 frames per second; got {rate:g}")
    if not 0 <= camera_rate <= 1000:
        raise DataError(f"--camera-rate must be 0 (the camera's choice) to 1000 frames per second; got {camera_rate:g}")
    if size and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", size):
        raise DataError(f"--camera-size must look like 1280x720; got {size!r}")
    if backend not in BACKENDS:
        raise DataError(f"--camera-backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
    if transport not in TRANSPORTS:
        raise DataError(f"--rtsp-transport must be one of {', '.join(TRANSPORTS)}; got {transport!r}")
    own = Fraction(rate).limit_denominator(1001) or None
    return Target("camera", "", "", own, transport, size, camera_rate, backend, input_format)


def _stands_in_command(source: str) -> bool:
    return any(source in argument for argument in sys.argv[1:])


def _resolve(source: str, listed_in: str = "") -> Iterator[tuple[Kind, str, str]]:
    """(kind, address, name) of each target that a source names."""
    if source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise DataError("source -: nothing is piped in; pipe a video into the command, or give a file")
        yield "stdin", "pipe:0", "stdin"
    elif source.startswith("env:"):
        yield from _resolve(_from_environment(source), source)
    elif source.startswith("@"):
        if listed_in:
            raise DataError(f"{listed_in}: a list of sources cannot name another list ({source})")
        for line in _lines(Path(source[1:])):
            yield from _resolve(line, source)
    elif is_url(source):
        yield from _from_url(source)
    elif source:
        yield from _from_path(Path(source))
    else:
        raise DataError("a source is empty; give a URL, a file, a folder, - for stdin, env:NAME or @FILE")


def _from_environment(source: str) -> str:
    address = os.environ.get(source.removeprefix("env:"), "").strip()
    if not address:
        raise MissingError(f"source {source}: this environment variable is not set; set it to the address")
    if address.startswith(("@", "env:")):
        raise DataError(f"source {source}: the variable must hold an address, not another reference")
    return address


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "not UTF-8 text"
        raise DataError(f"source @{path}: cannot read this list of sources ({reason}); check the path") from exc
    lines = [line.strip() for line in text.splitlines()]
    sources = [line for line in lines if line and not line.startswith("#")]
    if not sources:
        raise DataError(f"source @{path}: the list is empty; write one source per line")
    return sources


def _from_url(address: str) -> Iterator[tuple[Kind, str, str]]:
    scheme, _, rest = address.partition("://")
    if scheme.lower() == "file":
        yield from _from_path(Path(rest))
    elif scheme.lower() not in _SCHEMES:
        raise DataError(f"{redact(address)}: {scheme}:// is not supported; supported are {', '.join(_SCHEMES)}, files")
    else:
        yield "stream", address, redact(address)


def _from_path(path: Path) -> Iterator[tuple[Kind, str, str]]:
    name = redact(str(path))  # it may be an address without its scheme
    try:
        is_folder, is_there = path.is_dir(), path.exists()
        is_camera = path.is_char_device()
        readable = os.access(path, os.R_OK | (os.X_OK if is_folder else 0))
    except (OSError, ValueError) as exc:
        raise DataError(f"{name}: this path cannot be used ({redact(str(exc))}); check it") from exc
    if not is_there:
        raise DataError(
            f"{name}: no such file or folder; check the path (a stream's address starts with its scheme, like rtsp://)"
        )
    if not readable:
        raise DataError(f"{name}: no permission to read it; change its permissions or the user")
    if is_folder:
        yield from _from_folder(path)
    elif is_camera:
        yield "camera", str(path), f"camera {name}"
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        yield "images", str(path), name
    else:
        yield "file", str(path), name


def _from_folder(folder: Path) -> Iterator[tuple[Kind, str, str]]:
    videos = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and p.name[0] != "." and p.is_file()
    )
    images = list_images(folder)
    if videos and images:
        raise DataError(f"{folder}: contains {len(videos)} videos and {len(images)} images; give the files you want")
    if not videos and not images:
        raise DataError(f"{folder}: no videos and no images in this folder; sub-folders are not searched")
    if images:
        yield "images", str(folder), str(folder)
    for video in videos:
        yield from _from_path(video)
