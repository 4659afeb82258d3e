"""Addresses: no secret is ever shown, and what is harmless stays as it is."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.realtime.sources.redact import has_secret, is_url, redact

RAW = string.ascii_letters + string.digits + "!$%&'()*+,-.:;<=>?@[]^_`{|}~/#\"\\é中"  # also what should be escaped
SAFE = string.ascii_letters + string.digits
secrets = st.text(RAW, min_size=1, max_size=20).map(lambda text: f"Zq{text}qZ")  # found again wherever it is
words = st.text(SAFE, min_size=1, max_size=8).filter(lambda text: "Zq" not in text)
schemes = st.sampled_from(["rtsp", "rtsps", "http", "https", "rtmp", "srt", "RTSP"])


@given(schemes, words, secrets, words, words)
def test_no_password_before_a_host_survives(scheme, user, password, host, path):
    shown = redact(f"cannot open {scheme}://{user}:{password}@{host}.local:554/{path}: no route")
    assert password not in shown
    assert "Zq" not in shown
    assert shown.startswith(f"cannot open {scheme}://{host}.local:554/{path}")
    assert shown.endswith("no route")


@given(schemes, words, secrets)
def test_no_user_name_and_no_token_before_a_host_survives(scheme, host, token):
    token = token.replace("/", "").replace("?", "").replace("#", "").replace(":", "")
    assert token not in redact(f"{scheme}://{token}@{host}/live")


@given(
    schemes,
    words,
    st.sampled_from(
        ["password", "pwd", "token", "access_token", "api-key", "secret", "AUTH", "usr", "loginpas", "sig"]
    ),
    secrets.map(lambda text: text.replace("&", "").replace("@", "").replace("_", "")),
    words,
)
def test_no_secret_parameter_survives(scheme, host, name, value, other):
    shown = redact(f"{scheme}://{host}/cam?channel=1&{name}={value}&stream={other}")
    assert "Zq" not in shown
    assert shown == f"{scheme}://{host}/cam?channel=1&{name}=***&stream={other}"


def test_cameras_that_write_the_password_into_the_path_are_known():
    shown = redact("rtsp://10.0.0.8:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream")
    assert shown == "rtsp://10.0.0.8:554/user=***_password=***_channel=1_stream=0.sdp?real_stream"


def test_an_address_whose_scheme_was_forgotten_is_hidden_too():
    assert redact("admin:hunter2@10.0.0.8/live: no such file") == "10.0.0.8/live: no such file"


def test_two_addresses_in_one_line_lose_both_secrets():
    assert redact("a rtsp://u:p@one/x and http://v:q@two/y?token=t b") == "a rtsp://one/x and http://two/y?token=*** b"


@given(st.text(string.ascii_letters + string.digits + " .,-_/()äß中\n", max_size=80))
def test_text_without_addresses_is_unchanged(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://host:554/stream1",
        "http://host/path/film.mp4?start=10&rate=25",
        "udp://@239.0.0.1:1234",
        "rtsp://[fe80::1]:554/live",
        "C:\\films\\me@home.mp4",
        "C:/films/me@home.mp4",
        "write to someone@example.org",
        "at 12:30 the camera came back",
    ],
)
def test_harmless_addresses_are_unchanged(text):
    assert redact(text) == text
    assert not has_secret(text)


def test_urls_are_told_from_paths():
    assert is_url("rtsp://host")
    assert not is_url("C://films/a.mp4")
    assert not is_url("films/a.mp4")
