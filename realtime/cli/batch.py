"""ks-batch: thousands of recordings, each to a Parquet file of its own, on one machine or many."""

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from knowledge_spreader.cli.run import add_progress, make_parser, run
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import read_json
from knowledge_spreader.realtime.batch import index, set_aside
from knowledge_spreader.realtime.batch.driver import Backend, Batch, Outcome, run_batch
from knowledge_spreader.realtime.batch.faces_file import check_pyarrow
from knowledge_spreader.realtime.batch.folder import SETTINGS, Held, Shard, check_settings, running
from knowledge_spreader.realtime.batch.keys import settings_of
from knowledge_spreader.realtime.batch.local import MEMORY_GB, LocalBackend, default_workers
from knowledge_spreader.realtime.batch.recordings import find
from knowledge_spreader.realtime.cli.arguments import add_columns, add_faces, add_model, add_rate, answer_options
from knowledge_spreader.realtime.options import Options

log = logging.getLogger(__name__)

EXAMPLES = """\
  ks-batch videos/ --out results
  ks-batch study.csv --out results --landmarks 68      a table with the columns video, subject, session
  ks-batch @list.txt --out results --shard 3/16        one of 16 jobs of a cluster
  ks-batch status results
"""
INTERRUPTED = "interrupted; finished files are complete, and the same command goes on with the rest"
_STATUS = "status"
_SHOWN = 10  # reasons in `status`
_PLACE = re.compile(r"|auto|(ray://)?[^/\s]+:\d+")


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-batch",
        "Analyses thousands of recordings, each to a Parquet file of its own. What is done stays done: the same "
        "command goes on where the last one stopped, however it stopped.",
        EXAMPLES,
        "ks-batch RECORDINGS ... --out FOLDER [options] | ks-batch status FOLDER",
    )
    made.add_argument(
        "recordings",
        nargs="+",
        metavar="RECORDINGS",
        help="videos; folders with all videos and folders of images below them; patterns in quotes; @FILE, a list with "
        "one per line; a CSV or TSV with a column video and, if you like, subject and session. Or: status FOLDER",
    )
    made.add_argument(
        "--out", type=Path, metavar="FOLDER", help="results: index.parquet, faces/, failed.jsonl; made if there is none"
    )
    _add_work(made.add_argument_group("work"))
    add_model(made.add_argument_group("model"))
    faces = made.add_argument_group("faces and AUs, as in ks-live")
    add_faces(faces)
    add_columns(faces, "the tables", "the tables")
    add_rate(faces)
    faces.add_argument(
        "--policy",
        choices=("auto", "every-frame", "stills"),
        default="auto",
        help="of images: stills, each is a photograph; every-frame, a folder is one recording (default: %(default)s)",
    )
    return made


