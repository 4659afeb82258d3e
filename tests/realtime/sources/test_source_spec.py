"""source_spec.py: what a user may name as a source, and what is said when it is not there."""

import logging
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError, KSError, MissingError
from knowledge_spreader.realtime.sources.camera import backend_of, camera_input
from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.source_spec import Target, targets
from tests.realtime.clips import write_clip

SECRET = "rtsp://admin:hunter2@10.0.0.8:554/live"


def image(path):
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    return path


def refused(*sources, **options):
    with pytest.raises(KSError) as caught:
        targets(sources, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https", "udp", "tcp", "rtmp", "srt", "RTSP"])
def test_a_url_is_a_stream(scheme):
    (target,) = targets([f"{scheme}://host/live"])
    assert (target.kind, target.address, target.name) == ("stream", f"{scheme}://host/live", f"{scheme}://host/live")
    assert target.live


def test_a_stream_keeps_its_password_and_shows_it_nowhere():
    (target,) = targets([SECRET])
    assert target.address == SECRET
    assert target.name == "rtsp://10.0.0.8:554/live"
    assert "hunter2" not in repr(target) + str(target)


def test_files_images_and_folders_are_told_apart(tmp_path):
    video, picture = write_clip(tmp_path / "a.mp4", 2), image(tmp_path / "b.PNG")
    (tmp_path / "images").mkdir()
    image(tmp_path / "images" / "1.png")
    found = targets([str(video), str(picture), str(tmp_path / "images"), video.as_uri()], rate=29.97)
    assert [t.kind for t in found] == ["file", "images", "images", "file"]
    assert [t.path for t in found] == [video, picture, tmp_path / "images", video]
    assert found[2].rate == Fraction(2997, 100)
    assert not found[0].live


def test_a_folder_of_videos_is_a_target_each_in_order(tmp_path):
    for name in ("b.mp4", "a.MKV", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [t.path.name for t in targets([str(tmp_path)])] == ["a.MKV", "b.mp4"]


def test_an_address_can_stand_in_the_environment(monkeypatch, caplog):
    monkeypatch.setenv("DOOR", f" {SECRET} ")
    monkeypatch.setattr(sys, "argv", ["ks-live", "--source", "env:DOOR"])
    (target,) = targets(["env:DOOR"])
    assert (target.kind, target.address) == ("stream", SECRET)
    assert not caplog.records
    monkeypatch.setenv("DOOR", "@list")
    assert "not another reference" in refused("env:DOOR")
    monkeypatch.delenv("DOOR")
    with pytest.raises(MissingError, match=r"env:DOOR.*not set"):
        targets(["env:DOOR"])


def test_addresses_can_stand_in_a_file(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DOOR", SECRET)
    video = write_clip(tmp_path / "größe.mp4", 2)
    text = f"# cameras\n\n  rtsp://u:hunter2@one/live\nenv:DOOR\n{video}\n"
    (tmp_path / "list.txt").write_text(text, encoding="utf-8-sig")
    monkeypatch.setattr(sys, "argv", ["ks-live", "--source", f"@{tmp_path / 'list.txt'}"])
    found = targets([f"@{tmp_path / 'list.txt'}"])
    assert [t.address for t in found] == ["rtsp://u:hunter2@one/live", SECRET, str(video)]
    assert not caplog.records


def test_a_password_on_the_command_line_is_warned_of_once_and_not_shown(monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["ks-live", "--source", SECRET, f"--source={SECRET}2"])
    with caplog.at_level(logging.WARNING):
        targets([SECRET, SECRET + "2"])
    (record,) = caplog.records
    assert "env:NAME" in record.getMessage()
    assert "@FILE" in record.getMessage()
    assert "hunter2" not in record.getMessage()
    caplog.clear()
    monkeypatch.setattr(sys, "argv", ["python"])  # from a program, where ps does not show it
    targets([SECRET])
    assert not caplog.records


def test_what_is_not_there_is_one_line(tmp_path):
    assert "no such file" in refused(str(tmp_path / "a.mp4"))
    assert "a source is empty" in refused("")
    assert "no videos and no images" in refused(str(tmp_path))
    assert "gopher:// is not supported" in refused("gopher://host/a")
    assert "cannot read this list" in refused(f"@{tmp_path / 'none.txt'}")
    (tmp_path / "list.txt").write_text("# nothing\n")
    assert "the list is empty" in refused(f"@{tmp_path / 'list.txt'}")
    (tmp_path / "list.txt").write_text("@other\n")
    assert "cannot name another list" in refused(f"@{tmp_path / 'list.txt'}")


def test_a_folder_of_both_is_not_guessed(tmp_path):
    write_clip(tmp_path / "a.mp4", 2)
    image(tmp_path / "1.png")
    assert "1 videos and 1 images" in refused(str(tmp_path))


def test_a_forgotten_scheme_does_not_show_the_password():
    assert "hunter2" not in refused("admin:hunter2@10.0.0.8/live")


@pytest.mark.parametrize(
    "options",
    [
        {"size": "1280"},
        {"size": "0x7"},
        {"rate": -1},
        {"rate": float("nan")},
        {"camera_rate": -1},
        {"backend": "betamax"},
        {"transport": "pigeon"},
    ],
)
def test_options_out_of_range_are_one_line(options):
    with pytest.raises(DataError):
        targets([], ["0"], **options)


# --- cameras


def test_each_system_gets_its_own_words():
    (target,) = targets([], ["0"], size="1280x720", camera_rate=29.97, input_format="mjpeg")
    assert (target.kind, target.name, target.live) == ("camera", "camera 0", True)
    assert [backend_of(target, system) for system in ("linux", "darwin", "win32")] == ["v4l2", "avfoundation", "opencv"]
    wanted = {"video_size": "1280x720", "framerate": "29.97", "input_format": "mjpeg"}
    (linux,) = targets([], ["0"], size="1280x720", camera_rate=29.97, input_format="mjpeg", backend="v4l2")
    assert camera_input(linux) == ("/dev/video0", "v4l2", wanted)
    (windows,) = targets([], ["Integrated Camera"], backend="dshow")
    assert camera_input(windows) == ("video=Integrated Camera", "dshow", {})


@pytest.mark.parametrize("backend", ["v4l2", "opencv"])
def test_a_camera_that_is_not_there_is_one_line_with_those_that_are(backend, capfd):
    (target,) = targets([], ["97"], backend=backend)
    with pytest.raises(MissingError, match="camera 97 cannot be opened") as caught, Capture(target):
        pass
    assert "\n" not in str(caught.value)
    assert "/dev/video" in str(caught.value) or "no camera found" in str(caught.value)


def test_opencvs_camera_reads_pictures_until_there_are_no_more(tmp_path):
    """A file stands in for the device: to OpenCV they are the same. After its end the camera is opened again."""
    path = write_clip(tmp_path / "camera.avi", 10, codec="mjpeg", pix_fmt="yuvj420p")
    target = Target("camera", str(path), "camera x", backend="opencv")
    with Capture(target, first_retry_s=0.01) as capture:
        with capture.news:
            assert capture.news.wait_for(lambda: capture.reconnects >= 2, timeout=20)
        assert capture.stream.rate == 25
        assert capture.received >= 20
    assert not capture.dropped["corrupt"]
