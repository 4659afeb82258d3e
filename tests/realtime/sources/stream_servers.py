"""Small real servers on loopback that send a video slowly, hang up, fall silent, or ask for a password."""

import base64
import socket
import threading
from contextlib import contextmanager


class HttpStream:
    """Serves one connection after another with send(connection number, write), and counts them.

    send must watch `closing` while it waits. write(b"") does not end the stream. With user and password set, requests
    without them get 401.
    """

    def __init__(self, send, *, content_type="video/mp2t", headers="", user="", password=""):
        self.closing = threading.Event()
        self.connections = 0
        self._send, self._allowed = send, None
        self._head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n{headers}\r\n".encode()
        if user:
            self._allowed = b"basic " + base64.b64encode(f"{user}:{password}".encode()).lower()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._peers = []

    def url(self, user_info=""):
        return f"http://{user_info}127.0.0.1:{self.port}/live"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept
        self._thread.join()
        self._socket.close()
        for peer in self._peers:
            peer.join()

    def _serve(self):
        while True:
            peer, _ = self._socket.accept()
            if self.closing.is_set():
                peer.close()
                return
            thread = threading.Thread(target=self._answer, args=(peer,))
            thread.start()
            self._peers = [t for t in self._peers if t.is_alive()] + [thread]

    def _answer(self, peer):
        with peer:
            request = b""
            while b"\r\n\r\n" not in request:
                part = peer.recv(4096)
                if not part:
                    return
                request += part
            try:
                if self._allowed is None or self._allowed in request.lower():
                    number, self.connections = self.connections, self.connections + 1
                    peer.sendall(self._head)
                    self._send(number, peer.sendall)
                else:
                    peer.sendall(b"HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                pass  # the viewer went away


@contextmanager
def silent_server():
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def paced(data, write, closing, *, seconds, parts=50):
    """Sends data in parts over some seconds."""
    size = -(-len(data) // parts)
    for start in range(0, len(data), size):
        write(data[start : start + size])
        if closing.wait(seconds / parts):
            return