def _add_work(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes, each with one recording at a time and --threads threads; 0: one per core, as far as the free "
        "memory goes (default: %(default)s)",
    )
    group.add_argument(
        "--memory-gb",
        type=float,
        default=MEMORY_GB,
        metavar="X",
        help="a worker that grows over this is ended, and its recording set aside; 0: no limit (default: %(default)g)",
    )
    group.add_argument(
        "--retries",
        type=int,
        default=2,
        metavar="N",
        help="further attempts at a recording that failed, or whose worker was killed (default: %(default)s)",
    )
    group.add_argument(
        "--shard", default="1/1", metavar="I/N", help="only part I of N of the list, for jobs that share the work"
    )
    group.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="work on Ray: without an address on one of this machine alone; auto or HOST:PORT: on that cluster",
    )
    add_progress(group)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: all recordings are done; 2: an error, or some failed; 130 or 143: a signal ended it."""
    return run(parser(), argv, _main, INTERRUPTED)


def _main(args: argparse.Namespace) -> int:
    check_pyarrow()
    if args.recordings[0] == _STATUS and args.out is None:
        return _status([Path(word) for word in args.recordings[1:]])
    if args.out is None:
        raise DataError("--out is missing: the folder for the results; see ks-batch --help")
    return _batch(args)


def _batch(args: argparse.Namespace) -> int:
    shard, options = Shard.parse(args.shard), _options(args)
    _check(args)
    found = find(args.recordings, args.out)
    model = open_model(options.model or bundled_model())
    settings = settings_of(options)
    stop = threading.Event()
    with Held(args.out, shard), _signals(stop, at_once=args.ray is not None) as came:
        check_settings(args.out, model.weights_id, settings)
        backend = _backend(args, options, shard, stop)
        batch = Batch(args.out, shard, model.weights_id, settings)
        outcome = None
        try:
            outcome = run_batch(found, batch, backend, bar=args.progress)
        except KeyboardInterrupt:
            if not came:
                raise
    if outcome is not None:
        _tell(args.out, outcome)
    if came:
        print(INTERRUPTED, file=sys.stderr)
        return 128 + came[0]
    assert outcome is not None, "only a signal ends a run without one"
    return 2 if outcome.failed else 0


def _options(args: argparse.Namespace) -> Options:
    """With absolute paths, since workers may run elsewhere."""
    options = replace(answer_options(args), policy=args.policy)
    model, face_model = (os.path.abspath(path) if path else "" for path in (options.model, options.face_model))
    return replace(options, model=model, face_model=face_model, threads=args.threads or 1)


def _check(args: argparse.Namespace) -> None:
    if args.workers < 0 or args.retries < 0 or args.memory_gb < 0:
        raise DataError("--workers, --retries and --memory-gb must be 0 or more")
    if args.ray is not None and not _PLACE.fullmatch(args.ray):
        raise DataError(
            f"--ray takes auto or HOST:PORT; got {args.ray!r}; give the recordings first, and --ray after them"
        )
    if args.face_model and not Path(args.face_model).is_file():
        raise DataError(f"--face-model {args.face_model}: no such file; check the path")


def _backend(args: argparse.Namespace, options: Options, shard: Shard, stop: threading.Event) -> Backend:
    if args.ray is not None:
        from knowledge_spreader.realtime.batch.ray_data import ray_backend

        return ray_backend(
            options,
            args.out.absolute(),
            str(shard),
            args.ray,
            workers=args.workers,
            threads=options.threads,
            retries=args.retries,
        )
    return LocalBackend(
        options,
        args.out.absolute(),
        str(shard),
        workers=args.workers or default_workers(options.threads),
        retries=args.retries,
        memory_bytes=round(1e9 * args.memory_gb),
        stop=stop,
    )


@contextmanager
def _signals(stop: threading.Event, *, at_once: bool) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM set `stop`; a second one, or with at_once the first, interrupts. Yields those received."""
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)
        stop.set()
        if at_once or len(came) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(folder: Path, outcome: Outcome) -> None:
    """Two lines at most: what there is now, and what failed."""
    left = outcome.total - outcome.before - outcome.now - outcome.failed
    parts = [f"{outcome.before + outcome.now} of {outcome.total} recordings are done ({outcome.now} in this run)"]
    parts += [f"{left} are left"] if left else []
    parts += [f"{outcome.damaged} are damaged, the rest of them was read"] if outcome.damaged else []
    print(f"{', '.join(parts)}: {folder / index.NAME}")
    if outcome.failed:
        one = outcome.failed == 1
        print(
            f"{outcome.failed} recording{'' if one else 's'} failed; why is in {folder / set_aside.NAME}, and the same "
            f"command tries {'it' if one else 'them'} again",
            file=sys.stderr,
        )


def _status(folders: Sequence[Path]) -> int:
    if len(folders) != 1:
        raise DataError("status takes one folder, as in: ks-batch status results")
    folder = folders[0]
    if not (folder / SETTINGS).is_file():
        raise DataError(f"{folder}: no results of ks-batch in there; give the folder of its --out")
    said = read_json(folder / SETTINGS, "ks-batch")
    rows = index.now(folder, said["weights"], said["settings"])
    count = Counter(row["status"] for row in rows)
    seconds = sum(row["seconds"] or 0 for row in rows)
    print(
        f"{count['done']} done, {count['failed']} failed, {count['waiting']} waiting; {seconds / 3600:.2f} h of video"
    )
    try:
        at_work = [f"{number}/{of}" for number, of in running(folder)]
    except OSError as exc:
        at_work = [f"not known ({one_line(exc)})"]
    print(f"at work: {', '.join(at_work) or 'nobody'}")
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed[:_SHOWN]:
        print(f"  {row['reason']}")
    if len(failed) > _SHOWN:
        print(f"  and {len(failed) - _SHOWN} more in {folder / set_aside.NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
