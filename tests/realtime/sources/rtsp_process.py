"""Starts, stops, freezes and kills a real RTSP server."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

_PYTHON = "/usr/bin/python3"  # the one that has GStreamer's bindings
_NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def h264(*, width=320, height=240, fps=30, key_every=15, encoder="tune=zerolatency sliced-threads=false", sound=False):
    video = (
        f"videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width={width},height={height},"
        f"framerate={fps}/1 ! x264enc speed-preset=ultrafast key-int-max={key_every} {encoder} "
        "! rtph264pay name=pay0 pt=96 config-interval=1"
    )
    audio = " audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"
    return f"( {video}{audio if sound else ''} )"


def needs_rtsp_server():
    try:
        found = subprocess.run([_PYTHON, "-c", _NEEDS], capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        found = False
    if not found:
        pytest.skip("no GstRtspServer: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RtspServer:
    """An RTSP server in a separate process, running within the context. start() restarts it on the same port."""

    def __init__(self, launch=None, user="", password=""):
        needs_rtsp_server()
        self.port = free_port()
        self._arguments = [launch or h264(), *([user, password] if user else [])]
        self._process = None

    def url(self, user_info=""):
        return f"rtsp://{user_info}127.0.0.1:{self.port}/test"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        script = Path(__file__).with_name("rtsp_server.py")
        self._process = subprocess.Popen(
            [_PYTHON, str(script), str(self.port), *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        )
        assert self._process.stdout.readline() == b"listening\n"

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)
