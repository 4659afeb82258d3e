"""guard.py: who may speak to the studio."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from knowledge_spreader.realtime.studio.guard import MOST_BYTES, Guard

TOKEN, PORT = "t0ken-of-the-test", 8765
HOST = f"127.0.0.1:{PORT}"
PAGE = f"http://{HOST}"


async def page(request: Request) -> Response:
    return JSONResponse({"path": request.url.path, "got": len(await request.body())})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def client(*, known: bool = True, open_hosts: bool = False) -> TestClient:
    app = Starlette(
        routes=[Route("/{rest:path}", page, methods=["GET", "POST", "DELETE"]), WebSocketRoute("/api/live", socket)]
    )
    guarded = Guard(app, TOKEN, PORT, ("127.0.0.1", "localhost"), open_hosts=open_hosts)
    cookies = {f"ks_studio_{PORT}": TOKEN} if known else {}
    return TestClient(guarded, base_url=PAGE, cookies=cookies, follow_redirects=False)


def test_the_token_opens_the_page_once_and_leaves_the_address() -> None:
    new = client(known=False)
    assert new.get("/api/state").status_code == 401
    opened = new.get(f"/?token={TOKEN}")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert new.get("/api/state").status_code == 200


@pytest.mark.parametrize("token", ["", "t0ken", TOKEN + "x", "é", TOKEN.upper()])
def test_another_token_opens_nothing(token: str) -> None:
    assert client(known=False).get("/", params={"token": token}).status_code == 401


def test_the_token_works_on_the_first_page_alone() -> None:
    assert client(known=False).get(f"/api/state?token={TOKEN}").status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1:80", "127.0.0.1", "", "localhost.evil:8765", "[::2]:8765"]
)
def test_a_foreign_name_that_leads_here_is_refused(host: str) -> None:
    assert client().get("/api/state", headers={"host": host}).status_code == 421


def test_with_other_machines_let_in_any_address_will_do_but_no_foreign_name() -> None:
    opened = client(open_hosts=True)
    assert opened.get("/api/state", headers={"host": "192.168.1.7:8765"}).status_code == 200
    assert opened.get("/api/state", headers={"host": "evil.example:8765"}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_what_another_page_sends_changes_nothing(method: str, headers: dict) -> None:
    assert client().request(method, "/api/labels", headers=headers).status_code == 403
    assert client().request(method, "/api/labels", headers={"origin": PAGE}).status_code == 200


def test_a_websocket_needs_the_cookie_and_the_page() -> None:
    with client().websocket_connect(f"ws://{HOST}/api/live", headers={"origin": PAGE}) as opened:
        assert opened.receive_text() == "hello"
    for who, headers in ((client(known=False), {"origin": PAGE}), (client(), {"origin": "http://evil.example"})):
        with pytest.raises(WebSocketDisconnect), who.websocket_connect(f"ws://{HOST}/api/live", headers=headers):
            pass


def test_a_large_message_is_refused_whether_or_not_it_tells_its_length() -> None:
    assert client().post("/api/labels", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert client().post("/api/labels", content=b"x" * MOST_BYTES).json()["got"] == MOST_BYTES
    assert client().post("/api/recordings/upload", content=b"x" * (MOST_BYTES + 1)).status_code == 200


def test_every_answer_forbids_foreign_scripts_and_frames() -> None:
    for answer in (client().get("/"), client(known=False).get("/"), client(known=False).get(f"/?token={TOKEN}")):
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
