"""Guard: nothing of anybody's faces without the token, from a program or from a browser."""

from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.guard import check_token
from knowledge_spreader.realtime.serve.limits import Limits
from tests.realtime.serve.server import TOKEN, served

WRONG = "x" * len(TOKEN)


@pytest.fixture(scope="module")
def port(opened: Opened) -> Iterator[int]:
    with served(opened, Limits(streams=1)) as found:
        yield found


def status(port: int, path: str, headers: dict[str, str], method: str = "GET") -> int:
    request = Request(f"http://127.0.0.1:{port}{path}", headers=headers, method=method)
    try:
        with urlopen(request, timeout=10) as reply:
            return reply.status
    except HTTPError as exc:
        return exc.code


@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json"])
def test_what_holds_no_secret_needs_no_token(port: int, path: str) -> None:
    assert status(port, path, {}) == 200


@pytest.mark.parametrize(("path", "method"), [("/metrics", "GET"), ("/v1/images", "POST"), ("/nothing", "GET")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {WRONG}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"token={TOKEN}"},
        {"Sec-WebSocket-Protocol": f"ks.token.{TOKEN}"},
    ],
)
def test_the_rest_does(port: int, path: str, method: str, headers: dict[str, str]) -> None:
    assert status(port, path, headers, method) == 401


def test_the_token_in_an_address_is_none(port: int) -> None:
    assert status(port, f"/metrics?token={TOKEN}", {}) == 401


def test_with_it_all_is_open_and_what_is_not_there_is_one_line(port: int) -> None:
    bearer = {"authorization": f"bearer {TOKEN}"}  # the scheme's letters may be small, RFC 9110, 11.1
    assert status(port, "/metrics", bearer) == 200
    assert status(port, "/nothing", bearer) == 404
    assert status(port, "/v1/images", bearer) == 405


def test_a_browser_offers_it_as_a_subprotocol_and_gets_the_other(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/v1/stream", subprotocols=["ks.v1", f"ks.token.{TOKEN}"], proxy=None) as socket:
        assert socket.subprotocol == "ks.v1"


@pytest.mark.parametrize("offered", [None, ["ks.v1"], ["ks.v1", f"ks.token.{WRONG}"], [f"ks.token.{TOKEN}x"]])
def test_a_websocket_without_it_is_refused_before_it_opens(port: int, offered: list[str] | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{port}/v1/stream", subprotocols=offered, proxy=None)
    assert refused.value.response.status_code == 401


def test_no_answer_may_be_kept_or_framed(port: int) -> None:
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as reply:
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]


@pytest.mark.parametrize("token", ["", "short", "a" * 257, "with space in it!", "ümläüte-und-mehr-davon"])
def test_a_token_that_is_easily_guessed_or_cannot_be_sent_is_refused_and_never_shown(token: str) -> None:
    with pytest.raises(DataError, match="16 to 256") as refused:
        check_token(token)
    assert not token or token not in str(refused.value)
