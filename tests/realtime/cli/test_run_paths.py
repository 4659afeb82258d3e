"""A run knows every path that it reads and writes before the first frame, and destroys nothing that is not its own."""

import argparse
import json
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.cli.arguments import options_of, parser
from knowledge_spreader.realtime.cli.run_paths import numbered, plan_paths
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink
from knowledge_spreader.realtime.watch import parse_targets
from tests.realtime.sinks.results import AUS, result


def clip(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width = stream.height = 64
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        for packet in (*stream.encode(picture), *stream.encode()):
            container.mux(packet)
    return path


def check(*words: object) -> None:
    args = parser().parse_args([str(word) for word in words])
    plan_paths(args, parse_targets([*args.source, *args.camera], options_of(args))).check(overwrite=args.overwrite)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder with ann.mp4, ben.mp4 and talk-2.mp4."""
    for name in ("ann", "ben", "talk-2"):
        clip(tmp_path / f"{name}.mp4")
    return tmp_path


def test_a_numbered_output_of_several_sources_never_meets_an_own_recording(recordings: Path) -> None:
    words = ["--source", recordings / "ann.mp4", "--source", recordings / "ben.mp4", "--save", recordings / "talk.mp4"]
    with pytest.raises(DataError, match=r"talk-2.mp4 exists, and knowledge-spreader did not write it"):
        check(*words)
    check(*words, "--overwrite")


def test_even_with_overwrite_an_input_stays(recordings: Path) -> None:
    with pytest.raises(DataError, match=r"would write .*talk-2.mp4, which is an input of this run"):
        check("--source", recordings, "--save", recordings / "talk.mp4", "--overwrite")


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--parquet", "--report"])
def test_the_model_and_a_list_of_sources_are_no_outputs(recordings: Path, option: str) -> None:
    (recordings / "list.txt").write_text(f"{recordings / 'ann.mp4'}\n")
    (recordings / "mine.ks").write_bytes(b"x")
    with pytest.raises(DataError, match="a list of sources of this run"):
        check("--source", f"@{recordings / 'list.txt'}", option, recordings / "list.txt")
    with pytest.raises(DataError, match="the model of this run"):
        check("--source", recordings / "ann.mp4", "--model", recordings / "mine.ks", option, recordings / "mine.ks")


def test_a_picture_of_a_folder_is_an_input(tmp_path: Path) -> None:
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(b"x")
    with pytest.raises(DataError, match="is an input"):
        check("--source", tmp_path, "--report", tmp_path / "1.png", "--overwrite")


def test_a_link_to_an_input_is_that_input(recordings: Path) -> None:
    (recordings / "other.csv").symlink_to(recordings / "ann.mp4")
    with pytest.raises(DataError, match="is an input"):
        check("--source", recordings / "ann.mp4", "--csv", recordings / "other.csv")


def test_two_outputs_in_one_file_are_refused_also_where_one_is_a_sidecar_or_a_journal(recordings: Path) -> None:
    source = ("--source", recordings / "ann.mp4")
    with pytest.raises(DataError, match="would both write"):
        check(*source, "--events", recordings / "e.tsv", "--report", recordings / "e.json")
    with pytest.raises(DataError, match="would both write"):
        check(*source, "--parquet", recordings / "p.parquet", "--csv", recordings / "p.parquet.part.csv")


def test_a_file_of_somebody_else_needs_overwrite(recordings: Path) -> None:
    openface = recordings / "theirs.csv"
    openface.write_text("frame, face_id, timestamp, confidence, success, gaze_0_x, AU01_r\n1, 0, 0, 1, 1, 0, 0\n")
    with pytest.raises(DataError, match="--overwrite"):
        check("--source", recordings / "ann.mp4", "--csv", openface)
    check("--source", recordings / "ann.mp4", "--csv", openface, "--overwrite")
    assert openface.read_text().startswith("frame, face_id")  # checking writes nothing


def test_what_this_product_wrote_is_its_own(tmp_path: Path) -> None:
    made = {
        "a.csv": lambda path: CsvSink(path, AUS),
        "a.jsonl": lambda path: JsonlSink(str(path)),
        "a.mp4": VideoSink,
        "a.mkv": VideoSink,
    }
    for name, sink in made.items():
        opened = sink(tmp_path / name)
        opened.write(result())
        opened.close()
        assert is_ours(tmp_path / name), name
    (tmp_path / "empty.csv").touch()
    assert is_ours(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"my notes"),
        ("package.json", json.dumps({"name": "x", "frames": 3}).encode()),
        ("list.jsonl", b'{"frame": 1}\n'),
        ("other.eaf", b'<?xml version="1.0"?><ANNOTATION_DOCUMENT AUTHOR="me">'),
        ("events.tsv", b"onset\tduration\ttrial_type\n0\t1\tface\n"),
        ("other.parquet", b"PAR1xxxxPAR1"),
    ],
)
def test_what_others_wrote_is_not(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert not is_ours(tmp_path / name)


def test_a_recording_is_not_ours(tmp_path: Path) -> None:
    assert not is_ours(clip(tmp_path / "talk.mp4"))


def test_outputs_are_numbered_by_stream() -> None:
    assert [path.name for path in numbered(Path("a/talk.mp4"), 3)] == ["talk.mp4", "talk-2.mp4", "talk-3.mp4"]


def test_the_parser_knows_overwrite() -> None:
    assert isinstance(parser(), argparse.ArgumentParser)
    assert parser().parse_args([]).overwrite is False


@pytest.mark.parametrize("first", [("--csv", "/dev/stdout"), ("--jsonl", "-"), ("--report", "/dev/fd/1")])
def test_two_outputs_on_standard_output_are_refused(recordings: Path, first: tuple[str, str]) -> None:
    words = ["--source", recordings / "ann.mp4", *first]
    check(*words)
    with pytest.raises(DataError, match=r"would both write to standard output; give one a file"):
        check(*words, "--jsonl", "/dev/stdout")
