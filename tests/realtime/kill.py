"""Writes results in a separate process and kills it while it writes."""

import signal
import subprocess
import sys

from tests.paths import ROOT
from tests.realtime.sinks.results import WRITES_UNTIL_KILLED


def write_and_kill(sink, path, at_least=50):
    """Kills the writer; returns the number of frames that it had certainly written."""
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, sink, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) + 1 >= at_least:
                process.send_signal(signal.SIGKILL)
                break
        last = [int(number) for number in process.stdout.read().split("\n")[:-1] if number]
    assert process.returncode == -signal.SIGKILL
    return max([at_least, *(number + 1 for number in last)])
