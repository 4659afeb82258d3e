"""index.parquet: a row for each recording, with its status and its file. Through it the result files are joined.

status is done, failed or waiting. All shards write it, one after another: it is made of what the result files say, of
failed.jsonl and of the index before, and replaced as a whole.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.batch import set_aside
from knowledge_spreader.realtime.batch.faces_file import FACES, names_in, read_all
from knowledge_spreader.realtime.batch.folder import turn
from knowledge_spreader.realtime.batch.job import About, Job

NAME = "index.parquet"
Row = dict[str, Any]
Group = Sequence[Job]  # of equal content

_TEXT = ("status", "recording", "path", "subject", "session", "file")
_COUNTS = ("frames", "faces")
_NUMBERS = ("fps", "seconds", "took_s")
_MORE_TEXT = ("weights", "version", "reason")
_SAME = ("bytes", "mtime_ns")  # of the recording when it was analysed
COLUMNS = (*_TEXT, *_COUNTS, *_NUMBERS, *_MORE_TEXT, *_SAME)


class Kept:
    """The result files of a folder, and which of them is of a recording that has not changed since.

    weights, settings: of the run; files of others do not count.
    """

    def __init__(self, folder: Path, weights: str, settings: Mapping[str, Any]) -> None:
        self._folder, self._weights, self._settings = folder, weights, settings
        self.files: dict[str, About] = {}
        self.refresh()

    def refresh(self) -> None:
        """Reads what has come since: files, and the index, which knows recordings of equal content or moved ones."""
        there = set(names_in(self._folder))
        new = read_all(self._folder, there - set(self.files))
        fit = {n: a for n, a in new.items() if a.weights == self._weights and a.settings == self._settings}
        self.files = {name: about for name, about in self.files.items() if name in there} | fit
        self.rows = {row["path"]: row for row in read(self._folder)}
        self._stamps = {(a.path, a.bytes, a.mtime_ns): name for name, a in self.files.items()}
        for path, row in self.rows.items():
            name = (row["file"] or "").removeprefix(f"{FACES}/")
            if name in self.files:
                self._stamps[path, row["bytes"], row["mtime_ns"]] = name
        self._at = {path: name for (path, _, _), name in self._stamps.items()}

    def file_of(self, job: Job) -> str | None:
        """The file of a recording with the same path, size and time; its content is not read."""
        return self._stamps.get((job.path, job.bytes, job.mtime_ns))

    def file_at(self, path: str) -> str | None:
        """The file of a recording that is gone: the one that was analysed last under this path."""
        return self._at.get(path)

    def content_of(self, job: Job) -> str:
        """The content_id of such a recording; "" if it is not known."""
        file = self.file_of(job)
        return self.files[file].content if file else ""


def write(
    kept: Kept,
    folder: Path,
    groups: Iterable[Group],
    own: Mapping[str, str],
    gone: Iterable[Job] = (),
    trying: Collection[str] = (),
) -> Counter[str]:
    """Replaces the index; returns the rows of the list by status. Raises DataError or OSError if it cannot be written.

    groups: the list. own: path -> file, of what this run has done. gone: named, but not there. trying: paths of
    recordings that this run tries, whatever an earlier run said of them.
    """
    with turn(folder):
        kept.refresh()
        failures = set_aside.read(folder)
        rows = [row for group in groups for row in _of_group(kept, group, own, failures, trying)]
        rows += [
            _row(kept, job, kept.file_at(job.path), failures.get(job.path), kept.rows.get(job.path)) for job in gone
        ]
        count = Counter(row["status"] for row in rows)
        rows += _others(kept, {row["path"] for row in rows})
        replace_whole(folder / NAME, lambda unfinished: _write(unfinished, rows))
    return count


def read(folder: Path) -> list[Row]:
    """The rows; none if there is no index, or it is not whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (folder / NAME).open("rb") as file:
            # Not read_table(): it begins threads, and a process that ends while they are still starting aborts.
            rows: list[Row] = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False).to_pylist()
    except (OSError, pa.ArrowInvalid):
        return []
    return rows if not rows or set(rows[0]) == set(COLUMNS) else []


def now(folder: Path, weights: str, settings: Mapping[str, Any]) -> list[Row]:
    """The rows of the index, with what has come since it was written."""
    since = _written(folder)
    kept = Kept(folder, weights, settings)
    failures = {path: said for path, said in set_aside.read(folder).items() if said["when"] >= since}
    rows = []
    for row in kept.rows.values():
        job = Job(row["path"], row["recording"], bytes=row["bytes"], mtime_ns=row["mtime_ns"])
        waits = row["status"] == "waiting"
        rows.append(_row(kept, job, kept.file_of(job), failures.get(job.path), row) if waits else row)
    return rows


def _written(folder: Path) -> str:
    """When the index was written, as failed.jsonl tells time."""
    try:
        return set_aside.clock((folder / NAME).stat().st_mtime)
    except OSError:
        return ""


def _of_group(
    kept: Kept, group: Group, own: Mapping[str, str], failures: Mapping[str, Row], trying: Collection[str]
) -> Iterator[Row]:
    file = own.get(group[0].path) or next(filter(None, map(kept.file_of, group)), None)
    failed = None if group[0].path in trying else failures.get(group[0].path)
    for job in group:
        yield _row(kept, job, file, failed, kept.rows.get(job.path))


def _row(kept: Kept, job: Job, file: str | None, failed: Row | None, before: Row | None) -> Row:
    """file: None if there is no result. before: what the index said: it may know the person."""
    about = kept.files.get(file) if file else None
    status = "done" if about else "failed" if failed else "waiting"
    reason = about.damage if about else failed["reason"] if failed else ""
    before = before or {}
    return {
        "status": status,
        "recording": _printable(job.name),
        "path": _printable(job.path),
        "subject": job.subject or before.get("subject") or None,
        "session": job.session or before.get("session") or None,
        **_result(file if about else None, about),
        "reason": _printable(reason) or None,
        "bytes": job.bytes,
        "mtime_ns": job.mtime_ns,
    }


def _result(file: str | None, about: About | None) -> Row:
    if about is None:
        return dict.fromkeys(("file", *_COUNTS, *_NUMBERS, "weights", "version"))
    return {
        "file": f"{FACES}/{file}",
        **{name: getattr(about, name) for name in (*_COUNTS, *_NUMBERS, "weights")},
        "version": about.versions.get("knowledge-spreader"),
    }


def _others(kept: Kept, listed: Collection[str]) -> list[Row]:
    """Of recordings that are done and not in this run's list: from the index before, and files that it did not have."""
    rows, told = [], set(listed)
    for path, row in kept.rows.items():
        if path not in told and (row["file"] or "").removeprefix(f"{FACES}/") in kept.files:
            rows.append(row)
            told.add(path)
    for file, about in kept.files.items():
        if _printable(about.path) not in told:
            job = Job(about.path, about.name, bytes=about.bytes, mtime_ns=about.mtime_ns)
            rows.append(_row(kept, job, file, None, None))
    return sorted(rows, key=lambda row: str(row["path"]))


def _write(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = dict.fromkeys((*_TEXT, *_MORE_TEXT), pa.string())
    kinds |= dict.fromkeys((*_COUNTS, *_SAME), pa.int64()) | dict.fromkeys(_NUMBERS, pa.float64())
    schema = pa.schema([(name, kinds[name]) for name in COLUMNS])
    with path.open("wb") as file:
        pq.write_table(pa.Table.from_pylist(list(rows), schema), file, compression="zstd")


def _printable(text: str) -> str:
    """Bytes of a file name that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
