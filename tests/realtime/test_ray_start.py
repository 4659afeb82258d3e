"""What Ray is started with, and what is said when it is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytest.importorskip("ray")
BARE = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def answer(program: str, **more: str) -> str:
    """What a new Python prints."""
    said = subprocess.run(
        [sys.executable, "-c", f"from knowledge_spreader.realtime.ray_start import *\n{program}"],
        cwd=ROOT,
        env=BARE | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


REFUSED = """
try:
    with ray_session({address!r}):
        print("joined")
except KSError as exc:
    print(exc)
"""


def refused(address: str, **more: str) -> str:
    said = answer("from knowledge_spreader.errors import KSError" + REFUSED.format(address=address), **more)
    assert said.count("\n") == 1
    return said


def test_an_old_ray_is_refused_in_a_line_that_says_what_to_install(tmp_path: Path) -> None:
    old = tmp_path / "ray-2.53.0.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: ray\nVersion: 2.53.0\n")
    said = refused("", PYTHONPATH=str(tmp_path))
    assert said == "--ray needs Ray 2.54 or newer, found 2.53.0; pip install 'knowledge-spreader[ray]'\n"


def test_where_no_cluster_is_a_line_says_so_at_once(tmp_path: Path) -> None:
    assert "Connection refused" in refused("127.0.0.1:9")
    assert "none was found" in refused("auto", RAY_TMPDIR=str(tmp_path))
    assert "that is no HOST:PORT" in refused("head")
    assert "Ray Client is not used here" in refused("ray://head:10001")


@pytest.mark.slow
def test_a_ray_of_ones_own_tells_nobody_and_wants_a_token_that_is_kept_nowhere(tmp_path: Path) -> None:
    said = answer(
        "import json\n"
        "with ray_session(cpus=1) as ray:\n"
        "    from ray._common.usage.usage_lib import usage_stats_enabled\n"
        "    told = [usage_stats_enabled(), os.environ['RAY_AUTH_MODE'], len(os.environ['RAY_AUTH_TOKEN'])]\n"
        "    print(json.dumps([*told, ray.cluster_resources()['CPU']]))\n"
        "assert not ray.is_initialized()",
        HOME=str(tmp_path),
    )
    assert json.loads(said) == [False, "token", 64, 1.0]
    assert not (tmp_path / ".ray").exists()  # where Ray keeps a token that it has made


FETCHING = """
from knowledge_spreader.realtime.ray_start import _end_threads
from ray.data._internal.block_batching.util import WaitBlockPrefetcher
before = set(threading.enumerate())
WaitBlockPrefetcher()
print([thread.name for thread in set(threading.enumerate()) - before])
_end_threads(before)
print(set(threading.enumerate()) <= before)
"""


@pytest.mark.slow
def test_the_thread_of_ray_data_that_fetches_ahead_is_ended_since_python_aborts_with_it() -> None:
    assert answer(FETCHING) == "['Prefetcher']\nTrue\n"
