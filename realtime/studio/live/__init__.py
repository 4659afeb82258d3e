"""A camera, a stream or a recording, live in the page: a message is a picture with its results."""

from knowledge_spreader.realtime.studio.live.socket import live_socket

__all__ = ["live_socket"]
