"""Any name that a file system takes: read by real runs, written to by all outputs, and read back."""

import io
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import av
import numpy as np
import pandas as pd
import pytest

from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.sinks.elan import EafWriter
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.types import Event, Frame, FrameResult, Stream
from tests.realtime.clips import write_clip
from tests.realtime.sinks.results import result

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse some of these names")

NOT_UTF8 = b"caf\xe9"
NAMES = {
    "not UTF-8": NOT_UTF8,
    "a line break": b"two\nlines",
    "quotes and ampersands": b"q\"uo'te&<amp>",
    "an emoji and an umlaut": "\U0001f600 J\u00f6rg".encode(),
    "a dash in front": b"-dash",
    "200 characters": b"x" * 196,
    "marks of addresses": b"100%41 #1?a=b;c",
    "a colon": b"http:x",
    "an escape": b"bell\x07\x1b[31m",
}


def run(folder: Path, name: bytes, face_model: Path, how: Callable[[list[bytes]], None]) -> dict[str, Path]:
    """Runs in the folder of a clip with this name, all outputs named after it. Returns the outputs by suffix."""
    clip = os.fsencode(folder) + b"/" + name + b".mp4"
    shutil.move(write_clip(folder / "plain.mp4", 8, sound=True), clip)
    (folder / "out").mkdir()
    wanted = {
        b"csv": b".csv",
        b"jsonl": b".jsonl",
        b"parquet": b".parquet",
        b"report": b".report.json",
        b"save": b".mkv",
    }
    words = [b"--no-progress", b"--device=onnxruntime", b"--no-pose", b"--voices=paper"]  # what starts soonest
    words += [b"--face-model", os.fsencode(face_model), b"--source=" + clip]
    words += [b"--" + option + b"=out/" + name[:120] + suffix for option, suffix in wanted.items()]
    words += [b"--events=out/" + name[:120] + suffix for suffix in (b".eaf", b".tsv")]
    for _ in range(2):  # the second finds its own files, and replaces them
        how(words)
    outputs = {"".join(path.suffixes[-1:]): path for path in (folder / "out").iterdir()}
    assert {path.name[-12:] for path in (folder / "out").glob("*.part.*")} == set()
    return outputs | {".report.json": next((folder / "out").glob("*.report.json"))}


def by_a_process(words: list[bytes]) -> None:
    command = [os.fsencode(sys.executable), b"-m", b"knowledge_spreader.realtime.cli.main", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")


def here(words: list[bytes]) -> None:
    assert main([os.fsdecode(word) for word in words]) == 0  # as Python reads a command line


def linked(eaf: Path) -> tuple[bytes, str]:
    """The file that MEDIA_URL names, and RELATIVE_MEDIA_URL as it stands there."""
    media = ET.parse(eaf).getroot().find("HEADER/MEDIA_DESCRIPTOR")
    address = urlsplit(media.get("MEDIA_URL"))
    assert (address.scheme, address.netloc, address.query, address.fragment) == ("file", "", "", "")
    assert media.get("MIME_TYPE") == "video/mp4"
    return unquote_to_bytes(address.path), media.get("RELATIVE_MEDIA_URL")


@pytest.mark.parametrize(
    "kind", ["not UTF-8", *(pytest.param(kind, marks=pytest.mark.slow) for kind in list(NAMES)[1:])]
)
def test_all_outputs_of_a_run_are_whole_and_name_the_source(tmp_path, face_model, kind, monkeypatch):
    name = NAMES[kind]
    monkeypatch.chdir(tmp_path)
    outputs = run(tmp_path, name, face_model, by_a_process if kind == "not UTF-8" else here)
    clip = os.fsencode(tmp_path) + b"/" + name + b".mp4"
    shown = clip.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    shown = "".join(mark if mark >= " " or mark in "\t\n\r" else "?" for mark in shown)  # in text, not in links
    assert set(pd.read_csv(outputs[".csv"], skipinitialspace=True)["stream"]) == {shown}
    assert set(pd.read_parquet(io.BytesIO(outputs[".parquet"].read_bytes()))["stream"]) == {shown}
    lines = outputs[".jsonl"].read_bytes().splitlines()
    assert len(lines) == 8
    assert {json.loads(line)["stream"] for line in lines} == {shown}
    assert outputs[".tsv"].read_text(encoding="utf-8").startswith("onset\t")
    report = json.loads(outputs[".report.json"].read_text(encoding="utf-8"))
    report["sources"][0]["name"].encode("utf-8")
    absolute, relative = linked(outputs[".eaf"])
    assert absolute == clip
    assert os.path.samefile(os.fsencode(tmp_path / "out") + b"/" + unquote_to_bytes(relative), clip)
    with av.open(str(outputs[".mkv"].absolute())) as container:
        assert len(list(container.decode(video=0))) == 8
    assert all(is_ours(path) for path in outputs.values())


@pytest.mark.parametrize("kind", NAMES)
def test_links_lead_to_the_recording(tmp_path, kind):
    clip = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + NAMES[kind] + b".mp4"))
    clip.touch()
    sink = EventsSink(tmp_path / "e.eaf", (1, 4, 12, 25))
    sink.write(result(0, stream=Stream(str(clip), path=clip)))
    sink.close()
    absolute, relative = linked(tmp_path / "e.eaf")
    assert absolute == os.fsencode(clip)
    assert unquote_to_bytes(relative) == b"./" + NAMES[kind] + b".mp4"


def test_links_look_like_this(tmp_path):
    """MEDIA_URL is a URL. ELAN decodes neither of the two, so the relative one is raw where it can be."""
    expected = {
        "not UTF-8": ("caf%E9.mp4", "./caf%E9.mp4"),
        "an emoji and an umlaut": ("%F0%9F%98%80%20J%C3%B6rg.mp4", "./\U0001f600 J\u00f6rg.mp4"),
        "marks of addresses": ("100%2541%20%231%3Fa%3Db%3Bc.mp4", "./100%2541 %231%3Fa=b;c.mp4"),
        "a line break": ("two%0Alines.mp4", "./two%0Alines.mp4"),
    }
    for n, (kind, (absolute, relative)) in enumerate(expected.items()):
        clip = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + NAMES[kind] + b".mp4"))
        clip.touch()
        writer = EafWriter(tmp_path / f"{n}.eaf")
        writer.start(Stream(str(clip), path=clip), 0.0)
        writer.close()
        media = ET.parse(tmp_path / f"{n}.eaf").getroot().find("HEADER/MEDIA_DESCRIPTOR")
        assert media.get("MEDIA_URL").rpartition("/")[2] == absolute
        assert media.get("RELATIVE_MEDIA_URL") == relative


def test_events_of_such_a_stream_are_a_table_that_reads_back(tmp_path):
    stream = Stream(os.fsdecode(NOT_UTF8 + b"\t\"'\n.mp4"))
    frame = Frame(np.zeros((2, 2, 3), np.uint8), stream, 0, 0, result().frame.time_base, 0.0)
    sink = EventsSink(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + NOT_UTF8 + b".tsv")), (12,))
    sink.write(FrameResult(frame, (12,), (), (Event(stream, 0, 12, 0.0, 0.2, 0.9),)))
    sink.close()
    (path,) = tmp_path.glob("*.tsv")
    assert pd.read_csv(io.BytesIO(path.read_bytes()), sep="\t")["stream"].tolist() == ["caf\\udce9\t\"'\n.mp4"]
