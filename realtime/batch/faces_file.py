"""The result files: FOLDER/faces/NAME-KEY.parquet. Each says in its metadata what it is of; there is no other list."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knowledge_spreader.errors import MissingError
from knowledge_spreader.realtime.batch.job import About
from knowledge_spreader.realtime.batch.keys import SHORT

FACES = "faces"
META = "knowledge_spreader"
SUFFIX = ".parquet"
_DRAFTS = ".unfinished"
_STEM_BYTES = 120
_READERS = 8


def file_name(name: str, key: str) -> str:
    """NAME-KEY.parquet: the recording's name without what file systems do not like, and the start of the key."""
    stem = Path(name.encode("utf-8", "replace").decode()).stem
    kept = "".join(mark if mark.isalnum() or mark in "-_." else "_" for mark in stem)
    short = kept.encode()[:_STEM_BYTES].decode("utf-8", "ignore").lstrip(".")
    return f"{short or 'recording'}-{key[:SHORT]}{SUFFIX}"


def with_key(folder: Path, name: str, key: str) -> tuple[str, About] | None:
    """The file of this key and what it says; it may be under another recording's name. None: there is none."""
    own = file_name(name, key)
    others = (path.name for path in sorted((folder / FACES).glob(f"*-{key[:SHORT]}{SUFFIX}")))
    for found in [own, *others]:
        about = read_about(folder / FACES / found)
        if about is not None and about.key == key:
            return found, about
    return None


def read_about(path: Path) -> About | None:
    """What a result file says of itself; None if it is not there, not whole or not ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            said = (pq.read_metadata(file).metadata or {}).get(META.encode())
        return About.from_json(json.loads(said)) if said else None
    except (OSError, pa.ArrowInvalid, ValueError, TypeError):
        return None


def read_all(folder: Path, names: Iterable[str] | None = None) -> dict[str, About]:
    """File name -> what it says, of all result files or of these. Those that are not whole are left out."""
    there = sorted(names if names is not None else names_in(folder))
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(lambda name: read_about(folder / FACES / name), there)
        return {name: about for name, about in zip(there, found, strict=True) if about is not None}


def names_in(folder: Path) -> list[str]:
    """Of all result files."""
    try:
        return [name for name in os.listdir(folder / FACES) if name.endswith(SUFFIX) and name[0] != "."]
    except FileNotFoundError:
        return []


def drafts_of(folder: Path, shard: str) -> Path:
    """Where the unfinished files of a shard are, like "1-of-4": who holds its lock may remove what lies there."""
    return folder / _DRAFTS / shard


def put(draft: Path, target: Path) -> None:
    """Moves a whole file to its place, and both to the disk before that. Raises OSError."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check_pyarrow() -> None:
    """Raises MissingError without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as exc:
        raise MissingError("ks-batch needs pyarrow; pip install 'knowledge-spreader[table]'") from exc
