"""Recordings analysed by Ray Data: on one machine or a cluster. Only jobs and answers travel, never frames.

The folder of the results and the recordings must be under the same paths on every node. An actor that dies is started
again by Ray, and its recording is given out again, as often as it takes; so the attempts are counted on disk, where
they outlive the worker.
"""

import logging
import os
import pickle
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.realtime.batch.faces_file import drafts_of
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.ray_start import LOCAL, check_ray, ray_session

_GPU_DEVICES = ("cuda", "tensorrt")  # who asks for one of them gets a GPU of his own from Ray
_GROW_AT = 0.5  # of the actors busy: another one. Below 1, since each has one recording at a time


def ray_backend(
    options: Options,
    folder: Path,
    shard: str,
    address: str = LOCAL,
    workers: int = 0,
    threads: int = 0,
    retries: int = 2,
) -> Callable[[Sequence[Job]], Iterator[Done | Failed]]:
    """Yields each job's end as it comes. Raises MissingError without Ray; the backend DataError without a cluster.

    address: LOCAL starts Ray here, "auto" or HOST:PORT joins a cluster. workers: at most; 0 = as many as there is room
    for. threads: the cores of each. retries: further attempts.
    """
    check_ray()
    cores = max(threads, 1)

    def run(jobs: Sequence[Job]) -> Iterator[Done | Failed]:
        tries = drafts_of(folder, shard) / f"tries-{uuid.uuid4().hex}"
        tries.mkdir(parents=True, exist_ok=True)
        try:
            with ray_session(address, cpus=workers * cores) as ray:
                made_of = (options, str(folder), shard, str(tries), retries + 1, version("knowledge-spreader"))
                yield from _ends(ray, jobs, made_of, most=workers or len(jobs), cores=cores)
        finally:
            shutil.rmtree(tries, ignore_errors=True)

    return run


def _ends(ray: ModuleType, jobs: Sequence[Job], made_of: tuple[Any, ...], most: int, cores: int) -> Iterator[Any]:
    """made_of: the arguments of Analysing. most: actors at once."""
    import ray.data as data

    _set_up(data)
    rows = [{"number": number, "job": pickle.dumps(job)} for number, job in enumerate(jobs)]
    results = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Analysing,
        fn_constructor_args=made_of,
        batch_size=1,
        compute=data.ActorPoolStrategy(min_size=1, max_size=min(most, len(jobs)), max_tasks_in_flight_per_actor=1),
        num_cpus=cores,
        num_gpus=1 if made_of[0].device in _GPU_DEVICES else 0,
    )
    waiting = dict(enumerate(jobs))
    batches = iter(results.iter_batches(batch_size=None, prefetch_batches=0, batch_format="numpy"))
    try:
        for batch in batches:
            for number, packed in zip(batch["number"], batch["answer"], strict=True):
                answer = pickle.loads(packed)
                if isinstance(answer, str):
                    raise DataError(answer)
                if waiting.pop(int(number), None) is not None:
                    yield answer
    except (ray.exceptions.RayError, RuntimeError) as exc:
        raise DataError(f"Ray stopped ({one_line(exc)}); run the same command again: it goes on from here") from exc
    finally:
        if hasattr(batches, "close"):
            batches.close()  # before Ray goes: its threads end
    for job in waiting.values():  # blocks that Ray Data gave up
        yield Failed(job, f"{job.name}: Ray lost it on the way; see /tmp/ray/session_latest/logs/ray-data")


def _set_up(data: Any) -> None:
    """Ray Data: its own progress off, its log to its files only, and one error is not the end of all."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    context.max_consecutive_actor_init_deaths = -1  # a node that dies while its worker opens is not the end
    context.autoscaling_config.actor_pool_util_upscaling_threshold = _GROW_AT


class Analysing:
    """The class that Ray makes actors of: a Worker, and the count of the attempts at each recording."""

    def __init__(self, options: Options, folder: str, shard: str, tries: str, most: int, wanted: str) -> None:
        self._folder, self._tries, self._most, self._broken = folder, Path(tries), most, ""
        node = os.uname().nodename
        try:
            if (found := version("knowledge-spreader")) != wanted:
                raise DataError(f"knowledge-spreader {found} is installed, {wanted} was wanted")
            if not self._tries.is_dir():
                raise DataError(f"{folder} is not there; all nodes must see it under this path")
            self._worker = Worker(options, Path(folder), shard)
        except KSError as exc:  # told as an answer, since Ray would start it again and again
            self._broken = f"node {node}: {exc}"

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        number, job = int(batch["number"][0]), pickle.loads(batch["job"][0])
        try:
            answer = self._broken or self._answer(number, job)
        except OSError as exc:  # of the attempts; the worker raises none
            answer = Failed(job, f"{self._folder} cannot be written ({one_line(exc)})", stops=True)
        return {"number": [number], "answer": [pickle.dumps(answer)]}

    def _answer(self, number: int, job: Job) -> Done | Failed:
        failed = Failed(job, f"{job.name}: its worker died {self._most} times; it was killed, or its node was lost")
        while (attempt := self._attempt(number)) <= self._most:
            said = self._worker(job)
            if isinstance(said, Done):
                return said
            failed = said
            if said.stops:
                break
        return replace(failed, attempts=min(attempt, self._most))

    def _attempt(self, number: int) -> int:
        """1 for the first. A file for each, so that a worker that dies leaves its trace."""
        attempt = 1
        while attempt <= self._most:
            with suppress(FileExistsError):
                (self._tries / f"{number}-{attempt}").touch(exist_ok=False)
                break
            attempt += 1
        return attempt
