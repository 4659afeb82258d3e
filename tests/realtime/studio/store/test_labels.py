"""labels.py: what is said is kept, whatever happens; undo and redo; any order of actions, a kill at any byte."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.store.labels import ElsewhereError, LabelLog
from knowledge_spreader.realtime.studio.store.statement import BETWEEN, MARKED, MARKS, PRESENT, Statement

VIDEO = "a" * 64


def said(frame: int = 3, value: int | str | None = 1, au: int = 12, coder: str = "ab", face: int = 0) -> Statement:
    return Statement(VIDEO, "anna.mp4", face, frame, frame / 25, au, value, None, coder)


def marked(frame: int, mark: str, value: str | None = MARKED, au: int = 12, coder: str = "ab") -> Statement:
    return replace(said(frame, value=None, au=au, coder=coder), value=value, mark=mark)


def held(log: LabelLog, coder: str | None = None) -> list[tuple[int, int, int | str | None]]:
    return [(one.frame, one.au, one.value) for one in log.state(coder)]


def test_the_last_word_holds_and_null_takes_it_back(tmp_path: Path) -> None:
    log = LabelLog(tmp_path / "labels.jsonl")
    log.say([said(value=2), said(au=4, value=0)])
    log.say([said(value=5)])
    assert held(log) == [(3, 4, 0), (3, 12, 5)]
    log.say([said(value=None)])
    assert held(log) == [(3, 4, 0)]


def test_two_coders_do_not_touch_each_other(tmp_path: Path) -> None:
    log = LabelLog(tmp_path / "labels.jsonl")
    log.say([said(value=2)])
    log.say([said(value=0, coder="cd")])
    assert held(log, "ab") == [(3, 12, 2)]
    assert held(log, "cd") == [(3, 12, 0)]
    log.undo("cd")
    assert log.coders() == ["ab"]


def test_undo_and_redo_go_back_to_what_was_said_before_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    log = LabelLog(path)
    log.say([said(value=1)])
    log.say([said(value=4), said(au=4, value=2)])
    assert [(one.au, one.value) for one in log.undo("ab")] == [(4, None), (12, 1)]
    log = LabelLog(path)
    assert held(log) == [(3, 12, 1)]
    log.redo("ab")
    assert held(log) == [(3, 4, 2), (3, 12, 4)]
    log.undo("ab")
    log.undo("ab")
    assert (held(log), log.undo("ab"), log.can("ab")) == ([], [], (False, True))
    log.say([said(frame=9)])
    assert log.can("ab") == (True, False)  # what was undone is gone from the stack, as everywhere


def test_ks_adapt_reads_the_file(tmp_path: Path) -> None:
    (tmp_path / "anna.mp4").write_bytes(b"")
    log = LabelLog(tmp_path / "labels.jsonl")
    log.say([said(value=3), said(au=4, value="unscorable"), said(au=6, value="present"), said(au=1, value=0)])
    log.say([said(au=1, value=5)])
    log.undo("ab")
    labels = read_own_labels([tmp_path / "labels.jsonl"], [tmp_path / "anna.mp4"])
    assert sorted((one.au, one.value, one.frame) for one in labels.labels) == [(1, 0, 3), (6, 1, 3), (12, 1, 3)]


def test_an_event_is_marked_and_said_in_one_action_which_one_undo_takes_back(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    log = LabelLog(path)
    log.say([said(4, value=0)])
    log.say([marked(3, "onset")])
    between = [replace(said(frame, value=PRESENT), source=BETWEEN) for frame in (3, 5)]
    log.say([marked(5, "offset"), *between])
    assert held(log) == [(3, 12, PRESENT), (4, 12, 0), (5, 12, PRESENT)]
    assert [(one.frame, one.mark) for one in log.said("ab") if one.mark] == [(3, "onset"), (5, "offset")]
    assert log.labelled("ab") == {VIDEO: {(4, 0)}}  # what follows from marks is no answer to the other AUs
    log.undo("ab")
    log = LabelLog(path)
    assert held(log) == [(4, 12, 0)]
    assert [(one.frame, one.mark) for one in log.said("ab") if one.mark] == [(3, "onset")]
    log.redo("ab")
    log.say([marked(3, "onset", None)])
    assert [(one.frame, one.mark) for one in LabelLog(path).said("ab") if one.mark] == [(5, "offset")]


def test_ks_adapt_takes_no_mark_for_a_label(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    log = LabelLog(path)
    log.say([said(3, value=0), *(marked(frame, mark) for frame, mark in enumerate(MARKS, 3))])
    log.say([replace(said(4, value=PRESENT), source=BETWEEN), marked(3, "onset", None)])
    assert sorted((one.frame, one.value) for one in read_own_labels([path]).labels) == [(3, 0), (4, 1)]


def test_lines_without_marks_are_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    LabelLog(path).say([said(), marked(3, "apex")])
    label, mark = (json.loads(line) for line in path.read_text().splitlines())
    assert "mark" not in label
    assert (mark["mark"], mark["value"]) == ("apex", "marked")


def test_who_does_not_know_the_last_batch_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    log = LabelLog(path)
    first = log.say([said(3)], known=0)
    log.say([said(3, coder="cd")], known=0)  # another coder is no matter
    second = log.say([said(4)], known=first)
    before = path.read_bytes()
    for stale in (0, first):
        with pytest.raises(ElsewhereError):
            log.say([said(3, value=0)], known=stale)
        with pytest.raises(ElsewhereError):
            log.undo("ab", known=stale)
    assert path.read_bytes() == before
    log = LabelLog(path)
    assert log.last("ab") == second
    (undone,) = log.undo("ab", known=second)
    assert log.last("ab") == undone.batch > second
    assert (log.last("cd"), log.last("ef")) == (2, 0)


@pytest.mark.parametrize(
    "wrong", [{"mark": "peak"}, {"mark": "apex", "value": 1}, {"value": "marked"}, {"mark": "apex", "side": "L"}]
)
def test_what_is_no_mark_is_refused(wrong: dict) -> None:
    with pytest.raises(DataError):
        replace(said(), **({"value": MARKED} | wrong if "mark" in wrong else wrong))


@pytest.mark.parametrize("wrong", [{"value": 6}, {"value": True}, {"value": "?"}, {"au": 999}, {"side": "left"}])
def test_what_is_no_label_is_refused(wrong: dict) -> None:
    with pytest.raises(DataError):
        replace(said(), **wrong)


@pytest.mark.parametrize("wrong", [{"coder": " "}, {"frame": -1}, {"face": True}, {"source": "guess"}])
def test_so_is_a_label_of_nobody_or_of_no_frame(wrong: dict) -> None:
    with pytest.raises(DataError):
        replace(said(), **wrong)


ACTIONS = st.one_of(
    st.tuples(st.just("undo"), st.sampled_from(["ab", "cd"])),
    st.tuples(st.just("redo"), st.sampled_from(["ab", "cd"])),
    st.tuples(
        st.sampled_from(["ab", "cd"]),
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.sampled_from([4, 12]),
                st.sampled_from([None, 0, 1, 5, "unscorable"]) | st.tuples(st.sampled_from(MARKS), st.booleans()),
            ),
            min_size=1,
            max_size=3,
        ),
    ),
)


class Plain:
    """The same, written as one would on paper: a stack of whole states for each coder."""

    def __init__(self) -> None:
        self.past: dict[str, list[dict]] = {"ab": [{}], "cd": [{}]}
        self.future: dict[str, list[dict]] = {"ab": [], "cd": []}

    def do(self, action: tuple) -> None:
        kind, what = action
        if kind == "undo" and len(self.past[what]) > 1:
            self.future[what].append(self.past[what].pop())
        elif kind == "redo" and self.future[what]:
            self.past[what].append(self.future[what].pop())
        elif kind not in ("undo", "redo"):
            new = dict(self.past[kind][-1])
            for one in statements(kind, what):
                key = (one.frame, one.au, one.mark)
                new.pop(key, None)
                if one.value is not None:
                    new[key] = one.value
            self.past[kind].append(new)
            self.future[kind] = []

    def held(self, coder: str) -> dict:
        return self.past[coder][-1]


def do(log: LabelLog, action: tuple) -> None:
    kind, what = action
    if kind == "undo":
        log.undo(what)
    elif kind == "redo":
        log.redo(what)
    else:
        log.say(statements(kind, what))


def statements(coder: str, what: list) -> list[Statement]:
    """(frame, AU, value), or (frame, AU, (mark, whether it is there))."""
    return [
        marked(frame, value[0], MARKED if value[1] else None, au, coder)
        if isinstance(value, tuple)
        else said(frame, value, au, coder)
        for frame, au, value in what
    ]


@given(st.lists(ACTIONS, max_size=25), st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_of_actions_and_a_kill_at_any_byte(tmp_path_factory, actions: list, data) -> None:
    """The file after a kill is what was there before the line that was being written, and goes on from there."""
    path = tmp_path_factory.mktemp("log") / "labels.jsonl"
    log, plain = LabelLog(path), Plain()
    for action in actions:
        do(log, action)
        plain.do(action)
        if data.draw(st.booleans()):
            log = LabelLog(path)
    for coder in ("ab", "cd"):
        assert {(one.frame, one.au, one.mark): one.value for one in log.said(coder)} == plain.held(coder)
    if not path.exists() or not (whole := path.read_bytes()):
        return
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    lines = whole[:cut].split(b"\n")
    if lines[-1] and _is_json(lines[-1]):
        lines.append(b"")
    after = LabelLog(path)
    assert path.read_bytes() == b"\n".join([*lines[:-1], b""])
    after.say([said(frame=99)])
    assert (99, 12, 1) in held(LabelLog(path), "ab")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_a_line_that_is_no_label_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    LabelLog(path).say([said()])
    path.write_text(path.read_text() + '{"au": 12}\n')
    with pytest.raises(DataError, match=r"labels\.jsonl, line 2: this is not a label"):
        LabelLog(path)


def test_two_threads_lose_nothing(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    log = LabelLog(tmp_path / "labels.jsonl")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda frame: log.say([said(frame)]), range(80)))
    assert len(held(log)) == 80
    assert held(LabelLog(tmp_path / "labels.jsonl")) == held(log)


SAY_FOR_EVER = """
import sys
from pathlib import Path
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.statement import Statement
log = LabelLog(Path(sys.argv[1]))
for frame in range(10**6):
    log.say([Statement("a" * 64, "anna.mp4", 0, frame, frame / 25, au, 1, None, "ab") for au in (1, 2, 4)])
    print(frame, flush=True)
"""


def test_what_was_said_before_a_kill_is_there(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    process = subprocess.Popen([sys.executable, "-c", SAY_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for _ in range(30):
        last = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    frames = {one.frame for one in LabelLog(path).state()}
    assert frames >= set(range(last + 1))


FULL = """
import resource, sys
from pathlib import Path
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.statement import Statement
log = LabelLog(Path(sys.argv[1]))
said = lambda frame: [Statement("a" * 64, "anna.mp4", 0, frame, 0.0, au, 1, None, "ab") for au in (1, 2, 4)]
log.say(said(0))
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, size + 300))  # the next three lines do not fit
try:
    log.say(said(1))
except DataError as exc:
    print(exc)
print(Path(sys.argv[1]).stat().st_size == size, len(log.state()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes on Windows")
def test_a_full_disk_is_one_line_and_nothing_is_half_said(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    line, kept = done.stdout.splitlines()
    assert "the label could not be kept" in line
    assert kept == "True 3"
