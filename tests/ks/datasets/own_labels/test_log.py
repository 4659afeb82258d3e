"""The label file of the studio."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import OwnLabels, read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import put, statement

U = UNKNOWN


def test_the_last_statement_of_a_coder_holds(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    said = [statement(frame=frame, value=value) for frame, value in [(0, 5), (1, 0), (2, 3), (2, 0), (3, 2), (3, None)]]
    path.write_text("".join([*said, statement(frame=4, value=1), statement(frame=4, value="unscorable")]))
    assert read_own_labels([path]).kinds == ("log",)
    assert put(path, (12,)) == [[1], [0], [0], [U], [U], [U]]
    assert [label.where for label in read_own_labels([path]).labels] == [f"{path}, line {n}" for n in (1, 2, 4)]


def test_present_without_a_level_is_present_also_on_one_side(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(statement(frame=0, value="present") + statement(frame=1, value="present", side="L"))
    assert put(path, (12,), 3) == [[1], [1], [U]]


def test_a_model_teaches_nothing_and_takes_nothing_back(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    said = [statement(frame=0), statement(frame=0, value=0, source="model"), statement(frame=1, source="model")]
    path.write_text("".join([*said, statement(frame=2, source="confirmed")]))
    assert put(path, (12,), 3) == [[1], [U], [1]]
    assert read_own_labels([path]).notes == (f"{path}: statements of a model, which teach nothing: 2",)


def test_a_mark_is_no_label_and_takes_none_back(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    marks = [
        {"mark": "onset", "value": "marked"},
        {"mark": "onset", "value": None},
        {"mark": "apex", "value": "marked"},
    ]
    path.write_text("".join([statement(frame=0), *(statement(frame=n, **mark) for n in (0, 1) for mark in marks)]))
    assert put(path, (12,), 2) == [[1], [U]]
    path.write_text(statement(frame=0, value="present", source="between"))
    assert put(path, (12,), 1) == [[1]]


def test_one_side_shows_the_au_but_its_absence_there_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(statement(frame=0, side="L") + statement(frame=1, side="R", value=0) + statement(frame=2, value=0))
    assert put(path, (12,), 3) == [[1], [U], [0]]


def test_two_coders_who_differ_make_a_label_unknown_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(statement(frame=0) + statement(frame=0, coder="ab", value=0) + statement(frame=1, coder="ab"))
    notes: list[str] = []
    assert put(path, (12,), 2, notes=notes) == [[U], [1]]
    assert notes == [
        f"{tmp_path / 'anna.mp4'}: labels that contradict each other and are unknown: 1, first AU12 of frame 0"
    ]


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(statement() + statement(video="cd" * 32))
    with pytest.raises(DataError, match=r"'anna\.mp4' and 'anna\.mp4' may both be .*anna\.mp4"):
        put(path, (12,))


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[1]",
        statement(value=6),
        statement(value="there"),
        statement(value=True),
        statement(frame=-1),
        statement(au=51),
        statement(side="both"),
        statement(source="dog"),
        statement(time_s="late"),
        statement(coder=3),
        statement(mark="peak", value="marked"),
        statement(mark="apex", value=1),
        statement(value="marked"),
    ],
)
def test_a_line_that_is_no_label_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(statement() + line.strip() + "\n" + statement())
    with pytest.raises(
        DataError, match=r"^[^\n]*labels\.jsonl, line 2: this is not a label of the studio \(.*\); corr"
    ):
        read_own_labels([path])
    path.write_text(statement() + '{"video": \n' + statement())
    with pytest.raises(DataError, match=r"line 2: this is not JSON"):
        read_own_labels([path])


statements = st.lists(
    st.fixed_dictionaries(
        {
            "recording": st.just("größe.mp4"),  # a cut may fall into a letter
            "frame": st.integers(0, 2),
            "face": st.integers(0, 1),
            "au": st.sampled_from([4, 12]),
            "coder": st.sampled_from(["a", "b"]),
            "value": st.sampled_from([0, 1, 5, "unscorable", None]),
            "source": st.sampled_from(["human", "confirmed", "model"]),
        }
    ),
    max_size=12,
)
Key = tuple[str, int, int, int]


def fold(entries: list[dict[str, object]]) -> dict[Key, int]:
    """What must hold, told plainly."""
    state: dict[Key, object] = {}
    for entry in entries:
        if entry["source"] != "model":
            state[entry["coder"], entry["face"], entry["frame"], entry["au"]] = entry["value"]  # type: ignore[index]
    return {key: min(value, 1) for key, value in state.items() if isinstance(value, int)}


def found(labels: OwnLabels) -> dict[Key, int]:
    of_sheets = [(sheet.coder, label) for sheet in labels.sheets for label in sheet]
    assert all(label.face is not None and label.frame is not None for _, label in of_sheets)
    return {(coder, label.face or 0, label.frame or 0, label.au): label.value for coder, label in of_sheets}


@given(statements, st.data())
def test_whatever_was_said_and_wherever_a_crash_cut_it_the_whole_lines_hold(entries, data) -> None:
    lines = [json.dumps(json.loads(statement(**entry)), ensure_ascii=False).encode() + b"\n" for entry in entries]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    kept = [i for i in range(len(lines)) if sum(map(len, lines[: i + 1])) - 1 <= cut]  # the line feed may be lost
    expected = fold([entries[i] for i in kept])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.jsonl"
        path.write_bytes(whole[:cut])
        if not expected:
            with pytest.raises(DataError, match=r"no label in there|this file is empty"):
                read_own_labels([path])
            return
        labels = read_own_labels([path])
    assert found(labels) == expected
    torn = cut not in {sum(map(len, lines[:i])) - end for i in range(len(lines) + 1) for end in (0, 1)}
    assert any("was cut off and is ignored" in note for note in labels.notes) == torn


@given(statements, st.randoms())
def test_only_the_order_of_statements_about_the_same_thing_matters(entries, random) -> None:
    def about(entry):
        return entry["coder"], entry["face"], entry["frame"], entry["au"]

    turns = [about(entry) for entry in entries]
    random.shuffle(turns)
    waiting = {key: [entry for entry in entries if about(entry) == key] for key in turns}
    mixed = [waiting[key].pop(0) for key in turns]
    assert fold(mixed) == fold(entries)
    if not fold(entries):
        return
    with TemporaryDirectory() as folder:
        for name, order in (("a.jsonl", entries), ("b.jsonl", mixed)):
            (Path(folder) / name).write_text("".join(statement(**entry) for entry in order))
        a, b = (found(read_own_labels([Path(folder) / name])) for name in ("a.jsonl", "b.jsonl"))
    assert a == b == fold(entries)
