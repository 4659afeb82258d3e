"""Recordings of equal content, under several paths: one of them is analysed, its result is that of all.

Only those of equal size are read, and to their end only those that begin and end alike.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from pathlib import Path

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.batch.job import Job
from knowledge_spreader.realtime.batch.keys import content_id

_ENDS_BYTES = 1 << 16

Content = Callable[[Job], str]  # its content_id if that is known without reading; else ""


def groups(jobs: Iterable[Job], content: Content) -> list[tuple[Job, ...]]:
    """The jobs in groups of equal content, each group and all groups in the order of the jobs.

    Where a content had to be read it is in the job. One that cannot be read is alone: its worker will say why.
    """
    found: list[tuple[Job, ...]] = []
    for same_size in _grouped(jobs, lambda job: job.bytes):
        if len(same_size) == 1:
            found.append(tuple(same_size))
            continue
        for alike in _grouped(same_size, _ends):
            known = [replace(job, content=_content(job, content)) for job in alike] if len(alike) > 1 else alike
            found += map(tuple, _grouped(known, lambda job: job.content or job.path))
    place = {job.path: at for at, job in enumerate(jobs)}
    return sorted(found, key=lambda group: place[group[0].path])


def _grouped(jobs: Iterable[Job], key: Callable[[Job], Hashable]) -> list[list[Job]]:
    found: dict[Hashable, list[Job]] = defaultdict(list)
    for job in jobs:
        found[key(job)].append(job)
    return list(found.values())


def _ends(job: Job) -> Hashable:
    """A hash of the first and last bytes. Folders of images are read as a whole."""
    if Path(job.path).is_dir():
        return "images"
    try:
        with Path(job.path).open("rb") as file:
            digest = hashlib.sha256(file.read(_ENDS_BYTES))
            file.seek(max(job.bytes - _ENDS_BYTES, 0))
            digest.update(file.read(_ENDS_BYTES))
        return digest.hexdigest()
    except OSError:
        return job.path


def _content(job: Job, known: Content) -> str:
    try:
        return known(job) or content_id(Path(job.path))
    except (OSError, KSError):
        return ""
