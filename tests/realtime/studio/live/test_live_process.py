"""The live view of a real ks-studio process, behind its guard."""

import csv
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import av
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.paths import ROOT
from tests.realtime.studio.live.home import Seen

STUDIO = "import sys; from knowledge_spreader.realtime.cli.studio import main; sys.exit(main())"


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def cookie_of(address: str) -> str:
    with pytest.raises(HTTPError) as welcome:
        build_opener(Stay).open(address)
    welcome.value.close()
    return str(welcome.value.headers["set-cookie"]).partition(";")[0]


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_recording_keeps_whole_files(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        STUDIO,
        str(tmp_path / "study"),
        "--cache",
        str(tmp_path / "cache"),
        "--no-browser",
    ]
    with (
        (tmp_path / "stderr").open("w") as stderr,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True) as run,
    ):
        assert run.stdout
        address = re.findall(r"http://\S+", run.stdout.readline())[0]
        origin = address.partition("/?")[0]
        live = f"{origin.replace('http', 'ws')}/api/live"
        with pytest.raises(InvalidStatus), connect(live, proxy=None):
            pass  # without the cookie
        with connect(
            live, additional_headers={"Cookie": cookie_of(address)}, origin=origin, max_size=None, proxy=None
        ) as socket:
            one = Seen(socket)
            one.start()
            one.picture()
            one.say(record={"video": True})
            files = one.until("recording")["recording"]["files"]
            for _ in range(5):
                one.picture()
            run.send_signal(signal.SIGINT)
            assert run.wait(30) in (0, 130)
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    with (tmp_path / "study" / files[0]).open(newline="") as file:
        frames = {row["frame"] for row in csv.DictReader(file)}
    with av.open(str(tmp_path / "study" / files[-1])) as video:
        assert sum(1 for _ in video.decode(video=0)) == len(frames) > 1
