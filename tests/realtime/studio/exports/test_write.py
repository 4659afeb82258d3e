"""What the studio exports: read back, it says the same."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.datasets.own_labels import NO_FACE_NAMED, on_frames, read_own_labels
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.exports.write import FORMATS, export
from tests.realtime.studio.exports.coded_recordings import (
    AUS,
    SCORED,
    STATES,
    TIMES,
    Key,
    State,
    clock,
    known,
    rec_of,
    statements,
)


def read_back(files: list[Path], recording: Path, times_s: np.ndarray, faces: tuple[int, ...]) -> dict[Key, int]:
    """(face, frame, AU) -> 1 or 0, by the readers of ks-train and ks-adapt."""
    labels = read_own_labels([path for path in files if path.suffix in (".csv", ".tsv", ".eaf")], [recording])
    found = {}
    for face in faces:
        layer = on_frames(labels, recording, np.arange(len(times_s)), times_s - times_s[0], AUS, face)
        found |= {(face, t, AUS[u]): int(layer[t, u]) for t, u in np.argwhere(layer != -1).tolist()}
    return found


@pytest.mark.parametrize("form", FORMATS)
@settings(deadline=None, max_examples=60)
@given(state=st.one_of(STATES, SCORED), times_s=TIMES)
def test_what_is_exported_reads_back_to_the_same_labels(form: str, state: State, times_s: np.ndarray) -> None:
    with TemporaryDirectory() as folder:
        rec = rec_of(Path(folder) / "größe 50%; a.mp4")
        (Path(folder) / "exports").mkdir()
        said = statements(rec, state, times_s)
        files = export(said, [rec], lambda rec: times_s, Path(folder) / "exports", form, "AB")
        if form == "manifest":  # one face, the one with most labels, without its number
            count = Counter(face for face, _, _ in state)
            main = min(count, key=lambda face: (-count[face], face))
            expected = {(NO_FACE_NAMED, frame, au): value for (_, frame, au), value in known(state, main).items()}
            faces: tuple[int, ...] = (NO_FACE_NAMED,)
        else:
            expected, faces = known(state), (0, 1, 2, NO_FACE_NAMED)
        if not expected and form in ("manifest", "csv"):  # all cells are blank, and the readers say so
            with pytest.raises(DataError, match="no label in there"):
                read_back(files, rec.path, times_s, faces)
            return
        found = read_back(files, rec.path, times_s, faces)
    assert found == expected


@pytest.mark.parametrize("form", FORMATS)
def test_labels_of_two_recordings_and_two_coders_do_not_mix(tmp_path: Path, form: str) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir(), (tmp_path / "exports").mkdir()
    one, two = rec_of(tmp_path / "a" / "clip.mp4"), rec_of(tmp_path / "b" / "clip.mp4", "b")
    said = [
        *statements(one, {(0, 1, 12): (3, None), (0, 2, 12): (0, None)}),
        *statements(two, {(0, 1, 4): (0, None), (0, 4, 4): ("present", None)}),
        *statements(two, {(0, 1, 4): (2, None)}, coder="C D/ö"),
    ]
    files = export(said, [one, two], clock(5), tmp_path / "exports", form)
    assert len(files) == {"manifest": 2, "bids": 6}.get(form, 3)
    assert all(
        ("C D_ö" in path.name) == (path in files[-2:] if form == "bids" else path == files[-1]) for path in files
    )
    face = NO_FACE_NAMED if form == "manifest" else 0
    times_s, tables = np.arange(5) / 25, [path for path in files if path.suffix != ".json"]
    first = read_own_labels([path for path in tables if "C D" not in path.name], [one.path, two.path])
    of_one = on_frames(first, one.path, np.arange(5), times_s, (4, 12), face)
    of_two = on_frames(first, two.path, np.arange(5), times_s, (4, 12), face)
    assert of_one.tolist() == [[-1, -1], [-1, 1], [-1, 0], [-1, -1], [-1, -1]]
    assert of_two.tolist() == [[-1, -1], [0, -1], [-1, -1], [-1, -1], [1, -1]]
    (only,) = export(said, [one, two], clock(5), tmp_path / "exports", form, "C D/ö")[:1]
    assert only.name.startswith(("labels-C D_ö-2", "clip-C D_ö-2"))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_already_is_not_overwritten(tmp_path: Path, form: str) -> None:
    rec = rec_of(tmp_path / "anna.mp4")
    said = statements(rec, {(0, 1, 12): (3, None)})
    first = export(said, [rec], clock(), tmp_path, form)
    before = [path.read_bytes() for path in first]
    second, third = (export(said, [rec], clock(), tmp_path, form) for _ in range(2))
    stem = "labels-AB" if form == "manifest" else "anna-AB"
    assert [
        paths[0].name.startswith(name) for paths, name in [(first, stem), (second, f"{stem}-2"), (third, f"{stem}-3")]
    ] == [True] * 3
    assert [path.read_bytes() for path in first] == before
    assert len({*first, *second, *third}) == 3 * len(first)


def test_what_cannot_be_exported_is_refused_in_one_line(tmp_path: Path) -> None:
    rec = rec_of(tmp_path / "anna.mp4")
    said = statements(rec, {(0, 1, 12): (3, None)})
    for arguments, message in [
        ((said, [rec], clock(), tmp_path, "xls"), r"written as manifest, csv, elan, boris, bids; got 'xls'"),
        ((said, [rec], clock(), tmp_path, "csv", "ZZ"), r"no labels of ZZ of the project's recordings"),
        ((said, [], clock(), tmp_path, "csv"), r"no labels of the project's recordings"),
        ((said, [rec], clock(), tmp_path / "gone", "csv"), r"gone: cannot be written"),
        ((said, [rec], clock(1), tmp_path, "elan"), r"no frame at 0\.040 s, where frame 1 has a label"),
    ]:
        with pytest.raises(DataError, match=message) as raised:
            export(*arguments)
        assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["anna.mp4"]  # nothing half written


def test_long_names_in_any_script_fit_into_a_file_name(tmp_path: Path) -> None:
    rec = rec_of(tmp_path / f"{'録' * 80}.mp4")
    said = statements(rec, {(0, 0, 12): (3, None)}, coder="𠀀" * 40)
    for form in ("csv", "elan", "boris", "bids"):
        names = [path.name for path in export(said, [rec], clock(), tmp_path, form, "𠀀" * 40)]
        assert all(name.startswith(f"{'録' * 33}-{'𠀀' * 25}") for name in names)
