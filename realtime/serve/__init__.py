"""Many live streams on one engine: a WebSocket for each, the faces of all in one batch."""
