"""WindowSink: a real window on a virtual display, real keys, and one clear line where there is no display."""

import ctypes
import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from tests.paths import ROOT

SHOW = """
    import sys
    from fractions import Fraction
    import numpy as np
    from knowledge_spreader.realtime.types import Face, FaceAUs, Frame, FrameResult, Stream
    from knowledge_spreader.realtime.sinks.window_sink import WindowSink

    sink = WindowSink("ks-test")
    image = np.zeros(({height}, {width}, 3), np.uint8)
    image[:] = (200, 40, 10)
    face = Face(0, ({width} * 0.1, {height} * 0.2, {width} * 0.4, {height} * 0.7), np.zeros((6, 2)), 0.9)
    aus = FaceAUs(face, (1, 12), np.full(2, 0.5, np.float32), np.ones(2, bool), np.zeros(2, np.float32), 0.9, 5)
    for i in range(20_000):
        stream = Stream("caméra", i % {streams})
        sink.write(FrameResult(Frame(image, stream, i, i * 40, Fraction(1, 1000), i / 25), (1, 12), (aus,)))
        print(i, int(sink.paused), int(sink.quit), flush=True)
        if sink.quit:
            break
    sink.close()
    sink.close()
    print("closed", flush=True)
"""


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A display of 1600 x 1000 without a window manager: its name, and the file that its picture lies in."""
    missing = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} to show a window on")
    folder = tmp_path_factory.mktemp("screen")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x1000x24", "-fbdir", str(folder), "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        number = server.stdout.readline().strip()
        yield f":{number}", folder / "Xvfb_screen0"
        server.terminate()


def screenshot(path):
    """(H, W, 3) RGB out of Xvfb's memory, an XWD file: header, colour map, pixels of 32 bits."""
    data = path.read_bytes()
    head = np.frombuffer(data, ">u4", 25)
    start = int(head[0] + 12 * head[19])
    height, stride = int(head[5]), int(head[12])
    rows = np.frombuffer(data, np.uint8, height * stride, start).reshape(height, stride // 4, 4)
    return rows[:, : head[4], 2::-1]


def painted(shown, memory, row, left, right):
    """The screen once the upper side of the box is on it, as X paints in its own time; after 400 frames as it is.

    On a busy machine Qt sometimes misses that its window was mapped, and then never paints. Where a desktop
    has a window manager, it maps windows itself; here the window is mapped again, now and then.
    """
    window = shown.window()
    for index in range(20, 400, 10):
        shown.until(index=index)
        seen = screenshot(memory).copy()
        if (seen[row, left:right] == 248).all():
            break
        if index % 100 == 0:
            shown.tool("windowunmap", "--sync", window)
            shown.tool("windowmap", "--sync", window)
    return seen


class Shown:
    """A process that shows results until it is told to quit."""

    def __init__(self, display, width=640, height=480, streams=1):
        script = textwrap.dedent(SHOW.format(width=width, height=height, streams=streams))
        self.environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def until(self, **wanted):
        """Reads on until the window's state is as wanted. The last index that was shown before."""
        for line in self.process.stdout:
            index, paused, quits = map(int, line.split())
            state = {"paused": bool(paused), "quit": bool(quits), "index": index}
            if all(state[name] >= value if name == "index" else state[name] == value for name, value in wanted.items()):
                return index
        raise AssertionError(f"ended without {wanted}: {self.process.stderr.read()}")

    def press(self, key, window):
        """The window may be gone before the key is up again, which xdotool takes for an error."""
        command = ["xdotool", "key", "--window", window, key]
        subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=30)

    def tool(self, *arguments):
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=30,
        )
        return done.stdout.split("\n")[:-1]

    def window(self):
        return self.tool("search", "--sync", "--onlyvisible", "--name", "ks-test: ")[0]

    def ended(self):
        """What it said on stderr; it closed its window twice and left in peace."""
        assert self.process.stdout.read().splitlines()[-1] == "closed"
        said = self.process.stderr.read()
        assert self.process.wait(timeout=30) == 0
        return said


def test_a_window_shows_the_overlay_and_q_quits_quietly(screen):
    display, memory = screen
    with Shown(display) as shown:
        shown.until(index=5)
        window = shown.window()
        assert shown.tool("getwindowname", window) == ["ks-test: caméra"]
        seen = painted(shown, memory, 96, 80, 240)[:480, :640]
        assert (np.abs(seen[440, 500].astype(int) - (200, 40, 10)) <= 2).all()  # red stays red
        assert (seen == (255, 196, 46)).all(axis=2).sum() > 100  # amber bars
        assert (seen[96, 80:240] == 248).all()  # the upper side of the box
        shown.press("q", window)
        shown.until(quit=True)
        assert shown.ended() == ""


@pytest.mark.slow
def test_escape_quits_too(screen):
    with Shown(screen[0]) as shown:
        shown.until(index=5)
        shown.press("Escape", shown.window())
        shown.until(quit=True)
        shown.ended()


