"""Parquet by way of a journal: a killed run loses no rows, and memory use is constant.

A Parquet file can only be read when it is complete. So rows are written to the journal OUT.parquet.part.csv, a plain
CSV with all digits that is valid after each frame, and `close` converts it to OUT.parquet, 16 MB of text at a time.
After a kill the journal can be read as it is, or converted with `finish_parquet`. An existing OUT.parquet is only
replaced by `close`; an existing journal is overwritten by the first result.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, MissingError, one_line
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.sinks.csv_sink import CsvLines
from knowledge_spreader.realtime.sinks.result_file import (
    ResultFile,
    check_writable,
    drop_torn_line,
)
from knowledge_spreader.realtime.sinks.rows import rows
from knowledge_spreader.realtime.sinks.table.columns import (
    FLOATS,
    NO_EXTRAS,
    Column,
    Extras,
    Kind,
    columns,
    columns_of,
)
from knowledge_spreader.realtime.types import FrameResult

JOURNAL_SUFFIX = ".part.csv"
_BLOCK_BYTES = 16 << 20  # of the journal per row group


class ParquetSink:
    """Writes the columns of rows.py with their types; null is unknown.

    Raises MissingError without pyarrow, DataError if the file cannot be written.
    """

    def __init__(self, path: str | Path, aus: Sequence[int], extras: Extras = NO_EXTRAS) -> None:
        self.name = f"--parquet {path}"
        path = Path(path)
        _pyarrow()
        check_writable(path)
        self._journal = ResultFile(path.with_name(path.name + JOURNAL_SUFFIX))
        self._extras = extras
        self._lines = CsvLines(columns(aus, extras), exact=True)
        self._closed = False
        self.about: dict[str, str] = {}  # for the file's key-value metadata; may be filled until close()

    def write(self, result: FrameResult) -> None:
        text = "".join([self._lines.line(row) for row in rows(result, self._extras)])
        self._journal.write(text if self._journal.started else self._lines.header + text)

    def close(self) -> None:
        """Converts the journal. Raises DataError if Parquet cannot be written; the journal is then kept."""
        if self._closed:
            return
        self._closed = True
        self._journal.close()
        if self._journal.started:
            finish_parquet(self._journal.path, self.about)


def finish_parquet(journal: Path, about: Mapping[str, str] | None = None) -> Path:
    """Converts the journal of a run to its Parquet file, and removes the journal. Returns the file's path.

    about: for the file's key-value metadata.

    Drops an incomplete last line (killed run, full disk). Raises DataError if it is not a journal of --parquet.
    """
    if not journal.name.endswith(JOURNAL_SUFFIX):
        raise DataError(f"{journal} is not a journal of --parquet; the name must end in {JOURNAL_SUFFIX}")
    path = journal.with_name(journal.name.removesuffix(JOURNAL_SUFFIX))
    pa = _pyarrow()
    try:
        drop_torn_line(journal)
        found = columns_of(_header(journal))
    except OSError as exc:
        raise DataError(f"{journal} cannot be read ({one_line(exc)})") from exc
    try:
        replace_whole(path, lambda unfinished: _convert(journal, unfinished, found, about or {}))
    except DataError as exc:
        raise DataError(f"{exc}; the rows are safe in {journal}") from exc
    except pa.ArrowInvalid as exc:
        raise DataError(f"{journal} cannot be converted to Parquet ({one_line(exc)})") from exc
    journal.unlink()
    return path


def _header(journal: Path) -> list[str]:
    with journal.open(encoding="utf-8", errors="replace", newline="") as file:
        return file.readline(1 << 20).removesuffix("\n").split(",")


def _convert(journal: Path, target: Path, found: Sequence[Column], about: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    types = _types(pa)
    options = pyarrow.csv.ConvertOptions(
        column_types={column.name: types[column.kind] for column in found},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["1"],
        false_values=["0"],
    )
    with journal.open("rb") as lines, target.open("wb") as table:  # pyarrow opens no names that are not UTF-8
        reader = pyarrow.csv.open_csv(
            lines,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
        with reader, pyarrow.parquet.ParquetWriter(table, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
            writer.add_key_value_metadata(dict(about))


def _types(pa: Any) -> dict[Kind, Any]:
    return {
        "integer": pa.int64(),
        "seconds": pa.float64(),
        **dict.fromkeys(FLOATS, pa.float32()),
        "flag": pa.bool_(),
        "text": pa.dictionary(pa.int32(), pa.string()),
    }


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as exc:
        raise MissingError("--parquet needs pyarrow; pip install 'knowledge-spreader[table]'") from exc
    return pyarrow
