"""What clients do wrong, each against a real server: how it ends, and that an innocent client is answered as before."""

import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.serve.bad_clients import BINARY, TEXT, BareSocket, bare, frame_head, one_answer
from knowledge_spreader.benchmarks.serve.levels import level, settled
from knowledge_spreader.benchmarks.serve.process import Server
from knowledge_spreader.errors import KSError

Fault = Callable[[Server, bytes, int], Row]

_BIG = 100_000_000  # bytes of a message
_TRIES = 400  # messages; the server bears some in a row, and the newest wins


def connects(server: Server, picture: bytes, count: int) -> Row:
    """Come and go, at each stage of a connection, with and without a word of parting."""
    for i in range(count):
        stage = i % 5
        if stage == 0:
            bare(server).close()  # before the first word
            continue
        with BareSocket(server) as client:
            if stage == 1:
                continue  # before hello
            client.hello()
            if stage >= 3:
                client.picture(time.perf_counter(), picture)  # and gone before its answer
            if stage == 4:
                client.reset()
    return {"connects": count}


def flood(server: Server, picture: bytes, count: int) -> Row:
    """As many pictures as the socket takes, while another client asks at its pace."""
    came: list[float] = []
    with BareSocket(server) as wild:
        wild.hello()
        reader = threading.Thread(target=_drain, args=(wild,), daemon=True)
        reader.start()
        other = threading.Thread(target=lambda: came.extend(one_answer(server, picture) for _ in range(3)))
        other.start()
        sent = 0
        while sent < count or other.is_alive():
            wild.picture(time.perf_counter(), picture)
            sent += 1
        other.join()
    return {"pictures": sent, "others_answer_ms": round(max(came), 1) if came else None}


def stall(server: Server, picture: bytes, count: int) -> Row:
    """Sends for count / 10 s and never reads: its answers are dropped, and at last it is sent away."""
    before, begun_s = server.counters(), time.perf_counter()
    with BareSocket(server, receive_bytes=4096) as client:
        client.hello()
        with suppress(OSError):
            while time.perf_counter() < begun_s + count / 10 and server.counters()["ks_serve_streams_open"]:
                for _ in range(20):
                    client.picture(time.perf_counter(), picture)
                    time.sleep(0.02)
        lasted_s = time.perf_counter() - begun_s
    came = server.counters() - before
    return {
        "lasted_s": round(lasted_s, 1),
        "dropped": came.by("ks_serve_frames_dropped_total", "cause"),
        "ended": came.by("ks_serve_streams_ended_total", "code"),
    }


def garbage(server: Server, picture: bytes, count: int) -> Row:
    """What is not the protocol; each by the code of its close and the server's line."""
    time_s = struct.pack("<d", 1.0)
    wrong: dict[str, list[tuple[int, bytes]]] = {
        "hello is no JSON": [(TEXT, b"hello")],
        "hello is a list": [(TEXT, b"[]")],
        "hello is deep": [(TEXT, b"[" * 100_000)],
        "hello names no format": [(TEXT, b'{"format": "gif"}')],
        "hello is binary": [(BINARY, time_s + picture)],
        "hello is no UTF-8": [(TEXT, b"\xff\xfe")],
        "rtsp names a file": [(TEXT, b'{"format": "rtsp", "address": "file:///etc/passwd"}')],
        "rtsp without address": [(TEXT, b'{"format": "rtsp"}')],
    }
    begun: dict[str, list[tuple[int, bytes]]] = {
        "message without a time": [(BINARY, b"abc")],
        "time is nan": [(BINARY, struct.pack("<d", float("nan")) + picture)],
        "text amid pictures": [(TEXT, b"{}")],
        "no pictures": [(BINARY, struct.pack("<d", float(i)) + b"no picture") for i in range(_TRIES)],
        "a picture cut short": [(BINARY, struct.pack("<d", float(i)) + picture[:400]) for i in range(_TRIES)],
        "times go back": [(BINARY, struct.pack("<d", -float(i)) + picture) for i in range(_TRIES)],
    }
    told = {name: _ended(server, messages, begin=False) for name, messages in wrong.items()}
    return told | {name: _ended(server, messages, begin=True) for name, messages in begun.items()}


def _ended(server: Server, messages: list[tuple[int, bytes]], *, begin: bool) -> Row:
    with BareSocket(server) as client:
        if begin:
            client.hello()
        with suppress(ConnectionError):
            for kind, data in messages:
                client.send(kind, data)
                if len(messages) > 1:
                    time.sleep(0.004)  # or the newest wins, and the others are not looked at
        code, said = client.closed()
    return {"code": code, "said": said}


def big(server: Server, picture: bytes, count: int) -> Row:
    """A message of 100 MB, in one frame."""
    with BareSocket(server) as client:
        client.hello()
        with suppress(ConnectionError):
            client.socket.sendall(frame_head(BINARY, _BIG))
            for _ in range(_BIG // 1_000_000):
                client.socket.sendall(bytes(1_000_000))
        code, said = client.closed()
    return {"code": code, "said": said}


def half_open(server: Server, picture: bytes, count: int) -> Row:
    """count / 10 connections that stop in the middle of a word and stay; others are answered meanwhile."""
    held = []
    try:
        for i in range(count // 10):
            made = bare(server)
            held.append(made)
            made.sendall([b"", b"GET /v1/str", b"POST /v1/images HTTP/1.1\r\nContent-Length: 900\r\n\r\nab"][i % 3])
        answer_ms = one_answer(server, picture)
    finally:
        for made in held:
            made.close()
    return {"connections": len(held), "others_answer_ms": round(answer_ms, 1)}


def full(server: Server, picture: bytes, count: int) -> Row:
    """One stream too many, and whether a place that is left is free again."""
    held: list[BareSocket] = []
    refused = ""
    try:
        while not refused and len(held) < 5000:
            try:
                held.append(BareSocket(server).hello())
            except KSError as exc:
                refused = str(exc)
        streams = len(held)
        held.pop().socket.close()
        until_s, again = time.perf_counter() + 5, False
        while not again and time.perf_counter() < until_s:
            with suppress(KSError):
                held.append(BareSocket(server))
                again = True
    finally:
        for client in held:
            client.socket.close()
    return {"streams": streams, "refused": refused, "free_again": again}


def wrong_token(server: Server, picture: bytes, count: int) -> Row:
    told = Counter[str]()
    for token in ("", "wrong", server.token[:-1], server.token + "x"):
        try:
            BareSocket(server, token=token).socket.close()
            told["taken"] += 1
        except KSError as exc:
            told[str(exc)] += 1
    return dict(told)


FAULTS: dict[str, Fault] = {
    "connects": connects,
    "flood": flood,
    "stall": stall,
    "garbage": garbage,
    "big": big,
    "half_open": half_open,
    "full": full,
    "wrong_token": wrong_token,
}


def fault_row(fault: Fault, server: Server, picture: bytes, count: int) -> Row:
    """What the fault says; the server before and after; and how long an innocent client waits then."""
    assert server.pid is not None
    for _ in range(5):
        one_answer(server, picture)
    settled(server)
    before = level(server.pid)
    found = fault(server, picture, count)
    free = settled(server)
    answer_ms = one_answer(server, picture)
    settled(server)
    return {
        **found,
        "all_places_free": free,
        "answer_ms_after": round(answer_ms, 1),
        "before": before.row(),
        "after": level(server.pid).row(),
    }


def _drain(client: BareSocket) -> None:
    with suppress(OSError, KSError, ValueError):
        while True:
            client.answer()