@pytest.mark.slow
def test_space_holds_the_picture_while_results_go_by_and_space_goes_on(screen):
    display, memory = screen
    with Shown(display) as shown:
        shown.until(index=5)
        window = shown.window()
        painted(shown, memory, 96, 80, 240)
        shown.press("space", window)
        index = shown.until(paused=True)
        shown.until(index=index + 20)
        held = screenshot(memory)[:480, :640].copy()
        assert (held[:20, 480:] > 240).all(axis=2).sum() > 50  # the mark, at the top right
        shown.until(index=index + 200)
        assert np.array_equal(screenshot(memory)[:480, :640], held)
        shown.press("space", window)
        index = shown.until(paused=False)
        shown.until(index=index + 100)
        assert not np.array_equal(screenshot(memory)[:480, :640], held)


@pytest.mark.slow
def test_a_picture_larger_than_a_screen_is_shown_smaller(screen):
    """3840 x 2160 in 1280 x 720: a third of each; so the box's upper side lies at 0.2 x 720 = 144."""
    display, memory = screen
    with Shown(display, 3840, 2160) as shown:
        shown.until(index=5)
        geometry = shown.tool("getwindowgeometry", shown.window())
        assert any("1280x720" in line for line in geometry)
        assert (painted(shown, memory, 144, 200, 500)[144, 200:500] == 248).all()


@pytest.mark.slow
def test_each_stream_has_a_window_and_closing_one_by_mouse_quits(screen):
    with Shown(screen[0], streams=2) as shown:
        shown.until(index=10)
        shown.window()
        windows = shown.tool("search", "--onlyvisible", "--name", "ks-test: ")
        assert len(windows) == 2
        close_by_mouse(screen[0], windows[1])
        shown.until(quit=True)
        shown.ended()


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib, padded to the size of an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 12),
    )


def close_by_mouse(display, window):
    """What a window manager's button does: it sends WM_DELETE_WINDOW."""
    x11 = ctypes.CDLL("libX11.so.6")  # xdotool brings it
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    message = ClientMessage(type=33, window=int(window), message_type=protocols, format=32)
    message.data[0] = delete
    x11.XSendEvent(connection, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(connection)


PROBE = """
    from knowledge_spreader.errors import MissingError
    from knowledge_spreader.realtime.sinks.window_sink import WindowSink
    try:
        WindowSink("ks-test")
    except MissingError as exc:
        print(exc)
"""


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "DISPLAY is not set; "),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "OpenCV's windows need XWayland"),
        ({"DISPLAY": ":4711"}, "no window can be opened on :4711"),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_there_is_one_clear_line_and_no_crash(variables, reason):
    bare = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE)],
        env={**bare, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("no display: ")
    assert reason in done.stdout
    assert "--save" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the wheels for Linux have a library in common")
def test_after_an_earlier_import_of_pyav_there_is_one_line_instead_of_a_window_that_hangs(screen):
    code = "import av\n" + textwrap.dedent(PROBE)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": screen[0]}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=60)
    said = "PyAV was imported before OpenCV, so windows hang; import knowledge_spreader first\n"
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 0)


DISPLAY_DIES = """
    import sys
    from fractions import Fraction
    import numpy as np
    from knowledge_spreader.realtime.sinks.base import Sinks
    from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
    from knowledge_spreader.realtime.sinks.window_sink import WindowSink
    from knowledge_spreader.realtime.types import Frame, FrameResult, Stream

    window = WindowSink("ks-test")
    image, stream = np.zeros((120, 160, 3), np.uint8), Stream("caf\\udce9\\n.mp4")
    with Sinks([CsvSink(sys.argv[1], (1, 12)), window]) as sinks:
        for i in range(40):
            sinks.write(FrameResult(Frame(image, stream, i, i * 40, Fraction(1, 1000), 0.0), (1, 12), ()))
            if i == 19:
                print("shown", flush=True)
                sys.stdin.readline()
            window.poll()
    print(sinks.failed, flush=True)
"""


def test_when_the_display_ends_only_the_window_stops(tmp_path):
    """Killed after frame 20 of 40. The stream's name, which no title can hold as it is, is shown meanwhile."""
    if not shutil.which("Xvfb"):
        pytest.skip("no Xvfb to show a window on")
    screen = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(screen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        variables = os.environ | {"DISPLAY": f":{server.stdout.readline().strip()}", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", textwrap.dedent(DISPLAY_DIES), str(tmp_path / "o.csv")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, env=variables, **pipes) as process:
            assert process.stdout.readline() == "shown\n"
            server.kill()
            server.wait()
            out, err = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0, err
    assert out == "{'--show': 'the display is gone; the run goes on without the window'}\n"
    assert pd.read_csv(tmp_path / "o.csv", skipinitialspace=True)["frame"].tolist() == list(range(1, 41))
