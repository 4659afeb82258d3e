"""The client of ks-serve: frames to a server, an answer for each that it analysed.

    from knowledge_spreader.realtime.client import connect

    with connect("http://127.0.0.1:8765", token) as stream:
        for answer in stream.watch(frames):            # frames: pairs of seconds and picture
            for face in answer["faces"]:
                if face["success"]:
                    print(answer["time_s"], face["face_id"], face["aus"]["AU12"]["p"])

An answer is the object of `--jsonl` (realtime/sinks/jsonl_sink.py).
"""

from knowledge_spreader.errors import MissingError

try:
    from knowledge_spreader.realtime.client.pictures import FORMATS, at_their_times
    from knowledge_spreader.realtime.client.stream import AuStream, connect
except ImportError as exc:
    raise MissingError(f"the client needs {exc.name or 'an extra'}: pip install 'knowledge-spreader[serve]'") from exc

__all__ = ["FORMATS", "AuStream", "at_their_times", "connect"]
