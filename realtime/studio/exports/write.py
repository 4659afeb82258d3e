"""Labels of the studio -> files for other programs. read_own_labels reads each of them back to the same labels."""

from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge_spreader.arrays import F64
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.exports.bids import write_bids
from knowledge_spreader.realtime.studio.exports.boris import write_boris
from knowledge_spreader.realtime.studio.exports.coded import Coded, coded
from knowledge_spreader.realtime.studio.exports.elan import write_elan
from knowledge_spreader.realtime.studio.exports.manifest import write_manifest
from knowledge_spreader.realtime.studio.exports.wide import write_wide
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import Statement

FORMATS = ("manifest", "csv", "elan", "boris", "bids")
_TIMED: dict[str, Callable[[Coded, F64, Path], list[Path]]] = {
    "elan": write_elan,
    "boris": write_boris,
    "bids": write_bids,
}


def export(
    log_state: Sequence[Statement],
    recordings: Sequence[Rec],
    times: Callable[[Rec], F64],
    folder: Path,
    form: str,
    coder: str = "",
) -> list[Path]:
    """Writes new files in `folder`, of each coder their own; coder: of this one alone. Returns their paths.

    times: of a recording's frames, by its clock, as in the labels; asked only for events. Raises DataError, one line,
    if there is no label, or a file cannot be written; files that were written before that stay.
    """
    if form not in FORMATS:
        raise DataError(f"labels are written as {', '.join(FORMATS)}; got {form!r:.40}")
    of_recordings = [one for one in coded(log_state, recordings) if coder in ("", one.coder)]
    if not of_recordings:
        whose = f" of {coder}" if coder else ""
        raise DataError(f"no labels{whose} of the project's recordings; label some frames first")
    if form == "manifest":
        of_recordings = [one for one in of_recordings if one.said]  # it has no place for marks
        if not of_recordings:
            raise DataError("only marks, and ks-train's table holds labels alone; label some frames first")
        coders = sorted({one.coder for one in of_recordings})
        return [path for who in coders for path in write_manifest(_of(of_recordings, who), folder)]
    if form == "csv":
        return [path for one in of_recordings for path in write_wide(one, folder)]
    all_times = {one.rec.id: times(one.rec) for one in of_recordings}  # before anything is written
    return [path for one in of_recordings for path in _TIMED[form](one, all_times[one.rec.id], folder)]


def _of(found: Sequence[Coded], coder: str) -> list[Coded]:
    return [one for one in found if one.coder == coder]
