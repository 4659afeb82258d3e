"""run_batch(): what is left of a list of recordings goes through a backend; all else is kept here.

list -> this shard's part -> without what is there -> backend -> files (by the workers), failed.jsonl, index.parquet
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.realtime.batch import index, set_aside
from knowledge_spreader.realtime.batch.folder import Shard
from knowledge_spreader.realtime.batch.index import Kept
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.progress import Meter
from knowledge_spreader.realtime.batch.recordings import Found
from knowledge_spreader.realtime.batch.twins import groups

Backend = Callable[[Sequence[Job]], Iterator[Done | Failed]]  # one end for each job, as they come


@dataclass(frozen=True, slots=True)
class Batch:
    """What a run is about. The folder is held for the shard (folder.py), and its settings are these."""

    folder: Path
    shard: Shard
    weights: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Recordings of this run, those of equal content counted each."""

    total: int
    before: int  # done by earlier runs
    now: int
    failed: int
    damaged: int  # done in this run, but a part of the recording could not be read


def run_batch(found: Found, batch: Batch, backend: Backend, *, bar: bool = False) -> Outcome:
    """Raises DataError if the folder cannot be written; whatever ends it, the index is written."""
    kept = Kept(batch.folder, batch.weights, batch.settings)
    alike = groups(found.jobs, kept.content_of)
    number, of = batch.shard.number, batch.shard.of
    mine, gone = alike[number - 1 :: of], found.missing[number - 1 :: of]
    todo = {group[0].path: group for group in mine if not any(map(kept.file_of, group))}
    lost = [failed for failed in gone if not kept.file_at(failed.job.path)]
    total = sum(map(len, mine)) + len(gone)
    before = total - sum(map(len, todo.values())) - len(lost)
    jobs = sorted((group[0] for group in todo.values()), key=lambda job: -job.bytes)
    own: dict[str, str] = {}  # path -> file

    def write_index(trying: Collection[str] = ()) -> None:
        index.write(kept, batch.folder, alike, own, [failed.job for failed in found.missing], trying)

    try:
        write_index(trying=set(todo))
        set_aside.append(batch.folder, lost)
        with Meter(total, before, sum(job.bytes for job in jobs), bar=bar) as meter:
            for failed in lost:
                meter.ended(failed)
            try:
                if jobs:
                    with ExitStack() as stack:
                        ends = backend(jobs)
                        stack.callback(getattr(ends, "close", int))  # a generator gives its workers back
                        for said in ends:
                            _note(batch.folder, said, todo[said.job.path], own, meter)
            except BaseException:
                with suppress(OSError, DataError):
                    write_index()
                raise
        write_index()
    except OSError as exc:
        raise DataError(
            f"{batch.folder} cannot be written ({one_line(exc)}); see that its disk is there and has room"
        ) from exc
    return Outcome(total, before, meter.now, meter.failed, meter.damaged)


def _note(folder: Path, said: Done | Failed, group: Sequence[Job], own: dict[str, str], meter: Meter) -> None:
    if isinstance(said, Done):
        own[said.job.path] = said.file
    elif said.stops:
        raise DataError(said.reason)
    else:
        set_aside.append(folder, [replace(said, job=job) for job in group])
    meter.ended(said, len(group))
