"""ks-real as a user runs it: coded clips and portraits of a rendered person, real faces, and what is refused."""

import csv
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.arrays import U8
from knowledge_spreader.benchmarks.real_faces.labels import read_labels
from knowledge_spreader.benchmarks.real_faces.run import LABELS, main
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.watch import watch
from tests.paths import ROOT, SHARED

DEMO = ROOT / "realtime" / "demo"
MEDIA, MODELS, LONDON = SHARED / "media", SHARED / "models", SHARED / "real_faces" / "london"
FACE_MODEL = find_face_model(None)
AT_REST, SMILING = (0, 8, 192), (100, 104, 112)  # frames of the demo clip
STEP = 8

real_faces = pytest.mark.skipif(not MEDIA.is_dir(), reason="real faces (../shared/data/media) are not here")


def write_clip(path: Path, frames: Sequence[U8]) -> None:
    """frames: (H, W, 3) BGR."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, bit_rate=10_000_000)
        stream.height, stream.width = frames[0].shape[:2]
        for picture in [*map(partial(av.VideoFrame.from_ndarray, format="bgr24"), frames), None]:
            container.mux(stream.encode(picture))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every eighth frame of the demo clip, codes in both forms, and portraits made from its frames."""
    folder = tmp_path_factory.mktemp("rendered")
    with av.open(str(DEMO / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    write_clip(folder / "clip.mp4", frames[::STEP])
    with (DEMO / "clip.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::STEP]
    point = ["file,frame,face,AU1,AU25"]
    box = ["clip,frame,timestamp,face,x0,y0,x1,y1,AU12,AU18,AU25"]
    for i, row in enumerate(rows):
        au1, au12, au25 = (int(float(row[name]) > 0.3) for name in ("AU01", "AU12", "AU25"))
        point.append(f"clip.mp4,{i},0,{au1},")
        box.append(f"clip.mp4,{i},{i / 25},0,220,130,420,320,{au12},,{au25}")
    (folder / "point.csv").write_text("\n".join(point) + "\n")
    (folder / "box.csv").write_text("\n".join(box) + "\n")
    (folder / "portraits").mkdir()
    for kind, chosen in (("neutral", AT_REST), ("smiling", SMILING)):
        for person, index in enumerate(chosen):
            cv2.imwrite(str(folder / "portraits" / f"{kind}_{person:03}.png"), frames[index])
    (folder / "portraits" / "grey neutral 9.png").write_bytes(b"no picture")
    return folder


def test_coded_clips_and_portraits_are_judged_together_and_the_look_is_noted(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, looks = tmp_path / "out.json", tmp_path / "looks.csv"
    command = ["--media", str(rendered), "--labels", str(rendered / "point.csv"), "--device", "cpu", "--no-progress"]
    command += ["--coded", f"{rendered / 'box.csv'}={rendered}", "--portraits", str(rendered / "portraits")]
    assert main([*command, "--json", str(out), "--looks", str(looks)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(out.read_text())
    aus = {row["au"]: row for row in found["scores"]["model"]["aus"]}
    assert (aus[1]["present"], aus[1]["absent"]) == (3, 22)  # coded in one of the tables
    assert (aus[12]["present"], aus[12]["absent"]) == (5, 20)
    assert aus[12]["auc"] > 0.95
    assert aus[4]["present"] + aus[4]["absent"] == 0  # in none
    assert [(one["name"], one["faces"], one["answered"]) for one in found["sets"]] == [
        ("point.csv", 25, 25),
        ("box.csv", 25, 25),
    ]
    assert found["left_out"] == ["AU18"]
    assert found["coverage"]["groups"]["large and frontal"]["faces"] == 50
    rest = found["portraits"]["scores"]["model"]
    assert rest["reasons"] == {"unreadable": 1}
    shares = {row["au"]: (row["at_rest"], row["smiles"], row["auc_smile"]) for row in rest["aus"]}
    assert shares[12] == (0, 1, 1)
    assert [row["smiles"] for row in found["portraits"]["pictures"]] == [False] * 4 + [True] * 3
    for told in ("box.csv, 12 AUs", "at rest", "AU18; left out", "4 at rest and 3 smiles of 4 people", "box.csv 1"):
        assert told in printed
    assert len(looks.read_text().splitlines()) == 2


@pytest.mark.slow
def test_portraits_alone_are_judged(rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--portraits", str(rendered / "portraits"), "--device", "cpu", "--no-progress"]) == 0
    printed = capsys.readouterr().out
    assert "smiles with AU12 100.0 %" in printed
    assert "Coverage" not in printed


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no faces given; add --media FOLDER, --coded FILE.csv=FOLDER or --portraits FOLDER"),
        (["--labels", "{0}/box.csv"], "add --media FOLDER"),
        (["--media", "nowhere"], "nowhere/coral_grace_hopper.bmp and 12 more: no such file"),
        (["--media", "{0}", "--labels", "nowhere.csv"], "nowhere.csv: the table of labels cannot be read"),
        (["--coded", "{0}/box.csv"], "--coded: wanted LABELS.csv=FOLDER"),
        (["--coded", "{0}/box.csv=nowhere"], "nowhere/clip.mp4: no such file"),
        (["--coded", "{0}/box.csv={0}", "--coded", "{0}/box.csv={0}"], "given twice"),
        (["--coded", "{0}/clip.mp4={0}"], "the table of labels cannot be read"),
        (["--portraits", "{0}"], "no picture of a face at rest among 3 files"),
        (["--portraits", "nowhere"], "--portraits nowhere: cannot be read"),
        (["--coded", "{0}/box.csv={0}", "--json", "{0}/box.csv"], "--json would write over"),
        (["--coded", "{0}/box.csv={0}", "--looks", "{0}/clip.mp4"], "--looks would write over"),
        (["--coded", "{0}/box.csv={0}", "--json", "{0}/n", "--looks", "{0}/n"], "would both write"),
        (["--coded", "{0}/box.csv={0}", "--looks", "{0}/point.csv"], "wanted the columns time_utc"),
        (["--coded", "{0}/box.csv={0}", "--json", "{0}"], "is a folder"),
    ],
)
def test_a_run_that_cannot_be_says_so_in_one_line(
    args: list[str], said: str, rendered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*(word.format(rendered) for word in args), "--no-progress"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_codes_of_aus_that_the_model_does_not_predict_are_refused(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table := tmp_path / "l.csv").write_text("file,frame,face,AU18\nclip.mp4,0,0,1\n")
    assert main(["--coded", f"{table}={rendered}", "--no-progress"]) == 2
    assert "codes AUs 18, and" in capsys.readouterr().err


@pytest.mark.slow
def test_a_coded_frame_that_the_file_does_not_have_is_told(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table := tmp_path / "l.csv").write_text("file,frame,face,AU12\nportraits/neutral_000.png,7,0,1\n")
    assert main(["--coded", f"{table}={rendered}", "--device", "cpu", "--no-progress"]) == 2
    assert "neutral_000.png: the coded frame 7 cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["model", "landmarker"])
def test_a_model_that_is_missing_or_none_is_refused_in_one_line(
    what: str, rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(b"no model")
    for path in (tmp_path / "nowhere.bin", damaged):
        assert main(["--coded", f"{rendered / 'box.csv'}={rendered}", "--no-progress", f"--{what}", str(path)]) == 2
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
def test_a_frames_number_is_its_place_among_the_decoded_ones() -> None:
    path = MEDIA / "intel_head-pose-face-detection-female.gif"
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with watch(path, options=Options(face_model=str(FACE_MODEL), device="cpu")) as results:
        shown = {result.frame.index: result.frame.image for result in results}
    assert sorted(shown) == list(range(len(decoded)))
    assert all(np.array_equal(shown[index], picture) for index, picture in enumerate(decoded))


@real_faces
@pytest.mark.skipif(not LONDON.is_dir(), reason="real portraits (../shared/data/real_faces/london) are not here")
def test_real_stills_and_portraits_are_answered_for_beside_mediapipe(tmp_path: Path) -> None:
    stills = ["pyfeat_multi_face.jpg", "pyfeat_single_face.jpg", "skimage_astronaut.png", "coral_grace_hopper.bmp"]
    labels, out = rows_of(stills, tmp_path / "l.csv"), tmp_path / "out.json"
    for path in sorted(LONDON.glob("*__00[1-4]_*.jpg")):
        (tmp_path / path.name).symlink_to(path)
    command = ["--media", str(MEDIA), "--labels", str(labels), "--portraits", str(tmp_path), "--device", "cpu"]
    command += ["--landmarker", str(MODELS / "face_landmarker.task"), "--json", str(out), "--no-progress"]
    assert main([*command, "--face-model", str(FACE_MODEL)]) == 0
    found = json.loads(out.read_text())
    smiles = [face["blendshapes"]["AU12"] for face in found["faces"] if face["blendshapes"]]
    assert len(found["faces"]) == 8
    assert len(smiles) >= 7
    assert max(smiles) > 0.8
    assert min(smiles) < 0.5  # two of them do not smile
    assert [row["au"] for row in found["scores"]["model"]["aus"]] == list(read_labels(labels).aus)
    assert [row["person"] for row in found["portraits"]["pictures"]] == ["1", "2", "3", "4"] * 2
    for who in ("model", "MediaPipe"):
        smile = next(row for row in found["portraits"]["scores"][who]["aus"] if row["au"] == 12)
        assert smile["at_rest"] <= 0.25
        assert smile["auc_smile"] > 0.9


@real_faces
@pytest.mark.slow
@pytest.mark.long
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
