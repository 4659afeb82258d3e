"""Scores on faces coded by eye: figures by hand, tables that cannot be used, and real runs."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.benchmarks.real_faces.blendshapes import aus_of
from knowledge_spreader.benchmarks.real_faces.labels import CodedFace, CodedFaces, pick, read_labels
from knowledge_spreader.benchmarks.real_faces.run import LABELS, Answer, Run, main, report, score_run
from knowledge_spreader.benchmarks.real_faces.scores import Answers, AUScore, Mean, score
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.watch import watch
from tests.paths import SHARED

MEDIA, MODELS = SHARED / "media", SHARED / "models"
FACE_MODEL = find_face_model(None)
NAN = float("nan")

real_faces = pytest.mark.skipif(not MEDIA.is_dir(), reason="real faces (../shared/data/media) are not here")


def one_au(
    scores: Sequence[float],
    codes: Sequence[int],
    people: Sequence[str] = (),
    *,
    cut: float = 0.5,
    shown: Sequence[float] | None = None,
) -> tuple[AUScore, Mean]:
    """Figures of one AU, 12, and the mean over it."""
    column = np.array(scores, np.float64)[:, None]
    answers = Answers(column, np.array([cut]), None if shown is None else np.array(shown, np.float64)[:, None])
    labels = np.array(codes, np.int64)[:, None]
    found = score(answers, labels, [12], people or [str(i) for i in range(len(codes))], {"all": [12]})
    return found.aus[0], found.means["all"]


def test_auc_is_the_share_of_pairs_in_order_and_a_tie_counts_half() -> None:
    row, mean = one_au([0.9, 0.5, 0.4, 0.5, 0.3, 0.1], [1, 1, 1, 0, 0, 0])
    assert row.auc == pytest.approx((3 + 2.5 + 2) / 9)  # 0.9 beats three, 0.5 two and ties one, 0.4 two
    assert mean.auc == row.auc


def test_unsure_codes_and_faces_without_an_answer_are_left_out() -> None:
    row, _ = one_au([0.9, 0.8, 0.7, NAN, 0.0, 0.1, 0.2, 0.3], [1, 1, 1, 1, -1, 0, 0, 0])
    assert (row.present, row.absent, row.auc) == (3, 3, 1.0)


def test_two_faces_that_show_an_au_are_no_evidence_but_false_alarms_are_counted() -> None:
    row, mean = one_au([0.9, 0.8, 0.7, 0.2, 0.1, 0.6], [1, 1, 0, 0, 0, 0])
    assert np.isnan([row.auc, row.f1, mean.auc, mean.f1]).all()
    assert mean.aus == ()
    assert row.false_alarms == pytest.approx(2 / 4)


def test_f1_is_taken_at_the_models_threshold_of_what_is_shown_and_at_the_best_cut() -> None:
    scores, codes = [0.9, 0.6, 0.4, 0.65, 0.2, 0.1], [1, 1, 1, 0, 0, 0]
    row, _ = one_au(scores, codes, cut=0.62, shown=[1, 1, 0, 0, 0, 0])
    assert row.f1 == pytest.approx(2 * 1 / (2 * 1 + 1 + 2))  # at 0.62: one hit, one false alarm, two misses
    assert row.f1_shown == pytest.approx(2 * 2 / (2 * 2 + 0 + 1))
    assert row.f1_best == pytest.approx(2 * 3 / (2 * 3 + 1 + 0))  # at 0.3


def test_calibration_error_is_the_mean_gap_between_what_is_said_and_what_is_so() -> None:
    row, _ = one_au([0.85] * 5 + [0.15] * 5, [1, 1, 1, 1, 0, 1, 0, 0, 0, 0])
    assert row.ece == pytest.approx((5 * abs(0.85 - 0.8) + 5 * abs(0.15 - 0.2)) / 10)


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    answers = Answers(np.array([[0.9], [0.1]]), np.array([0.5]), calibrated=False)
    assert np.isnan(score(answers, np.array([[1], [0]]), [12], ["a", "b"], {}).aus[0].ece)


def test_many_frames_of_the_same_people_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    codes = [0, 1] * 10
    scores = list(np.clip(np.array(codes) * 0.3 + rng.random(20) * 0.7, 0, 1))
    people = [str(i // 2) for i in range(20)]
    once, _ = one_au(scores, codes, people)
    often, _ = one_au(scores * 20, codes * 20, people * 20)
    assert often.auc == pytest.approx(once.auc)
    assert often.auc_interval == pytest.approx(once.auc_interval)
    assert once.auc_interval[0] < once.auc < once.auc_interval[1]


def test_a_mean_takes_the_aus_of_its_group_that_have_evidence() -> None:
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])[:, None], 3)
    labels = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
    groups = {"all": [1, 12, 43], "two": [12, 43]}
    found = score(Answers(scores, np.full(3, 0.5)), labels, [1, 12, 43], list("abcdef"), groups)
    assert found.means["all"].aus == (1, 12)  # AU43 is shown by two faces only
    assert found.means["two"].auc == found.aus[1].auc == pytest.approx(3 / 9)  # 0.7, 0.3, 0.2 beat 1 of 3 each


def test_a_model_that_lacks_an_au_has_no_figures_for_it_and_keeps_those_of_the_others() -> None:
    faces = tuple(CodedFace("a.mp4", i, 0, str(i), None, (int(i < 3), int(i < 3))) for i in range(6))
    coded = CodedFaces((12, 14), faces)
    answers = tuple(Answer(face, "", {12: 1 - face.frame / 6}, {12: face.frame < 3}) for face in faces)
    run = Run(answers, "m.ks", "w", "", "e", {12: 0.6})
    found = score_run(run, coded, beside=False)["model"]
    assert (found.aus[0].auc, found.aus[0].f1, found.means["all AUs"].aus) == (1.0, 1.0, (12,))
    assert (found.aus[1].present, found.aus[1].absent) == (0, 0)
    assert report(run, {"model": found})["faces"][0]["probability"] == {"AU12": 1.0}


def test_beside_mediapipe_both_are_scored_on_the_faces_that_both_answered_for() -> None:
    faces = tuple(CodedFace("a.mp4", i, 0, str(i), None, (int(i < 4),)) for i in range(8))
    answers = [Answer(face, "", {12: 0.5}, {12: False}, {12: 0.2}) for face in faces]
    answers[0] = Answer(faces[0], "turned", blendshapes={12: 0.2})
    answers[7] = Answer(faces[7], "", {12: 0.5}, {12: False}, None)
    run = Run(tuple(answers), "m.ks", "w", "", "e", {12: 0.5})
    found = score_run(run, CodedFaces((12,), faces), beside=True)
    assert {who: (of.aus[0].present, of.aus[0].absent) for who, of in found.items()} == {
        "model": (3, 3),
        "MediaPipe": (3, 3),
    }
    alone = score_run(run, CodedFaces((12,), faces), beside=False)["model"]
    assert (alone.aus[0].present, alone.aus[0].absent) == (3, 4)


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


def test_blendshapes_become_aus_by_the_table() -> None:
    names = "browOuterUp browDown eyeWide cheekSquint eyeSquint noseSneer mouthUpperUp mouthSmile mouthDimple"
    names += " mouthFrown mouthStretch mouthPress eyeBlink mouthLowerDown"
    shapes = {f"{name}{side}": 0.0 for name in names.split() for side in ("Left", "Right")}
    shapes |= {"browInnerUp": 0.1, "mouthShrugLower": 0.2, "jawOpen": 0.5, "mouthClose": 0.4}
    shapes |= {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.8, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.1}
    aus = aus_of(shapes)
    assert (aus[1], aus[17], aus[26]) == (0.1, 0.2, 0.5)
    assert aus[12] == pytest.approx(0.7)
    assert aus[25] == pytest.approx(0.2)  # jawOpen - mouthClose is 0.1, mouthLowerDown 0.2
    assert 23 not in aus
    assert len(aus) == 17


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


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--media", "nowhere"], "nowhere/coral_grace_hopper.bmp and 12 more: no such file"),
        (["--labels", "nowhere.csv"], "nowhere.csv: the table of labels cannot be read"),
    ],
)
def test_a_run_that_cannot_be_says_so_in_one_line(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    media = [] if "--media" in args else ["--media", str(MEDIA)]
    assert main([*args, *media, "--no-progress"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@real_faces
@pytest.mark.parametrize("what", ["model", "landmarker"])
def test_a_model_that_is_missing_or_none_is_refused_in_one_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(b"no model")
    for path in (tmp_path / "nowhere.bin", damaged):
        command = ["--media", str(MEDIA), "--face-model", str(FACE_MODEL), "--no-progress"]
        assert main([*command, f"--{what}", str(path)]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert str(path) in lines[0]


def rows_of(files: Sequence[str], path: Path, extra: Sequence[str] = ()) -> Path:
    """Those of our rows that are of these files."""
    with LABELS.open(newline="") as file:
        head, *rows = file.read().splitlines()
    path.write_text("\n".join([head, *(row for row in rows if row.split(",")[0] in files), *extra]) + "\n")
    return path


@pytest.mark.slow
@real_faces
def test_a_coded_frame_that_the_file_does_not_have_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = rows_of(["skimage_astronaut.png"], tmp_path / "l.csv", ["skimage_astronaut.png,7,0,1"])
    assert main(["--media", str(MEDIA), "--labels", str(labels), "--face-model", str(FACE_MODEL), "--no-progress"]) == 2
    assert "skimage_astronaut.png: the coded frame 7 cannot be read" in capsys.readouterr().err


@pytest.mark.slow
@real_faces
def test_a_frames_number_is_its_place_among_the_decoded_ones() -> None:
    path = MEDIA / "intel_head-pose-face-detection-female.gif"
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with watch(path, options=Options(face_model=str(FACE_MODEL), device="cpu")) as results:
        shown = {result.frame.index: result.frame.image for result in results}
    assert sorted(shown) == list(range(len(decoded)))
    assert all(np.array_equal(shown[index], picture) for index, picture in enumerate(decoded))


@real_faces
def test_stills_are_answered_for_face_by_face_beside_mediapipe(tmp_path: Path) -> None:
    stills = ["pyfeat_multi_face.jpg", "pyfeat_single_face.jpg", "skimage_astronaut.png", "coral_grace_hopper.bmp"]
    labels, out = rows_of(stills, tmp_path / "l.csv"), tmp_path / "out.json"
    command = ["--media", str(MEDIA), "--labels", str(labels), "--face-model", str(FACE_MODEL), "--device", "cpu"]
    command += ["--landmarker", str(MODELS / "face_landmarker.task"), "--json", str(out), "--no-progress"]
    assert main(command) == 0
    found = json.loads(out.read_text())
    smiles = [face["blendshapes"]["AU12"] for face in found["faces"] if face["blendshapes"]]
    assert len(found["faces"]) == 8
    assert len(smiles) >= 7
    assert max(smiles) > 0.8
    assert min(smiles) < 0.5  # two of them do not smile
    assert [row["au"] for row in found["scores"]["model"]["aus"]] == list(read_labels(labels).aus)


@real_faces
@pytest.mark.slow
def test_the_whole_set_runs_and_mediapipe_knows_smiles_and_blinks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    command = ["--media", str(MEDIA), "--face-model", str(FACE_MODEL), "--device", "cpu", "--json", str(out)]
    assert main([*command, "--landmarker", str(MODELS / "face_landmarker.task"), "--no-progress"]) == 0
    assert "MediaPipe" in capsys.readouterr().out
    found = json.loads(out.read_text())
    with LABELS.open(newline="") as file:
        coded = [(row["file"], int(row["frame"]), int(row["face"])) for row in csv.DictReader(file)]
    assert [(row["file"], row["frame"], row["face"]) for row in found["faces"]] == coded
    assert sum(not row["no_answer"] for row in found["faces"]) >= len(coded) - 3
    theirs = {row["au"]: row["auc"] for row in found["scores"]["MediaPipe"]["aus"]}
    assert theirs[12] > 0.95
    assert theirs[43] > 0.95
