"""What photographs cannot have (events, a neutral baseline, one video) is refused, and where they are saved is checked.

All before any work.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.files import check_folder, same_file
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.sinks.video.picture_sink import saved_name, twice_named
from knowledge_spreader.realtime.sinks.video.sound import CONTAINERS
from knowledge_spreader.realtime.sources.source_spec import Target


def check_photographs(args: argparse.Namespace, targets: Sequence[Target]) -> None:
    """args: parsed options of ks-live. targets: all sources, settled. Raises DataError on the first clash."""
    photographs = [target for target in targets if target.stills]
    if not photographs:
        return
    what = f"{photographs[0].name} is taken as photographs"
    for given, option, needs in (
        (args.events, "--events", "events need a recording"),
        (args.neutral, "--neutral", "it needs a recording"),
        (args.duration, "--duration", "they have no times"),
        (args.lsl, "--lsl", "they have no times"),
    ):
        if given:
            raise DataError(f"{option}: {what}, and {needs}; leave it out, or give --policy every-frame")
    for folder in args.save:
        if folder.suffix.lower() in CONTAINERS:
            raise DataError(
                f"--save {folder}: {what}, which make no video; name a folder for annotated pictures, like --save "
                f"{folder.stem}/, or give --policy every-frame"
            )
        recording = next((target for target in targets if not target.stills), None)
        if recording:
            raise DataError(
                f"--save {folder}: {what}, but {recording.name} is a recording and is saved as a video; "
                "run them separately"
            )
        _check_folder(folder, photographs, overwrite=args.overwrite)
    for at, folder in enumerate(args.save):
        if any(same_file(folder, other) for other in args.save[:at]):
            raise DataError(f"--save {folder} is given twice; leave one out")


def _check_folder(folder: Path, photographs: Sequence[Target], *, overwrite: bool) -> None:
    check_folder(f"--save {folder}", folder)
    pictures = [path for target in photographs for path in _pictures(Path(target.address))]
    for place in {path.parent for path in pictures}:
        if same_file(folder, place):
            raise DataError(f"--save {folder} is the folder of the photographs; name another one")
    if twice := twice_named(path.name for path in pictures):
        raise DataError(f"--save {folder}: two photographs would both be saved as {twice}; run them separately")
    inputs = {(stat.st_dev, stat.st_ino) for stat in map(os.stat, filter(os.path.exists, pictures))}
    for path in (folder / saved_name(path.name) for path in pictures):
        if not path.exists():
            continue
        stat = path.stat()
        if (stat.st_dev, stat.st_ino) in inputs:
            raise DataError(f"--save {folder} would write {path}, which is an input of this run; name another folder")
        if not overwrite and not is_ours(path):
            raise DataError(
                f"--save {folder}: {path} exists, and knowledge-spreader did not write it; name another folder, or "
                "--overwrite to replace it"
            )


def _pictures(path: Path) -> Iterator[Path]:
    yield from list_images(path) if path.is_dir() else [path]
