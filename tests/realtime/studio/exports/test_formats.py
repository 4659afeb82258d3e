"""The text of each exported format, by hand."""

import json
from pathlib import Path

import pytest

from knowledge_spreader.datasets.manifest import load
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.exports.write import export
from knowledge_spreader.realtime.studio.store.project import Rec
from tests.realtime.clips import write_clip
from tests.realtime.studio.exports.coded_recordings import State, clock, rec_of, statements

STATE: State = {
    (0, 3, 4): (0, None),
    (0, 3, 12): (3, None),
    (0, 4, 4): ("unscorable", None),
    (0, 4, 12): (3, None),
    (0, 9, 12): ("present", "L"),
    (1, 9, 4): (0, None),
}


def written(folder: Path, form: str, state: State = STATE, rec: Rec | None = None) -> list[Path]:
    (folder / "exports").mkdir(exist_ok=True)
    rec = rec or rec_of(folder / "anna.mp4", subject="p1")
    return export(statements(rec, state), [rec], clock(10), folder / "exports", form)


def test_the_manifest(tmp_path: Path) -> None:
    table, left_out = written(tmp_path, "manifest")
    assert table.read_text().splitlines() == [
        "video,subject,frame,AU4,AU12",
        "../anna.mp4,p1,3,0,1",
        "../anna.mp4,p1,4,9,1",
        "../anna.mp4,p1,9,,1",
    ]
    assert left_out.name == "labels-AB-left-out.txt"
    assert "anna.mp4: labels of face 0 are in the table, those of 1 are not" in left_out.read_text()


def test_ks_train_loads_the_manifest(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "anna.mp4", n=10)
    table, _ = written(tmp_path, "manifest", rec=Rec("a" * 64, path, path.name, "p1"))
    data = load(table)
    (video,) = data.videos
    assert (data.aus, video.subject, video.source) == ((4, 12), "p1", path)
    assert {t: row for t, row in enumerate(video.labels.tolist()) if row != [-1, -1]} == {
        3: [0, 1],
        4: [-1, 1],
        9: [-1, 1],
    }


def test_a_manifest_of_pictures_holds_the_numbers_in_their_names(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for number in (10, 20, 30, 40):
        (tmp_path / "p" / f"f{number}.jpg").touch()
    rec = Rec("a" * 64, tmp_path / "p", "p")
    (table,) = written(tmp_path, "manifest", {(0, 2, 12): (1, None)}, rec)
    assert table.read_text().splitlines()[1] == "../p,p,30,1"
    (tmp_path / "p" / "f30.jpg").rename(tmp_path / "p" / "f.jpg")  # sorts first now
    with pytest.raises(DataError, match="must contain its frame number"):
        written(tmp_path, "manifest", {(0, 0, 12): (1, None)}, rec)
    (wide,) = written(tmp_path, "csv", {(0, 2, 12): (1, None)}, rec)
    assert wide.read_text().splitlines()[1].startswith("3,0,0.08,1,1,1,")  # the place, from 1


def test_the_csv(tmp_path: Path) -> None:
    (table,) = written(tmp_path, "csv")
    assert table.read_text().splitlines() == [
        "frame,face_id,timestamp,success,AU04_r,AU12_r,AU04_c,AU12_c,AU12_side,coder,stream",
        "4,0,0.12,1,0,3,0,1,,AB,../anna.mp4",
        "5,0,0.16,1,,3,9,1,,AB,../anna.mp4",
        "10,0,0.36,1,,,,1,L,AB,../anna.mp4",
        "10,1,0.36,1,0,,0,,,AB,../anna.mp4",
    ]


def test_elan_as_another_program_reads_it(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed")
    (path,) = written(tmp_path, "elan")
    found = elan.Eaf(str(path))
    tiers = {name: sorted(found.get_annotation_data_for_tier(name)) for name in found.get_tier_names()}
    assert tiers == {
        "AU4 face 0": [(160, 200, "unscorable"), (360, 400, "unknown")],
        "AU12 face 0": [(120, 200, "C"), (360, 400, "present left")],  # two frames of one level are one
        "AU4 face 1": [(120, 200, "unknown")],  # absent in frame 9
        "coded": [(120, 200, ""), (360, 400, "")],
    }
    assert found.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./../anna.mp4"
    assert {found.get_parameters_for_tier(name)["ANNOTATOR"] for name in tiers} == {"AB"}


def test_boris_starts_and_stops(tmp_path: Path) -> None:
    (path,) = written(tmp_path, "boris", {(0, 1, 12): (1, None), (0, 2, 12): (2, "R"), (0, 2, 4): (0, None)})
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    shown = [
        header.index(name) for name in ("Time", "Behavior type", "Subject", "Behavior", "Modifier #1", "Modifier #2")
    ]
    assert [[row[column] for column in shown] for row in rows] == [
        ["0.04", "START", "", "coded", "", ""],
        ["0.04", "START", "face 0", "AU4 unknown", "", ""],
        ["0.04", "START", "face 0", "AU12", "A", ""],
        ["0.08", "STOP", "face 0", "AU4 unknown", "", ""],
        ["0.08", "STOP", "face 0", "AU12", "A", ""],
        ["0.08", "START", "face 0", "AU4 absent", "", ""],  # never present, so it is said
        ["0.08", "START", "face 0", "AU12", "B", "right"],
        ["0.12", "STOP", "", "coded", "", ""],
        ["0.12", "STOP", "face 0", "AU4 absent", "", ""],
        ["0.12", "STOP", "face 0", "AU12", "B", "right"],
    ]
    assert {row[header.index("Source")] for row in rows} == {"player #1:../anna.mp4"}


def test_bids_events_and_what_describes_them(tmp_path: Path) -> None:
    table, sidecar = written(tmp_path, "bids")
    assert [table.name, sidecar.name] == ["anna-AB_events.tsv", "anna-AB_events.json"]
    assert [line.split("\t") for line in table.read_text().splitlines()] == [
        ["onset", "duration", "trial_type", "face_id", "stream", "level", "side", "coder"],
        ["0.12", "0.08", "coded", "n/a", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.12", "0.04", "AU4 absent", "0", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.12", "0.08", "AU12", "0", "../anna.mp4", "C", "n/a", "AB"],
        ["0.12", "0.08", "AU4 unknown", "1", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.16", "0.04", "AU4 unscorable", "0", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.36", "0.04", "coded", "n/a", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.36", "0.04", "AU4 unknown", "0", "../anna.mp4", "n/a", "n/a", "AB"],
        ["0.36", "0.04", "AU12", "0", "../anna.mp4", "n/a", "left", "AB"],
        ["0.36", "0.04", "AU4 absent", "1", "../anna.mp4", "n/a", "n/a", "AB"],
    ]
    described = json.loads(sidecar.read_text())
    header, *rows = (line.split("\t") for line in table.read_text().splitlines())
    assert set(described) == set(header)
    names = {row[2] for row in rows}
    assert set(described["trial_type"]["Levels"]) == names | {"AU4"}  # which is labelled, though never present
