"""What a killed run left, made whole: `ks-live --finish FILE`."""

from pathlib import Path

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.realtime.sinks import elan as eaf
from knowledge_spreader.realtime.sinks import parquet_sink
from knowledge_spreader.realtime.sinks.bids_tsv import sort_events


def finish(left: str | Path) -> Path:
    """Makes OUT.parquet of OUT.parquet.part.csv, OUT.eaf of OUT.eaf.part.jsonl, and sorts an events.tsv.

    Returns the file made. Raises MissingError where there is no such file, DataError when it is none of these.
    """
    left = Path(left)
    if not left.is_file():
        raise MissingError(f"no file {left}")
    if left.name.endswith(parquet_sink.JOURNAL_SUFFIX):
        return parquet_sink.finish_parquet(left)
    if left.name.endswith(eaf.JOURNAL_SUFFIX):
        return eaf.finish_eaf(left)
    if left.suffix.lower() == ".tsv":
        return sort_events(left)
    raise DataError(f"{left} is nothing to finish; wanted NAME.parquet.part.csv, NAME.eaf.part.jsonl or NAME.tsv")
