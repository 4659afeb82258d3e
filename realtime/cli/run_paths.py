"""Lists every path that a run reads and writes, and checks them before the first frame.

An output that would overwrite an input, a model or a list of sources is refused, and so are two outputs with the same
path. An existing file is only overwritten if knowledge-spreader wrote it, or with --overwrite.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.realtime.sinks.elan import JOURNAL_SUFFIX as EAF_JOURNAL
from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.sinks.parquet_sink import JOURNAL_SUFFIX as PARQUET_JOURNAL
from knowledge_spreader.realtime.sinks.result_file import check_writable, same_file
from knowledge_spreader.realtime.sources.source_spec import Target

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@dataclass(frozen=True, slots=True)
class RunPaths:
    """reads: (path, what it is) of each input. writes: (path, its option) of each output."""

    reads: tuple[tuple[Path, str], ...]
    writes: tuple[tuple[Path, str], ...]

    def check(self, *, overwrite: bool) -> None:
        """Raises DataError, one line, on the first clash."""
        streamed = [option for path, option in self.writes if str(path) in _STDOUT]
        if len(streamed) > 1:
            raise DataError(f"{streamed[0]} and {streamed[1]} would both write to standard output; give one a file")
        for at, (path, option) in enumerate(self.writes):
            if str(path) in _STDOUT:
                continue
            check_writable(path)
            for given, what in self.reads:
                if same_file(path, given):
                    raise DataError(f"{option} would write {path}, which is {what} of this run; give another name")
            for earlier, other in self.writes[:at]:
                if same_file(path, earlier):
                    raise DataError(f"{other} and {option} would both write {path}; give each its own name")
            if not overwrite and path.is_file() and not is_ours(path):
                raise DataError(
                    f"{option}: {path} exists, and knowledge-spreader did not write it; "
                    "give another name, or --overwrite to replace it"
                )


def plan_paths(args: argparse.Namespace, targets: Sequence[Target]) -> RunPaths:
    """The paths of a run. args: parsed options of ks-live. targets: all sources, in order."""
    return RunPaths(tuple(_reads(args, targets)), tuple(_writes(args, targets)))


def _reads(args: argparse.Namespace, targets: Sequence[Target]) -> Iterator[tuple[Path, str]]:
    for target in targets:
        if target.path is None:
            continue
        yield target.path, "an input"
        if target.path.is_dir():
            yield from ((image, "an input") for image in list_images(target.path))
    yield from ((Path(source[1:]), "a list of sources") for source in args.source if source.startswith("@"))
    if args.model:
        yield Path(args.model), "the model"
    if args.face_model:
        yield Path(args.face_model), "the face model"


def _writes(args: argparse.Namespace, targets: Sequence[Target]) -> Iterator[tuple[Path, str]]:
    streams, videos = len(targets), [] if any(target.stills for target in targets) else args.save  # or: photographs.py
    for path in args.csv:
        yield path, f"--csv {path}"
    for place in args.jsonl:
        yield Path(place), f"--jsonl {place}"
    for path in args.parquet:
        yield path, f"--parquet {path}"
        yield path.with_name(path.name + PARQUET_JOURNAL), f"--parquet {path}"
    for path in args.events:
        yield from ((place, f"--events {path}") for place in _events(path, streams))
    for path in videos:
        yield from ((place, f"--save {path}") for place in numbered(path, streams))
    if args.report:
        yield args.report, f"--report {args.report}"


def _events(path: Path, streams: int) -> list[Path]:
    if path.suffix.lower() == ".eaf":
        return [*numbered(path, streams), path.with_name(path.name + EAF_JOURNAL)]
    return [path, path.with_suffix(".json")]  # BIDS: the table and its sidecar


def numbered(path: Path, streams: int) -> list[Path]:
    """out.mp4, out-2.mp4, ...: one file for each stream."""
    return [path.with_stem(f"{path.stem}-{n + 1}") if n else path for n in range(streams)]
