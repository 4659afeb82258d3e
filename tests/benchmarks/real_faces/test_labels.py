"""Tables of codes: both forms, those that cannot be used, and which face is meant."""

import argparse
import re
from pathlib import Path

import pytest

from knowledge_spreader.benchmarks.real_faces.coded import CodedFace, pick
from knowledge_spreader.benchmarks.real_faces.coded_sets import read_sets, table_and_media
from knowledge_spreader.benchmarks.real_faces.labels import read_labels
from knowledge_spreader.benchmarks.real_faces.run import LABELS
from knowledge_spreader.errors import DataError, MissingError
from tests.paths import SHARED

BY_EYE = SHARED / "real_dev" / "eye_labels.csv"
BOX = "clip,frame,timestamp,face,x0,y0,x1,y1,AU01,AU18\n"


def test_the_coded_face_is_found_by_its_place_by_its_size_or_by_its_rank() -> None:
    left, right, far = (100.0, 0.0, 140.0, 40.0), (300.0, 0.0, 400.0, 100.0), (900.0, 0.0, 940.0, 40.0)
    boxes = [right, left]
    at = CodedFace("a", 0, 0, "p", (118.0, 25.0), ())
    assert pick(at, boxes, alone=False) == 1
    assert pick(at, [right, far], alone=True) is None
    ranked = CodedFace("a", 0, 0, "p", None, ())
    assert pick(ranked, boxes, alone=False) == 1
    assert pick(ranked, boxes, alone=True) == 0
    assert pick(CodedFace("a", 0, 2, "p", None, ()), boxes, alone=False) is None
    assert pick(ranked, [], alone=True) is None


def test_labels_are_read_with_unsure_codes_and_without_the_columns_that_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("file,frame,face,AU12,AU4\na.mp4,3,0,1,\na.mp4,3,1,?,0\n")
    coded = read_labels(path)
    assert coded.aus == (12, 4)
    assert coded.labels.tolist() == [[1, -1], [-1, 0]]
    assert [face.person for face in coded.faces] == ["a.mp4 0", "a.mp4 1"]
    assert coded.faces[0].at_px is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,frame,AU1\na,0,1\n", "wanted columns"),
        ("file,frame,face,AU99x\na,0,0,1\n", "wanted columns"),
        ("file,frame,face\na,0,0\n", "wanted columns"),
        ("file,frame,face,AU1,1\na,0,0,1,1\n", "wanted columns"),
        ("file,frame,face,AU1\n", "no coded face"),
        ("file,frame,face,AU1\na,0,0,2\n", "line 2"),
        ("file,frame,face,AU1\na,0,0\n", ""),
        ("file,frame,face,AU1\na,x,0,1\n", "line 2"),
        ("file,frame,face,AU1\na,-1,0,1\n", "line 2"),
        ("file,frame,face,AU1\na,0,0,1\na,0,0,0\n", "coded twice"),
        ('file,frame,face,AU1\na,0,0,"1\n', "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    if not said:  # a short line: the codes that are missing are unsure
        assert read_labels(path).labels.tolist() == [[-1]]
        return
    with pytest.raises(DataError, match=said) as caught:
        read_labels(path)
    assert "\n" not in str(caught.value)


def test_a_table_of_boxes_gives_the_centre_and_takes_each_clip_as_a_person(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(BOX + "a.mp4,3,0.12,0,100,50,140,110,1,\nb.mp4,0,0,0,0,0,10,10,,0\n")
    coded = read_labels(path)
    assert coded.aus == (1, 18)
    assert coded.labels.tolist() == [[1, -1], [-1, 0]]
    assert [face.at_px for face in coded.faces] == [(120.0, 80.0), (5.0, 5.0)]
    assert len({face.person for face in coded.faces}) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip,frame,face,AU01\na,0,0,1\n", "wanted columns clip, frame, face, x0"),
        (BOX + "a.mp4,3,0,0,100,50,,110,1,\n", "line 2: .* numbers for x0, x1, y0, y1"),
        (BOX + ",3,0,0,100,50,140,110,1,\n", "line 2: wanted a clip"),
    ],
)
def test_a_table_of_boxes_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_labels(path)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not BY_EYE.is_file(), reason="the second table (../shared/data/real_dev) is not here")
def test_the_table_of_seven_clips_is_read_as_its_readme_says() -> None:
    coded = read_labels(BY_EYE)
    counts = dict(zip(coded.aus, (coded.labels == 1).sum(axis=0).tolist(), strict=True))
    assert counts == {1: 49, 2: 29, 4: 19, 5: 8, 6: 16, 10: 11, 12: 36, 15: 5, 17: 9, 18: 5, 25: 138, 26: 56, 43: 19}
    assert len(coded.faces) == 209
    assert len(coded.files) == 7


