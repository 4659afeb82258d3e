"""Completes the output of a killed run: `ks-live --finish FILE`."""

from pathlib import Path

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.realtime.sinks import elan as eaf
from knowledge_spreader.realtime.sinks import parquet_sink
from knowledge_spreader.realtime.sinks.bids_tsv import sort_events


def finish(left: str | Path) -> Path:
    """Converts OUT.parquet.part.csv to OUT.parquet and OUT.eaf.part.jsonl to OUT.eaf, and sorts an events.tsv.

    Returns the path of the result. Raises MissingError if there is no such file, DataError if it is none of these.
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
    raise DataError(f"{left} cannot be finished; give NAME.parquet.part.csv, NAME.eaf.part.jsonl or NAME.tsv")
