"""A CSV for each recording, with a row per labelled frame and face and columns called as OpenFace does.

    frame          from 1           face_id      from 0         timestamp    seconds, by the recording's clock
    success        1: somebody looked at this face
    AU12_r         the level, 0 to 5; blank if none was told
    AU12_c         1 present, 0 absent, 9 not scorable, blank not labelled
    AU12_side      "L" or "R" where it acts on one side alone; only if that was said of an AU
    AU12_mark      "onset", "apex", "offset" or two of them; only if an AU has marks
    coder          who says so
    stream         the recording

Frames without a label or a mark have no row.
"""

from pathlib import Path

from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.studio.exports.coded import Coded, cell, level, path_from
from knowledge_spreader.realtime.studio.exports.places import name_of, write_new
from knowledge_spreader.realtime.studio.exports.table import seconds, table


def write_wide(labels: Coded, folder: Path) -> list[Path]:
    """Raises DataError."""
    sided = sorted({one.au for one in labels.said if one.side})
    levels, there = ([f"AU{au:02d}_{end}" for au in labels.aus] for end in "rc")
    sides = [f"AU{au:02d}_side" for au in sided]
    aus_marked = sorted({one.au for one in labels.marks})
    marks = [f"AU{au:02d}_mark" for au in aus_marked]
    header = ["frame", "face_id", "timestamp", "success", *levels, *there, *sides, *marks, "coder", "stream"]
    by_frame, marked = labels.by_frame(), labels.marked()
    times_s = {(one.frame, one.face): one.time_s for one in (*labels.said, *labels.marks)}
    rows = []
    for (frame, face), time_s in sorted(times_s.items()):
        said = by_frame.get((frame, face), {})
        told = [level(said[au]) if au in said else None for au in labels.aus]
        rows.append(
            [
                *(str(frame + 1), str(face), seconds(time_s), "1"),
                *("" if one is None else str(one) for one in told),
                *(cell(said.get(au)) for au in labels.aus),
                *((said[au].side or "") if au in said else "" for au in sided),
                *(marked.get((frame, face), {}).get(au, "") for au in aus_marked),
                *(printable(labels.coder), path_from(folder, labels.rec)),
            ]
        )
    text = table(header, rows)
    return write_new(folder, name_of(labels), {".csv": lambda path: path.write_bytes(text)})