def test_what_a_table_does_not_code_is_unsure(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("file,frame,face,AU12,AU4\na.mp4,3,0,1,0\n")
    assert read_labels(path).labels_of((4, 6, 12)).tolist() == [[0, -1, 1]]


def test_a_set_is_a_table_and_its_folder_even_where_a_path_has_an_equals_sign(tmp_path: Path) -> None:
    (table := tmp_path / "a=b.csv").write_text("")
    assert table_and_media(f"{table}={tmp_path}/x=y") == (table, tmp_path / "x=y")
    assert table_and_media("l.csv=media") == (Path("l.csv"), Path("media"))
    for text in ("l.csv", "l.csv=", "=media", "="):
        with pytest.raises(argparse.ArgumentTypeError, match=r"wanted LABELS\.csv=FOLDER"):
            table_and_media(text)


def test_people_are_told_apart_by_folder_and_tables_of_one_name_by_their_path(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"")
        (tmp_path / name / "l.csv").write_text(f"file,frame,face,AU1,person\na.png,0,0,1,ann\n# {name},0,0,,\n")
        (tmp_path / name / f"# {name}").write_bytes(b"")
    (tmp_path / "one" / "m.csv").write_text("file,frame,face,AU2,person\na.png,0,0,1,ann\n")
    tables = (("one", "l.csv"), ("two", "l.csv"), ("one", "m.csv"))
    one, two, same = read_sets([(tmp_path / name / table, tmp_path / name) for name, table in tables])
    assert [each.name for each in (one, two, same)] == [str(one.table), str(two.table), "m.csv"]
    ann = [each.person_of(each.coded.faces[0]) for each in (one, two, same)]
    assert ann[0] == ann[2] != ann[1]
    assert len({one.sha256, two.sha256, same.sha256}) == 3


def test_a_table_given_twice_and_media_that_are_missing_are_refused(tmp_path: Path) -> None:
    (table := tmp_path / "l.csv").write_text("file,frame,face,AU1\na.png,0,0,1\nb.png,0,0,1\n")
    with pytest.raises(MissingError, match=r"a\.png and 1 more: no such file"):
        read_sets([(table, tmp_path)])
    with pytest.raises(DataError, match="given twice"):
        read_sets([(table, tmp_path), (tmp_path / "." / "l.csv", tmp_path)])


def test_our_codes_are_those_that_their_readme_tells_of() -> None:
    coded = read_labels(LABELS)
    text = (LABELS.parent / "README.md").read_text()
    assert coded.aus == (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
    told = re.search(r"(\d+) faces in (\d+) frames of \d+ clips and \d+ stills, (\d+) people", text)
    assert told
    frames = {(face.file, face.frame) for face in coded.faces}
    assert [int(n) for n in told.groups()] == [len(coded.faces), len(frames), len({f.person for f in coded.faces})]
    present = dict(zip(coded.aus, (coded.labels == 1).sum(axis=0), strict=True))
    positives = re.search(r"Positives: ([^.]*)\.", text)
    assert positives
    listed = {int(au): int(count) for au, count in re.findall(r"AU(\d+) (\d+)", positives[1])}
    assert listed == {au: count for au, count in present.items() if count}
