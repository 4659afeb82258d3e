"""POST /v1/images: a photograph is answered as `ks-live --policy stills` answers its file."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.sinks.jsonl_sink import as_dict
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.watch import Watch, parse_targets
from tests.realtime.serve.server import BEARER, WAIT_S, grey, metric, pictures, served, stream

LIMITS = Limits(streams=1, images=2, images_waiting=2, image_bytes=200_000, image_px=500_000)
ELSEWHERE = ("stream", "latency_ms")


@pytest.fixture(scope="module")
def port(opened: Opened) -> Iterator[int]:
    with served(opened, LIMITS) as found:
        yield found


def post(port: int, data: bytes, query: str = "") -> tuple[int, dict[str, Any]]:
    request = Request(f"http://127.0.0.1:{port}/v1/images{query}", data=data, headers=BEARER)
    try:
        with urlopen(request, timeout=WAIT_S) as reply:
            return reply.status, json.loads(reply.read())
    except HTTPError as exc:
        return exc.code, json.loads(exc.read())


def as_live(opened: Opened, file: Path) -> dict[str, Any]:
    options = Options(threads=1, policy="stills")
    with Watch(parse_targets([file], options), options, opened) as watch:
        return as_dict(next(watch), 0.0, Extras(sided=opened.voices.sided))


def without(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in ELSEWHERE}


@pytest.mark.parametrize("ext", [".jpg", ".png"])
def test_a_photograph_says_what_its_file_says_in_ks_live(port: int, opened: Opened, tmp_path: Path, ext: str) -> None:
    [(_, data)] = pictures(1, ext=ext, size=(320, 240))
    file = tmp_path / f"face{ext}"
    file.write_bytes(data)
    status, found = post(port, data, f"?name=face{ext}")
    assert status == 200
    assert found["picture"] == f"face{ext}"
    assert without(found) == without(as_live(opened, file))
    assert found["faces"][0]["success"]
    assert without(post(port, data, f"?name=face{ext}")[1]) == without(found)  # nothing of the one before


def test_many_at_once_each_get_their_own(port: int) -> None:
    """Two are looked at, two wait. Grey ones have no face, the others one."""
    [(_, face)] = pictures(1)
    found: dict[int, tuple[int, dict[str, Any]]] = {}

    def ask(i: int) -> None:
        found[i] = post(port, grey() if i % 2 else face, f"?name={i}")

    asking = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert {i: (status, said["picture"], len(said["faces"])) for i, (status, said) in found.items()} == {
        0: (200, "0", 1),
        1: (200, "1", 0),
        2: (200, "2", 1),
        3: (200, "3", 0),
    }


def test_a_stream_goes_on_beside_photographs(port: int) -> None:
    [(time_s, face)] = pictures(1)
    with stream(port, format="jpeg", name="door") as client:
        client.next()
        for i in range(3):
            assert client.answer(time_s + i / 25, face)["faces"][0]["face_id"] == 0
            assert post(port, grey())[0] == 200


def test_no_stream_waits_for_a_large_photograph(opened: Opened) -> None:
    """12 million pixels take some 450 ms. A stream beside them is answered at least five times meanwhile."""
    (_, large), (time_s, face) = pictures(1, size=(4000, 3000))[0], pictures(1)[0]
    with served(opened, Limits(streams=1)) as port, stream(port, format="jpeg") as client:
        client.next()
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(post(port, large)[0]))
        asking.start()
        meanwhile = 0
        while asking.is_alive():
            meanwhile += 1
            client.answer(time_s + meanwhile, face)
        asking.join()
        assert answers == [200]
        assert meanwhile >= 5


@pytest.mark.parametrize(
    ("data", "query", "status", "line"),
    [
        (b"", "", 400, "must be one JPEG or PNG file"),
        (b"GIF89a and so on", "", 415, "must be one JPEG or PNG file"),
        (grey()[:300], "", 400, "cut off or damaged"),
        (grey(1000, 501), "", 413, "1000 x 501 pixels; at most 500,000"),
        (bytes(200_001), "", 413, "at most 200,000 bytes"),
        (grey(), "?name=" + "x" * 201, 400, "at most 200 printable letters"),
    ],
)
def test_what_cannot_be_answered_is_a_status_and_one_line(
    port: int, data: bytes, query: str, status: int, line: str
) -> None:
    found, said = post(port, data, query)
    assert (found, line in said["error"]) == (status, True)
    assert "\n" not in said["error"]


def test_a_picture_that_claims_to_be_huge_takes_no_memory(port: int) -> None:
    """A PNG of a few bytes whose header says 60,000 x 60,000 pixels, 10.8 GB."""
    made = bytearray(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes())
    made[16:24] = (60_000).to_bytes(4) * 2
    assert post(port, bytes(made))[0] == 413


def test_who_comes_when_enough_wait_is_told_to_come_again(port: int) -> None:
    """Four requests whose bodies do not end are two that are looked at and two that wait. The fifth gets 503."""
    held = [http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S) for _ in range(4)]
    try:
        for one in held:
            one.putrequest("POST", "/v1/images")
            one.putheader("Authorization", BEARER["Authorization"])
            one.putheader("Content-Length", "1000")
            one.endheaders(b"\xff\xd8")
        while (answer := post(port, grey()))[0] == 200:  # until all four are here
            pass
        assert answer == (503, {"error": "too many photographs wait; try again later"})
    finally:
        for one in held:
            one.close()
    while post(port, grey())[0] != 200:
        pass
    assert metric(port, "ks_serve_images_total", status="503") >= 1
