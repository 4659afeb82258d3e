"""Makes the sinks of ks-live from its options. All are made and checked before the first frame."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge_spreader.errors import MissingError
from knowledge_spreader.realtime.sinks.base import Sink
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.watch import Watch

if TYPE_CHECKING:
    from knowledge_spreader.realtime.sinks.window_sink import WindowSink

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The sinks of a run."""

    sinks: tuple[Sink, ...]
    window: "WindowSink | None"

    @property
    def wants_to_quit(self) -> bool:
        return self.window is not None and self.window.quit


def make_outputs(args: argparse.Namespace, watch: Watch) -> Outputs:
    """All sinks that the options ask for; without any, a window if there is a display. Raises KSError."""
    extras, points = Extras(args.landmarks, args.blendshapes, watch.sided), _drawn_points(args)
    sinks: list[Sink] = [CsvSink(path, watch.aus, extras) for path in args.csv]
    sinks += [JsonlSink(path, extras) for path in args.jsonl]
    if args.parquet:
        from knowledge_spreader.realtime.sinks.parquet_sink import ParquetSink

        sinks += [ParquetSink(path, watch.aus, extras) for path in args.parquet]
    sinks += [EventsSink(path, watch.aus, watch.spec.experimental) for path in args.events]
    if args.save and watch.takes_photographs:
        from knowledge_spreader.realtime.sinks.video.picture_sink import PictureSink

        sinks += [PictureSink(path, points) for path in args.save]
    elif args.save:
        from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink

        if args.sound:
            _check_sound(args.save, watch.targets)
        sinks += [VideoSink(path, n_frames=watch.model.spec.n_frames, points=points) for path in args.save]
    if args.lsl:
        from knowledge_spreader.realtime.sinks.lsl_sink import LslSink

        sinks.append(LslSink(watch.aus, experimental=watch.spec.experimental, extras=extras))
    window = _window(args, watch.model.spec.n_frames, bool(sinks))
    return Outputs((*sinks, window) if window else tuple(sinks), window)


def _drawn_points(args: argparse.Namespace) -> str:
    """For the overlay; "" draws nothing of the face."""
    if not args.draw_face:
        return ""
    return "68" if args.landmarks == "none" else str(args.landmarks)


def _check_sound(paths: Sequence[Path], targets: Sequence[Target]) -> None:
    """Raises DataError if the sound of a recording cannot be saved. That of a stream is known when it is opened."""
    from knowledge_spreader.realtime.sinks.video.sound import check_recording

    for target in targets:
        if target.path is not None and target.path.is_file():
            for saved in paths:
                check_recording(target.path, saved)


def _window(args: argparse.Namespace, n_frames: int, others: bool) -> "WindowSink | None":
    if others and not args.show:
        return None
    from knowledge_spreader.realtime.sinks.window_sink import WindowSink

    try:
        return WindowSink("ks-live", n_frames=n_frames, points=_drawn_points(args))
    except MissingError as exc:
        if args.show:
            raise
        log.info("%s; only the final report is printed, see --csv, --jsonl, --events, --save", exc)
        return None
