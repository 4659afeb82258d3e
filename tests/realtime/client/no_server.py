"""NoServer: what stands before a ks-serve that is not there, as a reverse proxy does, or Ray's while a copy starts."""

from http.server import BaseHTTPRequestHandler


class NoServer(BaseHTTPRequestHandler):
    """Answers 500 to all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, *said: object) -> None:
        pass
