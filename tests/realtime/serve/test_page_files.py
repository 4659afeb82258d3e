"""What the page's addresses hand out: its own files with their policy, and nothing else."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.page import routes
from knowledge_spreader.spec import AU_NAMES
from tests.realtime.serve.server import served

HERE = Path(routes.__file__).parent


@pytest.fixture(scope="module")
def port(opened: Opened) -> Iterator[int]:
    with served(opened, Limits()) as made:
        yield made


def asked(port: int, path: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    return answer, found


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/openapi.json", "application/json"),
    ],
)
def test_a_file_of_the_page_comes_as_what_it_is_with_a_policy_that_lets_nothing_else_in(
    port: int, path: str, kind: str
) -> None:
    answer, found = asked(port, path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert found


@pytest.mark.parametrize(
    "path",
    ["/page/routes.py", "/page/", "/page/nothing.js", "/page/..%2Fapp.py", "/page/%2e%2e/guard.py"],
)
def test_nothing_else_is_handed_out(port: int, path: str) -> None:
    assert asked(port, path)[0].status in (401, 404)


def test_all_that_the_page_names_lies_beside_it_and_nothing_comes_from_elsewhere() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in HERE.iterdir() if path.suffix in (".html", ".js")}
    named = {name for text in texts.values() for name in re.findall(r'(?:page|\.)/([\w-]+\.\w+)"', text)}
    assert named == {path.name for path in HERE.iterdir() if path.suffix in (".css", ".js")} | {"au_names.js"}
    assert not [name for name, text in texts.items() if re.search(r"https?://", text)]


def test_the_names_of_the_page_are_those_of_the_model(port: int) -> None:
    answer, said = asked(port, "/page/au_names.js")
    assert answer.getheader("content-type") == "text/javascript; charset=utf-8"
    assert {int(au): name for au, name in re.findall(r'"(\d+)": "([^"]+)"', said.decode())} == AU_NAMES
