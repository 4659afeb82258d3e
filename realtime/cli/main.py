"""ks-live: facial action units of cameras, streams and recordings, as frames arrive."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from knowledge_spreader.cli.run import run
from knowledge_spreader.files import write_json
from knowledge_spreader.realtime.cli.arguments import options_of, parser
from knowledge_spreader.realtime.cli.console import Bar, StatsLine, print_report
from knowledge_spreader.realtime.cli.outputs import Outputs, make_outputs
from knowledge_spreader.realtime.cli.photographs import check_photographs
from knowledge_spreader.realtime.cli.run_paths import plan_paths
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.sinks.base import Sinks
from knowledge_spreader.realtime.sources.settle import settled
from knowledge_spreader.realtime.watch import Watch, parse_targets
from knowledge_spreader.spec import experimental_note

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: success; 2: an error, printed in one line; 130 or 143: a signal stopped a recording."""
    return run(parser(), argv, _live)


def _live(args: argparse.Namespace) -> int:
    if args.finish:
        from knowledge_spreader.realtime.sinks.finish import finish

        print(finish(args.finish))
        return 0
    with ExitStack() as stack:
        watch = stack.enter_context(_watch(args))
        log.info("%s", watch.choice)
        for note in filter(None, (watch.model.note, experimental_note(watch.spec.experimental))):
            log.warning("%s: %s", watch.model.path.name, note)
        outputs = make_outputs(args, watch)
        sinks = stack.enter_context(Sinks(outputs.sinks))
        came = stack.enter_context(_signals(watch))
        try:
            _loop(args, watch, sinks, outputs)
        finally:
            sinks.close()
            watch.close()
            _report(args, watch)
    if sinks.failed or watch.tally.failures:
        return 2
    return 128 + came[0] if came and not watch.live else 0


def _watch(args: argparse.Namespace) -> Watch:
    options = options_of(args)
    demo = [demo_clip()] if args.demo else []
    found = settled(parse_targets([*args.source, *demo, *args.camera], options), options.policy)
    check_photographs(args, found)
    plan_paths(args, found).check(overwrite=args.overwrite)
    return Watch(found, options)


def _loop(args: argparse.Namespace, watch: Watch, sinks: Sinks, outputs: Outputs) -> None:
    stats = args.stats if args.stats is not None else watch.live and sys.stderr.isatty()
    line = StatsLine(watch.tally) if stats else None
    bar = Bar() if args.progress and not watch.live and not stats else None
    start_s: float | None = None
    watch.idle = lambda: _look_after(watch, outputs)
    try:
        for result in watch:
            time_s = result.frame.time_s
            start_s = time_s if start_s is None else start_s
            if args.duration and time_s - start_s > args.duration + 1e-6:
                watch.stop()
                break  # of a recording, frames after it may have been analysed already
            with watch.stages.measure("write"):
                sinks.write(result)
            if line:
                line.update(result)
            if bar:
                bar.update(result)
            if outputs.wants_to_quit or sinks.all_failed:
                watch.stop()
    finally:
        if bar:
            bar.close()


def _look_after(watch: Watch, outputs: Outputs) -> None:
    """Keeps the window alive while no frame arrives."""
    if outputs.window is not None:
        outputs.window.poll()
        if outputs.wants_to_quit:
            watch.stop()


@contextmanager
def _signals(watch: Watch) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end the run after the current frame; a second signal interrupts it. Yields those received."""
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        watch.stop()

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(args: argparse.Namespace, watch: Watch) -> None:
    report = watch.report()
    if report["frames"]["in"]:
        print_report(report)
    if args.report:
        write_json(args.report, report)


if __name__ == "__main__":
    sys.exit(main())
